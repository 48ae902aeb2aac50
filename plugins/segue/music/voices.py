"""Voice leading between tracks that each hold one voice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece

Pitches = NDArray[np.int64] | int
_MOST_VOICES: Final = 8
_ALONE: Final = 0.98
_OVERLAP: Final = 0.05
_DOUBLING, _FEW = 0.2, 2
"""Share of the lower voice's notes that go in parallel with the upper one (and so many) above which it doubles it."""
_PERFECT: Final = {0: "octaves", 7: "fifths"}


class Clash(NamedTuple):
    """Where two voices, by their tracks, get in each other's way, from beat to beat, and what they do."""

    begin: float
    end: float
    upper: int
    lower: int
    text: str


def voices(piece: Piece) -> list[int]:
    """Return the tracks that hold one voice each, highest first; empty unless 2 to 8 tracks all do."""
    used = np.unique(piece.track).tolist()
    if not 2 <= len(used) <= _MOST_VOICES:
        return []
    for track in used:
        own = piece.track == track
        start, end = piece.start[own], piece.end[own]
        if len(start) < 2 or (end[:-1] <= start[1:] + _OVERLAP).mean() < _ALONE:
            return []
    return sorted(used, key=lambda track: -float(np.median(piece.pitch[piece.track == track])))


def in_parallel(above: Pitches, below: Pitches, next_above: Pitches, next_below: Pitches) -> NDArray[np.bool_]:
    """Say where two voices move the same way from a perfect fifth or octave to the next; the pitches broadcast."""
    interval = (above - below) % 12
    same = (next_above - next_below) % 12 == interval
    return np.asarray(same & ((interval == 0) | (interval == 7)) & ((next_above - above) * (next_below - below) > 0))


def _at(piece: Piece, track: int, moments: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pitch of a voice at each moment, -1 in a rest, and where that note begins."""
    own = piece.select(piece.track == track)
    if not len(own):
        return np.full(len(moments), -1), moments
    row = np.searchsorted(own.start, moments + 1e-3, side="right") - 1
    sounds = (row >= 0) & (own.end[np.maximum(row, 0)] > moments + 1e-3)
    row = np.maximum(row, 0)
    return np.where(sounds, own.pitch[row], -1), own.start[row]


def parallels(piece: Piece, ordered: Sequence[int] | None = None) -> Iterator[Clash]:
    """Yield places where two voices go on in parallel perfect fifths or octaves, from the first chord to the second.

    Parameters
    ----------
    piece
        The notes.
    ordered
        What ``voices`` says, where it is known, as of a piece that this is a part of.
    """
    ordered = voices(piece) if ordered is None else ordered
    moments = np.unique(np.round(piece.start, 3))
    lines = {track: _at(piece, track, moments) for track in ordered}
    for upper, lower in combinations(ordered, 2):
        (a, begun), (b, begun_below) = lines[upper], lines[lower]
        first = np.maximum(begun, begun_below)  # where the two notes that are left are both there
        heard = (a >= 0) & (b >= 0)
        kept = heard[1:] & heard[:-1] & in_parallel(a[:-1], b[:-1], a[1:], b[1:])
        for row in np.flatnonzero(kept).tolist():
            name = _PERFECT[int(a[row] - b[row]) % 12]
            text = f"Tracks {upper + 1} and {lower + 1} move in parallel {name}."
            yield Clash(float(first[row]), float(moments[row + 1]), upper, lower, text)


def not_doubled(piece: Piece, found: Sequence[Clash]) -> list[Clash]:
    """Return the parallels of a piece but those of two voices of which one doubles the other, as in an orchestra."""
    together = Counter((clash.upper, clash.lower) for clash in found)
    notes = np.bincount(piece.track, minlength=len(piece.tracks))
    return [c for c in found if together[c.upper, c.lower] <= max(_DOUBLING * notes[c.lower], _FEW)]


def crossings(piece: Piece, ordered: Sequence[int] | None = None) -> Iterator[Clash]:
    """Yield stretches where a lower voice is above the next higher one; parameters as of ``parallels``."""
    ordered = voices(piece) if ordered is None else ordered
    moments = np.unique(np.round(np.r_[piece.start, piece.end], 3))
    for upper, lower in pairwise(ordered):
        a, b = _at(piece, upper, moments)[0], _at(piece, lower, moments)[0]
        above = (a >= 0) & (b > a)
        edges = np.flatnonzero(np.diff(np.r_[False, above, False].astype(int)))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            text = f"Track {lower + 1} is above track {upper + 1}."
            yield Clash(float(moments[begin]), float(moments[min(end, len(moments) - 1)]), upper, lower, text)
