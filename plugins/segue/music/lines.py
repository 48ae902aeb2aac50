"""The lines of a piece as a listener may follow them: what is compared with known melodies.

A track of single notes is one line. Of a track with chords the upper and the lower edge are lines, both of what is
struck and of what sounds (so a tune over broken chords is one), and so are its second highest and second lowest notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece

FEWEST: Final = 6
"""Notes of a line at least."""
_TOGETHER: Final = 0.05
_MOST_LINES: Final = 32
_CHORDS: Final = 0.9
_HALF: Final = 0.5
_LATE: Final = 0.1
"""Beats that a note may sound on into the next of its line."""


class Line(NamedTuple):
    """Indices of the notes of a line, and their pitch and start."""

    note: NDArray[np.int64]
    pitch: NDArray[np.int64]
    start: NDArray[np.float64]


def lines(piece: Piece) -> list[Line]:
    """Return the lines of a piece, drums left out, at most 32."""
    found: list[Line] = []
    for index, info in enumerate(piece.tracks):
        own = np.flatnonzero(piece.track == index)
        if info.drums or len(own) < FEWEST or len(found) >= _MOST_LINES:
            continue
        known = set()
        for note in _of_track(piece, own):
            if len(note) >= FEWEST and note.tobytes() not in known:
                known.add(note.tobytes())
                found.append(Line(note, piece.pitch[note], piece.start[note]))
    return found[:_MOST_LINES]


def _of_track(piece: Piece, own: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the notes of each line of a track, whose notes are given in order of start."""
    start = piece.start[own]
    group = np.cumsum(np.r_[True, np.diff(start) > _TOGETHER]) - 1
    own = own[np.lexsort((piece.pitch[own], group))]  # each chord from its lowest note up
    size = np.bincount(group)
    first = np.r_[0, np.cumsum(size)[:-1]]
    last = first + size - 1
    yield own[last]
    if len(size) >= _CHORDS * len(own):
        if (piece.end[own][:-1] > piece.start[own][1:] + _LATE).mean() > 1 - _CHORDS:
            yield _edge(piece, own[last], 1)
        return
    yield own[first]
    yield _edge(piece, own[last], 1)
    yield _edge(piece, own[first], -1)
    inner = size >= 3
    if inner.mean() > _HALF:
        yield own[last[inner] - 1]
        yield own[first[inner] + 1]


def _edge(piece: Piece, notes: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    return notes[_outermost(piece.start[notes], piece.end[notes], side * piece.pitch[notes])]


def _outermost(start: NDArray[np.float64], end: NDArray[np.float64], height: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which notes begin while none that is higher sounds on; ``start`` ascends."""
    kept = np.ones(len(start), bool)
    sounding: list[tuple[int, float]] = []  # a heap of what began, the highest first, and when it ends
    for row, (begin, stop, own) in enumerate(zip(start.tolist(), end.tolist(), height.tolist(), strict=True)):
        while sounding and sounding[0][1] <= begin + _LATE:
            heappop(sounding)
        kept[row] = not sounding or -sounding[0][0] <= own
        heappush(sounding, (-own, stop))
    return kept
