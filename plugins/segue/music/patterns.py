"""Short patterns of the lines of pieces, as numbers: what originality compares.

A line is a track's melody, or one of those that a track with chords has (``segue.music.lines``). A pattern is five
steps of a line, each an interval and how the time to the next note changes; so transposition and tempo make no
difference. What everybody plays says nothing: scales and broken chords in even notes, one note over and over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.lines import FEWEST, lines
from segue.music.piece import Piece

STEPS: Final = FEWEST - 1
"""Steps of a pattern."""
_WIDEST: Final = 12
_STEPWISE, _LEAP = 2, 3
_GAP: Final = 16


def _of_line(pitch: NDArray[np.int64], start: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return a hash of the pattern that begins at each note, and whether it says anything."""
    gaps = np.diff(start)
    ratio = np.clip(np.rint(2 * np.log2(np.r_[gaps[1:] / np.maximum(gaps[:-1], 1e-3), 1.0])), -4, 4)
    steps = (np.clip(np.diff(pitch), -_WIDEST, _WIDEST) + _WIDEST) * 9 + ratio.astype(np.int64) + 4
    windows = np.lib.stride_tricks.sliding_window_view(steps, STEPS)
    hashed = np.zeros(len(windows), np.uint64)
    for column in range(STEPS):
        # The last ratio reaches to a note behind the pattern, so it does not count.
        value = windows[:, column] if column < STEPS - 1 else windows[:, column] // 9
        hashed = (hashed ^ value.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    intervals, even = windows // 9 - _WIDEST, (windows[:, :-1] % 9 == 4).all(axis=1)
    telling = (np.ptp(windows, axis=1) > 0) & (np.ptp(intervals, axis=1) > 0) & ~(even & _commonplace(intervals))
    return (hashed >> np.uint64(16)).astype(np.uint32), telling


def _commonplace(intervals: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which rows of intervals are a scale that turns once at most, a broken chord, or a figure of two or three."""
    size, turns = np.abs(intervals), (np.diff(np.sign(intervals), axis=1) != 0).sum(axis=1)
    scale = (size <= _STEPWISE).all(axis=1) & (turns <= 1)
    again = [(intervals[:, n:] == intervals[:, :-n]).all(axis=1) for n in (2, 3)]
    return np.asarray(scale | (size >= _LEAP).all(axis=1) | again[0] | again[1])


class Patterns(NamedTuple):
    """The telling patterns of pieces, whose lines are laid end to end.

    ``hashes``, ``positions`` and ``owners`` are of each pattern: its hash, where it begins, its piece; ``notes`` says
    how many notes stand in lines of each piece; ``note``, ``track`` and ``start`` are of each place: the note's number
    in its piece, -1 between lines, its track, and its start in beats.
    """

    hashes: NDArray[np.uint32]
    positions: NDArray[np.int64]
    owners: NDArray[np.int64]
    notes: NDArray[np.int64]
    note: NDArray[np.int64]
    track: NDArray[np.int64]
    start: NDArray[np.float64]


def patterns_of(pieces: Sequence[Piece]) -> Patterns:
    """Find the patterns of all lines of pieces."""
    hashes, positions, owners, counts = [np.zeros(0, np.uint32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    note, track, start = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    offset = 0
    gap = np.full(_GAP, -1)  # no run goes on from one line to the next
    for number, piece in enumerate(pieces):
        found = lines(piece)
        for line in found:
            hashed, telling = _of_line(line.pitch, line.start)
            hashes.append(hashed[telling])
            positions.append(offset + np.flatnonzero(telling))
            owners.append(np.full(int(telling.sum()), number))
            note += [line.note, gap]
            track += [piece.track[line.note], gap]
            start += [line.start, np.zeros(_GAP)]
            offset += len(line.note) + _GAP
        counts.append(len(np.unique(np.concatenate([line.note for line in found]))) if found else 0)
    return Patterns(
        np.concatenate(hashes),
        np.concatenate(positions),
        np.concatenate(owners),
        np.array(counts, np.int64),
        np.concatenate(note),
        np.concatenate(track),
        np.concatenate(start),
    )
