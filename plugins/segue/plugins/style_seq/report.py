"""What ``style-seq`` is measured by: charts that nothing was learnt from, all pairs of styles, real pieces.

References
----------
O. Cifka, U. Simsekli and G. Richard, "Groove2Groove", 2020: the aligned target as the truth. C. Raffel et al.,
"mir_eval", ISMIR 2014: onset F-measure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from mir_eval.onset import f_measure
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from segue.music import Piece, midi_to_piece, piece_to_midi
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api.training import Report
from segue.plugins.score.data import songs as pop_songs
from segue.plugins.score.model import analyze
from segue.plugins.score.networks import Networks
from segue.plugins.score.plugin import ScoreAnalyzer, ScoreOptions
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.measure import StyleJudge, chroma_similarity, melody_kept, strength
from segue.plugins.style.pack import Chart, read_charts
from segue.plugins.style.transferrer import HEARD_BEFORE
from segue.plugins.style_seq.arrange import frames_of, read_content, silent_frames
from segue.plugins.style_seq.artifacts import Artifacts
from segue.plugins.style_seq.composer import Composer, Plan
from segue.plugins.style_seq.content import sounding
from segue.plugins.style_seq.data import POP, Song
from segue.plugins.style_seq.ensemble import Ensemble, by_example, by_name
from segue.plugins.style_seq.likelihood import likelihood
from segue.plugins.style_seq.retrieval import Retrieval
from segue.plugins.style_seq.rewrite import Manner, put_in_place
from segue.v1 import analyze_pb2, music_pb2

_TOLERANCE: Final = 0.05
"""Seconds that an onset may be off, as is usual."""
_STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_MANNER: Final = Manner(1.0, 0.1, 0.9, 0)
_REAL: Final = 10
_REAL_BARS: Final = 32
_REAL_STYLES: Final = ("hymn", "jazz_swing", "pop_8beat", "rock", "bossanova", "house", "folk", "hiphop")
_MINOR: Final = np.array([name in ("min", "min7", "dim", "hdim7", "dim7") for name in QUALITY_NAMES])

Row = dict[str, float]


def reports(made: Artifacts, songs: Sequence[Song], data: Path, console: Console) -> list[Report]:
    """Measure everything: pairs of styles, strength, examples, real pieces, likelihood."""
    bench = _Bench(made, songs, data)
    parts = (_pairs, _strengths, _examples, _real)
    return [*(part(bench, console) for part in parts), likelihood(made.network, songs)]


@dataclass(frozen=True)
class Case:
    """A transfer that is measured: a test chart, and the styles it has and is to have."""

    chart: Chart
    source: str
    target: str


@dataclass(frozen=True)
class _Bench:
    """All that measuring needs."""

    made: Artifacts
    songs: Sequence[Song]
    data: Path

    @cached_property
    def charts(self) -> list[Chart]:
        return [chart for chart in read_charts(self.data) if chart.part == "test"]

    @cached_property
    def networks(self) -> Networks:
        shipped = ScoreAnalyzer.models[0].shipped
        assert shipped is not None
        return Networks.load(shipped / "1")

    @cached_property
    def judge(self) -> StyleJudge:
        return StyleJudge()

    @cached_property
    def composer(self) -> Composer:
        return Composer(self.made.network)

    @cached_property
    def heard(self) -> dict[tuple[str, str], Arrangement]:
        return {}

    def cases(self) -> list[Case]:
        """Return every ordered pair of styles once; the charts take turns."""
        styles = sorted(self.charts[0].styles)
        found = []
        for number, source in enumerate(styles):
            for other, target in enumerate(styles):
                if source != target:
                    chart = self.charts[(3 * number + other % 3) % len(self.charts)]
                    found.append(Case(chart, source, target))
        return found

    def arrangement(self, case: Case) -> Arrangement:
        """Return a chart in its source's style, its melody on top, as it is heard."""
        key = (case.chart.number, case.source)
        if key not in self.heard:
            self.heard[key] = self.listen(case.chart.with_melody(case.source))
        return self.heard[key]

    def listen(self, piece: Piece) -> Arrangement:
        """Read a piece as a request would bring it."""
        midi = piece_to_midi(piece)
        request = analyze_pb2.AnalyzeRequest(music=music_pb2.Music(midi=midi), aspects=HEARD_BEFORE)
        return read_arrangement(midi_to_piece(midi)[0], analyze(request, ScoreOptions().model_dump(), self.networks))

    def play(self, arrangement: Arrangement, ensembles: Sequence[Ensemble]) -> list[Played]:
        """Rewrite a piece for several ensembles, all in one pass."""
        frames = frames_of(arrangement.piece, arrangement.bars)
        content, silent = read_content(arrangement, frames), silent_frames(arrangement, frames)
        players = tuple(player for ensemble in ensembles for player in ensemble.players)
        plan = Plan(content, silent, players, _MANNER.temperature, _MANNER.top_p, _MANNER.seed)
        *_, rows = self.composer.compose(plan)
        assert not isinstance(rows, float)
        ends = np.cumsum([len(ensemble.players) for ensemble in ensembles]).tolist()
        return [
            Played(arrangement, ensemble, rows[end - len(ensemble.players) : end])
            for ensemble, end in zip(ensembles, ends, strict=True)
        ]


@dataclass(frozen=True)
class Played:
    """An accompaniment to a piece, composed or found, which can be put in place at any strength."""

    arrangement: Arrangement
    ensemble: Ensemble
    rows: list[NDArray[np.int64]]

    def piece(self, strength: float = 1.0) -> Piece:
        """Return the piece with this accompaniment."""
        frames = frames_of(self.arrangement.piece, self.arrangement.bars)
        content = read_content(self.arrangement, frames)
        manner = replace(_MANNER, strength=strength)
        return put_in_place(self.arrangement, self.ensemble, manner, frames, content, self.rows)[0]


def _pairs(bench: _Bench, console: Console) -> Report:
    rows: dict[str, list[Row]] = defaultdict(list)
    banks: dict[str, Retrieval] = {}
    together: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in bench.cases():
        together[case.chart.number, case.source].append(case)
    for cases in track(list(together.values()), "pairs of styles", console=console):
        arrangement = bench.arrangement(cases[0])
        ensembles = [by_name(bench.made, case.target) for case in cases]
        pieces = [played.piece() for played in bench.play(arrangement, ensembles)]
        content = read_content(arrangement, frames_of(arrangement.piece, arrangement.bars))
        for number, (case, ensemble) in enumerate(zip(cases, ensembles, strict=True)):
            if case.target not in banks:
                own = [song for song in bench.songs if song.style == case.target and song.part == "train"]
                banks[case.target] = Retrieval(own)
            found = banks[case.target].play(content, [role.track for role in ensemble.roles])
            results = {
                "style-seq": pieces[number],
                "copy of the input (identity)": arrangement.piece,
                "retrieval": Played(arrangement, ensemble, found).piece(),
                "random target": pieces[number - 1],
                "the true target": case.chart.with_melody(case.target),
            }
            for name, piece in results.items():
                rows[name].append(_measure(bench, case, arrangement, piece))
    return Report(
        f"{len(rows['style-seq'])} transfers, one for each ordered pair of the 16 synthetic styles, of {len(bench.charts)} "
        "test charts with their melody, which neither this model nor the judge learnt from; chords and melody as score "
        "heard them. strength: half of the source's drop and the target's rise in probability by the classifier of "
        "score. chroma: bar by bar, to the source. melody: share of the chart's notes kept. Against the true target, "
        "the same chart in that style: chords (root, and major or minor, of half beats) as heard in it, and as written "
        "in the chart; F1 of the pitch classes of each beat, of onsets (0.05 s), of pitched notes (pitch and onset) and of drums. retrieval: each bar is "
        "the training bar of the style with the nearest chords, moved to them.",
        {name: _mean(found) for name, found in rows.items()},
    )


def _measure(bench: _Bench, case: Case, arrangement: Arrangement, piece: Piece) -> Row:
    moved = strength(bench.judge, arrangement.piece, piece, (case.source,), (case.target,))
    truth = replace(arrangement, melody=arrangement.piece.track == 0)
    target = case.chart.styles[case.target]
    accompaniment = without_melody(piece, case.chart.melody)
    half = (np.arange(8 * case.chart.bars) + 0.5) / 2
    written = next(s for s in bench.songs if s.chart == f"c{case.chart.number}").content
    of_target, of_piece = (_chords(bench.networks, p, half) for p in (case.chart.with_melody(case.target), piece))
    in_chart = np.stack([written.root.reshape(-1), _MINOR[np.minimum(written.quality, 10)].reshape(-1)], 1)
    return {
        "strength": moved.total,
        "drop": moved.drop,
        "rise": moved.rise,
        "chroma": chroma_similarity(arrangement.piece, piece, arrangement.bars),
        "melody": melody_kept(truth, piece),
        "chords as in target": float((of_target == of_piece).all(1).mean()),
        "chords as written": float((in_chart == of_piece).all(1).mean()),
        "pitch classes F1": class_f1(target, accompaniment, 8 * case.chart.bars),
        "onset F1": onset_f1(target.without_drums(), accompaniment.without_drums()),
        "pitch F1": note_f1(target.without_drums(), accompaniment.without_drums()),
        "drum F1": note_f1(target.select(target.is_drum), accompaniment.select(accompaniment.is_drum)),
    }


def without_melody(piece: Piece, melody: Piece) -> Piece:
    """Take the notes of a melody out of a piece."""
    notes = set(zip(np.round(melody.start, 2).tolist(), melody.pitch.tolist(), strict=True))
    keys = zip(np.round(piece.start, 2).tolist(), piece.pitch.tolist(), strict=True)
    return piece.select(np.array([key not in notes for key in keys], bool) | piece.is_drum)


def class_f1(truth: Piece, found: Piece, halves: int) -> float:
    """Compare the pitch classes that sound in each beat."""
    one, other = (
        sounding(notes.start, notes.end, notes.pitch, halves // 8)
        for notes in (truth.without_drums(), found.without_drums())
    )
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))


def onset_f1(truth: Piece, found: Piece) -> float:
    """Compare the moments at which something begins, within ``_TOLERANCE`` seconds; what begins closer is one moment."""
    if not len(truth) or not len(found):
        return float(len(truth) == len(found))
    return float(f_measure(_moments(truth), _moments(found), window=_TOLERANCE)[0])


def _moments(piece: Piece) -> NDArray[np.float64]:
    found: list[float] = []
    for second in np.sort(piece.beats_to_seconds(piece.start)).tolist():
        if not found or second > found[-1] + _TOLERANCE:
            found.append(second)
    return np.array(found)


def note_f1(truth: Piece, found: Piece) -> float:
    """Compare notes: the same pitch within ``_TOLERANCE`` seconds, each matched once."""
    if not len(truth) or not len(found):
        return float(len(truth) == len(found))
    hits = 0
    for pitch in np.intersect1d(truth.pitch, found.pitch).tolist():
        one, other = (np.sort(p.beats_to_seconds(p.start[p.pitch == pitch])) for p in (truth, found))
        at = 0
        for moment in one.tolist():
            while at < len(other) and other[at] < moment - _TOLERANCE:
                at += 1
            if at < len(other) and other[at] <= moment + _TOLERANCE:
                hits, at = hits + 1, at + 1
    return 2 * hits / (len(truth) + len(found))


def _chords(networks: Networks, piece: Piece, beats: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return root and whether it is a minor chord at some beats, as heard; -1 for none."""
    chord = networks.read(piece).chord_at(beats)
    none = chord >= 12 * len(QUALITY_NAMES)
    return np.stack([np.where(none, -1, chord % 12), _MINOR[np.minimum(chord // 12, 10)]], 1)


def _strengths(bench: _Bench, console: Console) -> Report:
    cases = bench.cases()[::10]
    asked, got, own = [], [], []
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


def _examples(bench: _Bench, console: Console) -> Report:
    cases, rows = bench.cases()[::8], defaultdict(list)
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


def _real(bench: _Bench, console: Console) -> Report:
    """Move test songs of POP909 to eight styles, one of each group."""
    rows: dict[str, list[Row]] = defaultdict(list)
    held_out = [song for song in pop_songs(bench.data) if song.part == "test"][:_REAL]
    for number, song in enumerate(track(held_out, "songs of POP909", console=console)):
        piece = song.piece()
        arrangement = bench.listen(piece.select(piece.start < 4 * _REAL_BARS))
        names = [info.name for info in arrangement.piece.tracks]
        truth = replace(arrangement, melody=arrangement.piece.track == names.index("MELODY"))
        styles = _REAL_STYLES[number % 2 :: 2]
        for style, played in zip(styles, bench.play(arrangement, [by_name(bench.made, s) for s in styles]), strict=True):
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
        f"{len(held_out)} test songs of POP909, about {_REAL_BARS} bars of each, to four of eight styles each: one of every group.",
        {name: _mean(found) for name, found in rows.items()},
    )


def _mean(rows: Iterable[Row]) -> Row:
    rows = list(rows)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
