"""What ``style-seq`` is measured by: charts that nothing was learnt from, all pairs of styles, real pieces.

References
----------
O. Cifka, U. Simsekli and G. Richard, "Groove2Groove", 2020: the aligned target as the truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from segue.music import Piece
from segue.plugin_api.training import Report
from segue.plugins.packs import pop909
from segue.plugins.score.data import part_of
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style.measure import chroma_similarity, melody_kept, strength
from segue.plugins.style_seq.arrange import frames_of, read_content
from segue.plugins.style_seq.artifacts import Artifacts
from segue.plugins.style_seq.bench import Bench, Case, Played
from segue.plugins.style_seq.data import POP, Song
from segue.plugins.style_seq.ear_training import chords_report
from segue.plugins.style_seq.ensemble import by_example, by_name
from segue.plugins.style_seq.hearing import root_and_mode
from segue.plugins.style_seq.likelihood import likelihood
from segue.plugins.style_seq.likeness import class_f1, note_f1, onset_f1, without_melody
from segue.plugins.style_seq.retrieval import Retrieval
from segue.plugins.style_seq.source_cycle import hear_cycle

_STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_REAL: Final = 24
_REAL_BARS: Final = 32
_REAL_STYLES: Final = ("hymn", "jazz_swing", "pop_8beat", "rock", "bossanova", "house", "folk", "hiphop")

Row = dict[str, float]


def reports(made: Artifacts, songs: Sequence[Song], data: Path, console: Console) -> list[Report]:
    """Measure everything: pairs of styles, strength, examples, real pieces, likelihood."""
    bench = Bench(made, songs, data)
    parts = (_pairs, _strengths, _examples, _real)
    chords = chords_report(made.ear, bench.listener.networks, data, console)
    return [*(part(bench, console) for part in parts), likelihood(made.network, songs), chords]


def _pairs(bench: Bench, console: Console) -> Report:
    rows: dict[str, list[Row]] = defaultdict(list)
    banks: dict[str, Retrieval] = {}
    together: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in bench.cases():
        together[case.chart.number, case.source].append(case)
    for cases in track(list(together.values()), "pairs of styles", console=console):
        arrangement = bench.arrangement(cases[0])
        ensembles = [by_name(bench.made, case.target) for case in cases]
        pieces = [played.piece() for played in bench.play(arrangement, ensembles)]
        frames = frames_of(arrangement.piece, arrangement.bars)
        content = read_content(arrangement, frames)
        cycle = hear_cycle(arrangement, frames, content, bench.made.network)
        for number, (case, ensemble) in enumerate(zip(cases, ensembles, strict=True)):
            if case.target not in banks:
                own = [song for song in bench.songs if song.style == case.target and song.part == "train"]
                banks[case.target] = Retrieval(own)
            tracks = [role.track for role in ensemble.roles]
            whole, rooted = (banks[case.target].play(content, tracks, cycle, whole) for whole in (True, False))
            results = {
                "style-seq": pieces[number],
                "copy of the input (identity)": arrangement.piece,
                "retrieval": Played(arrangement, ensemble, whole).piece(),
                "retrieval, root by root": Played(arrangement, ensemble, rooted).piece(),
                "random target": pieces[number - 1],
                "the true target": bench.truth(case.chart, case.target),
            }
            for name, piece in results.items():
                rows[name].append(_measure(bench, case, arrangement, piece))
    return Report(
        f"{len(rows['style-seq'])} transfers, one for each ordered pair of the 16 synthetic styles, of "
        f"{len(bench.charts)} test charts with their melody, which neither this model nor the judge learnt from; "
        "chords as its ear and melody as score heard them. strength: half of the source's drop and the target's rise "
        "in probability by the classifier of score. chroma: bar by bar, to the source. melody: share of the chart's "
        "notes kept. Against the true target, the same chart in that style: chords (root, and major or minor, of "
        "half beats) as heard in it, and as written in the chart; F1 of the pitch classes of each beat, of onsets "
        "(0.05 s), of pitched notes (pitch and onset), of drums. retrieval: each bar is the training bar of the "
        "style with the nearest chords, of those alike one at the same place of the cycle, as it was heard in the "
        "source; transposed to the first root; root by root: with its notes as high above each root as they were, "
        "which borrows this model's encoding. random target: the same piece moved to another style than the one it is "
        "judged by.",
        {name: _mean(found) for name, found in rows.items()},
    )


def _measure(bench: Bench, case: Case, arrangement: Arrangement, piece: Piece) -> Row:
    before, (after, of_piece) = bench.facts(arrangement.piece)[0], bench.facts(piece)
    drop, rise = before[case.source] - after[case.source], after[case.target] - before[case.target]
    melody = replace(arrangement, melody=arrangement.piece.track == 0)
    target = case.chart.styles[case.target]
    accompaniment = without_melody(piece, case.chart.melody)
    written = next(s for s in bench.songs if s.chart == f"c{case.chart.number}").content
    in_chart = root_and_mode((12 * written.quality + written.root).reshape(-1))
    of_target = bench.facts(bench.truth(case.chart, case.target))[1]
    count = min(len(of_piece), len(of_target), len(in_chart))
    return {
        "strength": (drop + rise) / 2,
        "drop": drop,
        "rise": rise,
        "chroma": chroma_similarity(arrangement.piece, piece, arrangement.bars),
        "melody": melody_kept(melody, piece),
        "chords as in target": float((of_target[:count] == of_piece[:count]).all(1).mean()),
        "chords as written": float((in_chart[:count] == of_piece[:count]).all(1).mean()),
        "pitch classes F1": class_f1(target, accompaniment, 8 * case.chart.bars),
        "onset F1": onset_f1(target.without_drums(), accompaniment.without_drums()),
        "pitch F1": note_f1(target.without_drums(), accompaniment.without_drums()),
        "drum F1": note_f1(target.select(target.is_drum), accompaniment.select(accompaniment.is_drum)),
    }


def _strengths(bench: Bench, console: Console) -> Report:
    cases = bench.cases()[::12]
    asked: list[float] = []
    got: list[float] = []
    own: list[float] = []
    for case in track(cases, "strength", console=console):
        (played,) = bench.play(bench.arrangement(case), [by_name(bench.made, case.target)])
        heard = [bench.judge.probability(played.piece(share), (case.target,)) for share in _STRENGTHS]
        asked += _STRENGTHS
        got += heard
        own.append(float(spearmanr(_STRENGTHS, heard).statistic))
    means = np.array(got).reshape(-1, len(_STRENGTHS)).mean(0)
    row = {"Spearman, all": float(spearmanr(asked, got).statistic), "Spearman, mean of pieces": float(np.mean(own))}
    return Report(
        f"Strength asked and probability of the target got, {len(cases)} transfers of test charts at five strengths; "
        "mean probability at each.",
        {"style-seq": row | {f"{s:g}": float(mean) for s, mean in zip(_STRENGTHS, means, strict=True)}},
    )


def _examples(bench: Bench, console: Console) -> Report:
    cases, rows = bench.cases()[::12], defaultdict(list)
    for number, case in enumerate(track(cases, "examples", console=console)):
        arrangement = bench.arrangement(case)
        example = bench.charts[(number * 5 + 1) % len(bench.charts)]
        ensembles = {
            "by example": by_example(bench.made, example.with_melody(case.target)),
            "by name": by_name(bench.made, case.target),
        }
        for name, played in zip(ensembles, bench.play(arrangement, list(ensembles.values())), strict=True):
            rows[name].append(_measure(bench, case, arrangement, played.piece()))
    return Report(
        f"{len(cases)} transfers of test charts whose style is told by another test chart in it, with its melody.",
        {name: _mean(found) for name, found in rows.items()},
    )


def _real(bench: Bench, console: Console) -> Report:
    """Move test songs of POP909 to eight styles, one of each group."""
    rows: dict[str, list[Row]] = defaultdict(list)
    held_out = [song for song in pop909.songs(bench.data) if part_of(song.number) == "test"][:_REAL]
    for number, song in enumerate(track(held_out, "songs of POP909", console=console)):
        piece = song.piece()
        arrangement = bench.listener.arrangement(piece.select(piece.start < 4 * _REAL_BARS))
        names = [info.name for info in arrangement.piece.tracks]
        truth = replace(arrangement, melody=arrangement.piece.track == names.index("MELODY"))
        styles = _REAL_STYLES[number % 2 :: 2]
        for style, played in zip(
            styles, bench.play(arrangement, [by_name(bench.made, s) for s in styles]), strict=True
        ):
            for name, made in (("style-seq", played.piece()), ("identity", arrangement.piece)):
                moved = strength(bench.judge, arrangement.piece, made, (POP,), (style,))
                rows[name].append(
                    {
                        "strength": moved.total, "drop": moved.drop, "rise": moved.rise,
                        "chroma": chroma_similarity(arrangement.piece, made, arrangement.bars),
                        "melody": melody_kept(truth, made),
                    }
                )  # fmt: skip
    return Report(
        f"{len(held_out)} test songs of POP909, about {_REAL_BARS} bars of each, to four of eight styles each: one of "
        "every group.",
        {name: _mean(found) for name, found in rows.items()},
    )


def _mean(rows: Iterable[Row]) -> Row:
    rows = list(rows)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
