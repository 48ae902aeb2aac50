"""A piece as rolls along its half beats: what the networks hear and write.

A cell is half a beat (``segue.music.cells``) and has two steps, sixteenths. In each step 84 pitches have two layers:
where a note begins, and where it sounds; so a repeated note is not taken for a held one. **Pitches are counted from
the root of the chord that sounds**: a pattern is the same on every chord, and a few dozen songs are enough to learn it.
Where a style swings, steps lie where swung notes do: on thirds of the beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.grid import Grid

PITCHES: Final = 84
LOWEST: Final = 24
PER_CELL: Final = 2
ONSET, SOUND = 0, 1
DRUMS: Final = ((35, 36), (38, 40, 39), (37,), (42, 44), (46,), (51, 53, 59), (49, 55, 57, 52), (69, 70, 82, 54))
"""General MIDI drums that are written: kick, snare, stick, closed and open hi-hat, ride, crash, shaker. The first of
each stands for the others."""
_SWUNG: Final = (0.0, 1 / 3, 2 / 3, 5 / 6)
_STRAIGHT: Final = (0.0, 0.25, 0.5, 0.75)
_SWING_GAIN: Final = 0.8
"""How much nearer the notes must lie to swung places than to straight ones before a piece is taken to swing."""


def step_edges(grid: Grid, *, swung: bool) -> NDArray[np.float64]:
    """Return the beats at which steps begin, and where the last ends, shape (steps + 1,).

    Only beats of two cells can swing.
    """
    found = []
    for begin, end, cells in zip(grid.beats[:-1], grid.beats[1:], grid.divisions, strict=True):
        steps = PER_CELL * int(cells)
        phase = np.array(_SWUNG if swung and cells == 2 else _STRAIGHT) if steps == 4 else np.arange(steps) / steps
        found.append(begin + phase * (end - begin))
    return np.concatenate([*found, grid.beats[-1:]])


def to_steps(beats: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the step nearest to each beat; the last edge is the number of steps."""
    return np.rint(np.interp(beats, edges, np.arange(len(edges)))).astype(np.int64)


def swings(starts: NDArray[np.float64], grid: Grid) -> bool:
    """Tell whether notes lie nearer to swung places than to straight ones."""
    if not len(starts):
        return False
    miss = []
    for swung in (False, True):
        edges = step_edges(grid, swung=swung)
        miss.append(float(np.abs(starts - edges[to_steps(starts, edges)]).mean()))
    return miss[1] < _SWING_GAIN * miss[0]


def shift_of(chord: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many semitones the root of each chord lies above C, from -5 to 6; 0 for none."""
    return np.where(chord < 132, (chord % 12 + 5) % 12 - 5, 0)


def draw(
    begin: NDArray[np.int64], end: NDArray[np.int64], pitch: NDArray[np.int64], shift: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Draw notes.

    Parameters
    ----------
    begin, end, pitch : ndarray of int, shape (notes,)
        Steps and MIDI numbers.
    shift : ndarray of int, shape (cells,)
        Of the chord in each cell.

    Returns
    -------
    ndarray of bool, shape (cells, PER_CELL, PITCHES, 2)
        A pitch outside the roll is moved by octaves.
    """
    steps = PER_CELL * len(shift)
    begin = np.clip(begin, 0, steps - 1)
    length = np.maximum(np.minimum(end, steps) - begin, 1)
    note = np.repeat(np.arange(len(begin)), length)
    step = begin[note] + np.arange(len(note)) - np.repeat(np.cumsum(length) - length, length)
    row = pitch[note] - LOWEST - shift[step // PER_CELL]
    row += 12 * np.maximum(0, -(row // 12)) - 12 * np.maximum(0, (row - PITCHES) // 12 + 1)
    roll = np.zeros((steps, PITCHES, 2), bool)
    roll[step, row, SOUND] = True
    first = step == begin[note]
    roll[step[first], row[first], ONSET] = True
    return roll.reshape(-1, PER_CELL, PITCHES, 2)


def read(roll: NDArray[np.bool_], shift: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read notes: begin and end in steps, MIDI number; shape (notes, 3), in order of begin.

    A note lasts as long as its pitch sounds, or until it is struck again.
    """
    steps = roll.shape[0] * PER_CELL
    flat = roll.reshape(steps, PITCHES, 2)
    step, row = np.nonzero(flat.any(2))
    real = np.zeros((steps, 128, 2), bool)
    pitch = row + LOWEST + shift[step // PER_CELL]
    kept = (pitch >= 0) & (pitch < 128)
    real[step[kept], pitch[kept]] = flat[step[kept], row[kept]]
    goes_on = real[..., SOUND] & ~real[..., ONSET]
    rows = []
    for begin, number in np.argwhere(real[..., ONSET]):
        after = goes_on[begin + 1 :, number]
        rows.append((begin, begin + 1 + (len(after) if after.all() else int(np.argmin(after))), number))
    return np.array(rows, np.int64).reshape(-1, 3)


def draw_drums(begin: NDArray[np.int64], pitch: NDArray[np.int64], cells: int) -> NDArray[np.bool_]:
    """Draw drums, shape (cells, PER_CELL, kinds); others than those of ``DRUMS`` are left out."""
    roll = np.zeros((PER_CELL * cells, len(DRUMS)), bool)
    for kind, numbers in enumerate(DRUMS):
        own = np.isin(pitch, numbers) & (begin >= 0) & (begin < PER_CELL * cells)
        roll[begin[own], kind] = True
    return roll.reshape(cells, PER_CELL, -1)


@dataclass(frozen=True)
class Frames:
    """What is known about each cell.

    Attributes
    ----------
    chord : ndarray of int, shape (cells,)
        Index of the chord (``segue.music.theory``), 132 for none.
    place : ndarray of int, shape (cells,)
        Cell within the bar.
    bar : ndarray of int, shape (cells,)
        Number of the bar.
    level : ndarray of int, shape (cells,)
        Metrical level (``segue.music.cells``).
    """

    chord: NDArray[np.int64]
    place: NDArray[np.int64]
    bar: NDArray[np.int64]
    level: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.chord)

    @classmethod
    def of(cls, chord: NDArray[np.int64], grid: Grid, level: NDArray[np.int64]) -> Frames:
        """Count cells within the bars of a grid; what is before the first bar counts back from it."""
        first = np.r_[0, np.cumsum(grid.divisions)]
        begins = first[grid.downbeats]
        cell = np.arange(len(chord))
        bar = np.searchsorted(begins, cell, side="right") - 1
        usual = int(np.median(np.diff(begins))) if len(begins) > 1 else 8
        begin = begins[np.maximum(bar, 0)] if len(begins) else np.zeros(len(chord), np.int64)
        place = np.where(bar >= 0, cell - begin, (cell - begin) % max(usual, 1))
        return cls(np.where(chord < 0, 132, chord), place, bar + 1, level)
