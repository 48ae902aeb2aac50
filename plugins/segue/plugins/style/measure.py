"""How far a piece was moved to a style and how much of it was kept: what answers and reports state.

References
----------
.. [1] G. Brunner, Y. Wang, R. Wattenhofer and S. Zhao, "Symbolic music genre transfer with CycleGAN", ICTAI 2018.
.. [2] S.-L. Wu and Y.-H. Yang, "MuseMorphose", 2021, eq. 18-20: bar-wise similarity of chroma and grooving.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.score import plugin as score
from segue.plugins.score.linear import LinearClassifier
from segue.plugins.score.style import style_features
from segue.plugins.style.arrangement import Arrangement
from segue.v1 import music_pb2

_STYLES: Final = "styles.safetensors"
_PLACES: Final = 16
"""Places in a bar that grooves are compared at."""
_NEAR: Final = 0.05


class StyleJudge:
    """The shipped classifier of ``score``, which hears neither instruments nor drums, tempo, loudness or tracks."""

    def __init__(self) -> None:
        shipped = score.ScoreAnalyzer.models[0].shipped
        assert shipped is not None
        self._classifier = LinearClassifier.load(shipped / "1" / _STYLES)

    def probability(self, piece: Piece, styles: Iterable[str]) -> float:
        """Return the probability that a piece with pitched notes is in one of some styles."""
        found = self.probabilities(piece)
        return sum(found[style] for style in styles)

    def probabilities(self, piece: Piece) -> dict[str, float]:
        """Return the probability of each style of a piece with pitched notes."""
        found = self._classifier.probabilities(style_features(piece))
        return dict(zip(self._classifier.labels, found.tolist(), strict=True))


@dataclass(frozen=True)
class Strength:
    """How far a transfer went, by probabilities of the source's and the target's styles [1]_.

    Attributes
    ----------
    drop
        How much the probability of the source fell.
    rise
        How much that of the target rose.
    """

    drop: float
    rise: float

    @property
    def total(self) -> float:
        """Half of drop and rise together, -1 to 1: what a two-way classifier's drop is."""
        return (self.drop + self.rise) / 2


def strength(judge: StyleJudge, before: Piece, after: Piece, source: Iterable[str], target: Iterable[str]) -> Strength:
    """Measure how far a piece was moved from one style, or group of styles, to another."""
    source, target = tuple(source), tuple(target)
    return Strength(
        judge.probability(before, source) - judge.probability(after, source),
        judge.probability(after, target) - judge.probability(before, target),
    )


def chroma_similarity(before: Piece, after: Piece, bars: NDArray[np.float64]) -> float:
    """Compare which pitch classes sound how long in each bar: mean cosine over bars in which both sound [2]_.

    Parameters
    ----------
    before, after
        The pieces; drums are left out.
    bars : ndarray, shape (bars + 1,)
        Edges of bars, in beats.
    """
    return _mean_cosine(_chroma(before, bars), _chroma(after, bars))


def groove_similarity(before: Piece, after: Piece, bars: NDArray[np.float64]) -> float:
    """Compare at which sixteenths notes begin, how many: mean cosine over bars in which both sound [2]_."""
    return _mean_cosine(_grooves(before, bars), _grooves(after, bars))


def melody_kept(arrangement: Arrangement, after: Piece) -> float:
    """Return the share of the melody's notes that begin in the result within a twentieth of a beat, in any octave."""
    piece = arrangement.piece.select(arrangement.melody)
    if not len(piece):
        return 1.0
    notes = after.without_drums()
    kept = 0
    for start, pitch in zip(piece.start.tolist(), piece.pitch.tolist(), strict=True):
        low, high = np.searchsorted(notes.start, [start - _NEAR, start + _NEAR])
        kept += bool(((notes.pitch[low:high] - pitch) % 12 == 0).any())
    return kept / len(piece)


def figures(arrangement: Arrangement, after: Piece) -> list[music_pb2.Figure]:
    """State in figures what a transfer kept; the piece itself has 1 everywhere."""
    before = arrangement.piece
    found = {
        "chroma similarity": chroma_similarity(before, after, arrangement.bars),
        "groove similarity": groove_similarity(before, after, arrangement.bars),
        "melody kept": melody_kept(arrangement, after),
    }
    return [music_pb2.Figure(name=name, before=1, after=value, unit="0-1") for name, value in found.items()]


def _chroma(piece: Piece, bars: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long each pitch class sounds in each bar, shape (bars, 12)."""
    notes = piece.without_drums()
    table = np.zeros((len(bars) - 1, 12))
    first = np.clip(np.searchsorted(bars, notes.start + 1e-6, side="right") - 1, 0, len(table) - 1)
    last = np.clip(np.searchsorted(bars, notes.end - 1e-6, side="right") - 1, first, len(table) - 1)
    for reach in range(int((last - first).max(initial=-1)) + 1):
        inside = first + reach <= last
        bar = first[inside] + reach
        sounds = np.minimum(notes.end[inside], bars[bar + 1]) - np.maximum(notes.start[inside], bars[bar])
        np.add.at(table, (bar, notes.pitch[inside] % 12), np.maximum(sounds, 0))
    return table


def _grooves(piece: Piece, bars: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many pitched notes begin at each sixteenth of each bar, shape (bars, 16)."""
    notes = piece.without_drums()
    table = np.zeros((len(bars) - 1, _PLACES))
    bar = np.clip(np.searchsorted(bars, notes.start + 1e-6, side="right") - 1, 0, len(table) - 1)
    place = (notes.start - bars[bar]) / (bars[bar + 1] - bars[bar]) * _PLACES
    np.add.at(table, (bar, np.clip(np.rint(place), 0, _PLACES - 1).astype(np.int64)), 1)
    return table


def _mean_cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    both = length > 0
    return float(((one * other).sum(axis=1)[both] / length[both]).mean()) if both.any() else 0.0
