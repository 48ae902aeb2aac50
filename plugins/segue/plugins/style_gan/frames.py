"""A piece cut into half beats, the cells that the networks hear and write, each of two steps.

Where a style swings, steps lie where swung notes do: on thirds of the beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.cells import BEAT, DOWNBEAT, STRONG, WEAK
from segue.music.theory import NO_CHORD
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.style.arrangement import Arrangement

PER_CELL: Final = 2
_SWUNG: Final = (0.0, 1 / 3, 2 / 3, 5 / 6)
_SWING_GAIN: Final = 0.8
"""How much nearer the notes must lie to swung places than to straight ones before a piece is taken to swing."""
MAX_CELLS: Final = 20_000
"""Half beats of a piece: more than an hour at 120 quarter notes per minute."""
_EVEN: Final = 0.1
"""Cells that a bar may differ from a whole number of them."""


@dataclass(frozen=True)
class Frames:
    """What is known about each cell.

    Attributes
    ----------
    edges : ndarray, shape (cells + 1,)
        Beats at which cells begin, and the last one ends.
    chord : ndarray of int, shape (cells,)
        Index of the chord (``segue.music.theory``).
    bar, place : ndarray of int, shape (cells,)
        Number of the bar, from 1, or 0 in a pickup; cell in the bar. A bar that is made of groups of six counts each.
    level : ndarray of int, shape (cells,)
        Metrical level (``segue.music.cells``).
    beat : ndarray of bool, shape (cells,)
        Whether the cell begins a beat of two cells, which can swing.
    """

    edges: NDArray[np.float64]
    chord: NDArray[np.int64]
    bar: NDArray[np.int64]
    place: NDArray[np.int64]
    level: NDArray[np.int64]
    beat: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.chord)


def frames_of(arrangement: Arrangement) -> Frames:
    """Cut a piece: a bar into as many cells as it has half beats.

    Raises
    ------
    InvalidMusic
        If there are more than ``MAX_CELLS``.
    """
    bars = arrangement.bars
    counts = np.array([_cells(length) for length in np.diff(bars)])
    if counts.sum() > MAX_CELLS:
        raise InvalidMusic("music", f"lasts {counts.sum():,} half beats, must be at most {MAX_CELLS:,} to be rewritten")
    edges = np.concatenate(
        [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(bars, bars[1:], counts, strict=False)]
    )
    number = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    pickup = len(counts) > 1 and counts[0] < counts[1]
    if pickup:
        within[: counts[0]] += counts[1] - counts[0]
        counts[0] = counts[1]
    size = counts[number]
    metres = np.array([metre.denominator for metre in arrangement.piece.meter_at(bars[:-1] + 1e-3)])
    paired = (within % 2 == 0) & (within + 1 < size) & (metres[number] < 8)
    root, quality, _ = arrangement.chord_at(edges).T
    return Frames(
        np.r_[edges, bars[-1]],
        np.where(root < 0, NO_CHORD, 12 * quality + root),
        number + int(not pickup),
        np.where(size % 6 == 0, within % 6, within),
        _levels(within, size),
        paired,
    )


def step_edges(frames: Frames, *, swung: bool) -> NDArray[np.float64]:
    """Return the beats at which steps begin, and the last ends, shape (steps + 1,)."""
    begin, length = frames.edges[:-1], np.diff(frames.edges)
    steps = begin[:, None] + length[:, None] * np.arange(PER_CELL) / PER_CELL
    if swung:
        first = np.flatnonzero(frames.beat)
        whole = length[first] + length[first + 1]
        phases = begin[first, None] + whole[:, None] * np.array(_SWUNG)
        steps[first], steps[first + 1] = phases[:, :2], phases[:, 2:]
    return np.asarray(np.r_[steps.ravel(), frames.edges[-1]])


def to_steps(beats: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the step nearest to each beat; the last edge is the number of steps."""
    return np.rint(np.interp(beats, edges, np.arange(len(edges)))).astype(np.int64)


def swings(starts: NDArray[np.float64], frames: Frames) -> bool:
    """Tell whether notes lie nearer to swung places than to straight ones."""
    if not len(starts):
        return False
    miss = []
    for swung in (False, True):
        edges = step_edges(frames, swung=swung)
        miss.append(float(np.abs(starts - edges[to_steps(starts, edges)]).mean()))
    return miss[1] < _SWING_GAIN * miss[0]


def _cells(length: float) -> int:
    """Return how many cells a bar has: its half beats, or where it was found in free time twice its beats."""
    halves = 2 * length
    whole = round(halves)
    return max(whole if abs(halves - whole) < _EVEN else 2 * round(length), 1)


def _levels(place: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.int64]:
    level = np.where(place % 2 == 0, BEAT, WEAK)
    level[(size % 4 == 0) & (size > 4) & (2 * place == size)] = STRONG
    level[place == 0] = DOWNBEAT
    return level
