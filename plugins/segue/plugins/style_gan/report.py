"""How well pieces of the test part are moved between jazz, classical and pop, and how much of them is kept.

Pieces go the whole way that a request goes: ``score`` hears them, what it heard is all that the model knows.

References
----------
G. Brunner et al., "Symbolic Music Genre Transfer with CycleGAN", ICTAI 2018: the strength, and a classifier that was
not trained for this as its judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from scipy.stats import spearmanr
from segue.music import Piece, piece_to_midi
from segue.plugin_api.training import Report
from segue.plugins.score.networks import shipped_networks
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.hearing import hear
from segue.plugins.style.measure import StyleJudge, chroma_similarity, groove_similarity, melody_kept, strength
from segue.plugins.style.styles import GROUPS, style_to_write
from segue.plugins.style_gan.artifacts import Artifacts
from segue.plugins.style_gan.data import LEAD_SHEET, Song
from segue.plugins.style_gan.rewriter import rewrite, with_melody

_TARGETS: Final = ("jazz", "classical", "pop")
_REAL: Final = 24
"""Chorales and lead sheets that are moved, of each."""
_STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_MONOTONE: Final = 24
"""Pieces that are moved by each of the strengths."""
_CHORALE: Final = "chorale"


class Listener:
    """Hears pieces as they are heard when they are asked for."""

    def __init__(self) -> None:
        self._networks = shipped_networks()

    def __call__(self, piece: Piece) -> Arrangement:
        """Return what is kept of a piece."""
        return with_melody(read_arrangement(piece, hear(piece_to_midi(piece), self._networks)))


@dataclass(frozen=True)
class Way:
    """A song, what was heard of it, the group of styles that it comes from, and the one that it goes to."""

    song: Song
    heard: Arrangement
    source: str
    target: str


def reports(made: Artifacts, songs: Sequence[Song]) -> list[Report]:
    """Measure songs of the test part.

    Parameters
    ----------
    made
        What was trained.
    songs
        Charts with their tune in every style, chorales, lead sheets.
    """
    listen, judge = Listener(), StyleJudge()
    rng = np.random.default_rng(0)
    written = {target: style_to_write(target, made.styles) for target in _TARGETS}
    charts = [song for song in songs if group_of(song.style) and song.style != _CHORALE]
    aligned = {(song.chart, song.style): song.arrangement.piece for song in songs}
    ways = _ways(charts, listen)
    both = [way for way in ways if "pop" not in (way.source, way.target)]

    def measure(chosen: Sequence[Way], change: Callable[[Way], Piece]) -> list[dict[str, float]]:
        return [figures_of(way, change(way), judge) for way in chosen]

    def another(way: Way) -> Piece:
        own = [song for song in charts if song.style in GROUPS[way.target]]
        return own[rng.integers(len(own))].arrangement.piece

    moved = {}
    for way in ways:
        piece = rewrite(made, way.heard, written[way.target], seed=1).piece
        moved[id(way)] = figures_of(way, piece, judge)
    steady = [_monotone(made, way, written[way.target], judge) for way in both[:: max(len(both) // _MONOTONE, 1)]]
    rows = {
        "style-gan": _mean([moved[id(way)] for way in both]) | {"strength": float(np.mean(steady))},
        "identity": _mean(measure(both, lambda way: way.heard.piece)),
        "another piece in the target style": _mean(measure(both, another)),
        "the chart as the program arranges it": _mean(
            measure(both, lambda way: aligned[way.song.chart, GROUPS[way.target][0]])
        ),
    }
    pairs = {
        f"{source} to {target}": _mean([moved[id(way)] for way in ways if (way.source, way.target) == (source, target)])
        for source, target in permutations(_TARGETS, 2)
    }
    by_style = {}
    for style in made.styles:
        own = [way for way in both if style in GROUPS[way.target]]
        done = [rewrite(made, way.heard, style, seed=1).piece for way in own]
        found = [figures_of(way, piece, judge) for way, piece in zip(own, done, strict=True)]
        for row, way, piece in zip(found, own, done, strict=True):
            if (way.song.chart, style) in aligned:
                real = aligned[way.song.chart, style]
                row |= {"F1": onset_f1(piece, real), "F1 of the source": onset_f1(way.heard.piece, real)}
        if found:
            by_style[style] = _mean(found)
    real_rows = {
        f"{name} to {own[0].target}": _mean(
            measure(own, lambda way: rewrite(made, way.heard, written[way.target], seed=1).piece)
        )
        for name, own in _real(songs, listen).items()
    }
    protocol = (
        f"{len(charts)} arrangements of {len({song.chart for song in charts})} charts that neither this model nor the "
        "judge learnt from, with their tunes (synthetic accompaniments, real tunes). The judge is the style classifier "
        "of score, which hears neither instruments nor drums, tempo, loudness or tracks; a group's probability is the "
        "sum of its styles'. S: half of drop (of the source's) and rise (of the target's probability). chroma, groove: "
        "cosine by bars. melody kept: of the notes heard as melody; tune kept: of the true tune's. "
    )
    return [
        Report(
            protocol + "Between jazz and classical, both ways. strength: Spearman with the target's probability.", rows
        ),
        Report(protocol + "By pair.", pairs),
        Report(
            protocol + "Between jazz and classical by the style that is written. F1: sixteenths and pitches of onsets "
            "against the same chart as the program arranges it, tune included.",
            by_style,
        ),
        Report(
            "Real pieces of the test part: chorales by Bach, and lead sheets of OpenEWLD (tune over block chords, "
            "which no style of the judge's is, so that the drop says little). Columns as above.",
            real_rows,
        ),
    ]


def group_of(style: str) -> str:
    """Return the group of a style, of those that pieces are moved between; empty for others."""
    return next((group for group in _TARGETS if style in GROUPS[group]), "")


def _ways(songs: Sequence[Song], listen: Listener) -> list[Way]:
    found = []
    for song in songs:
        heard, source = listen(song.arrangement.piece), group_of(song.style)
        found += [Way(song, heard, source, target) for target in _TARGETS if target != source]
    return found


def _real(songs: Sequence[Song], listen: Listener) -> dict[str, list[Way]]:
    ways = {}
    for style, name, source, target in (
        (_CHORALE, "chorales", "classical", "jazz"),
        (LEAD_SHEET, "lead sheets", "jazz", "classical"),
    ):
        own = [song for song in songs if song.style == style][:_REAL]
        ways[name] = [Way(song, listen(song.arrangement.piece), source, target) for song in own]
    return {name: own for name, own in ways.items() if own}


def figures_of(way: Way, after: Piece, judge: StyleJudge) -> dict[str, float]:
    """Measure how far a piece went and what of it was kept."""
    heard = way.heard
    how_far = strength(judge, heard.piece, after, GROUPS[way.source], GROUPS[way.target])
    return {
        "S": how_far.total,
        "drop": how_far.drop,
        "rise": how_far.rise,
        "chroma": chroma_similarity(heard.piece, after, heard.bars),
        "groove": groove_similarity(heard.piece, after, heard.bars),
        "melody kept": melody_kept(heard, after),
        "tune kept": melody_kept(way.song.arrangement, after),
    }


def onset_f1(one: Piece, other: Piece) -> float:
    """Compare sixteenths and pitches of onsets, drums left out: F1."""
    found = []
    for piece in (one, other):
        notes = piece.without_drums()
        found.append(set(zip(np.rint(4 * notes.start).tolist(), notes.pitch.tolist(), strict=True)))
    return 2 * len(found[0] & found[1]) / max(len(found[0]) + len(found[1]), 1)


def _monotone(made: Artifacts, way: Way, style: str, judge: StyleJudge) -> float:
    pieces = [rewrite(made, way.heard, style, strength=share, seed=1).piece for share in _STRENGTHS]
    heard = [judge.probability(piece, GROUPS[way.target]) for piece in pieces]
    return float(spearmanr(_STRENGTHS, heard).statistic)


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = rows[0] if rows else ()
    return {name: float(np.mean([row[name] for row in rows])) for name in names}
