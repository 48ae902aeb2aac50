"""Notes as rolls of cells: what the networks hear and write.

In each step 84 pitches have two layers: where a note begins, and where it sounds; so a repeated note is not taken for a
held one. **Pitches are counted from the root of the chord that sounds**: a pattern is then the same on every chord, and
a few dozen songs are enough to learn it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import NO_CHORD
from segue.plugins.style_gan.frames import PER_CELL

PITCHES: Final = 84
LOWEST: Final = 24
ONSET, SOUND = 0, 1
DRUMS: Final = ((36, 35), (38, 40, 39), (37,), (42, 44), (46,), (51, 53, 59), (49, 55, 57, 52), (70, 69, 82, 54))
"""General MIDI drums: kick, snare, stick, closed and open hi-hat, ride, crash, shaker. The first of each is written and
stands for the rest."""


def shift_of(chord: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many semitones the root of each chord lies above C, from -5 to 6; 0 for none."""
    return np.where(chord < NO_CHORD, (chord % 12 + 5) % 12 - 5, 0)


def fold(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move rows outside the roll into it, by octaves."""
    return np.asarray(row + 12 * np.maximum(0, -(row // 12)) - 12 * np.maximum(0, (row - PITCHES) // 12 + 1))


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
    end = np.maximum(np.minimum(end, steps), begin + 1)
    begun, ended = (np.bincount(128 * step + pitch, minlength=128 * (steps + 1)) for step in (begin, end))
    sounding = np.cumsum((begun - ended).reshape(-1, 128), axis=0)[:steps] > 0
    roll = np.zeros((steps, PITCHES, 2), bool)
    for layer, (step, note) in ((SOUND, np.nonzero(sounding)), (ONSET, (begin, pitch))):
        roll[step, fold(note - LOWEST - shift[step // PER_CELL]), layer] = True
    return roll.reshape(-1, PER_CELL, PITCHES, 2)


def join_notes(begins: NDArray[np.bool_], sounds: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Join steps to notes: a note lasts as long as its pitch sounds, or until it is struck again.

    Parameters
    ----------
    begins, sounds : ndarray of bool, shape (steps, pitches)

    Returns
    -------
    ndarray of int, shape (notes, 3)
        Begin and end in steps, pitch; in order of begin.
    """
    steps = len(begins)
    stops = np.pad(~sounds | begins, ((0, 1), (0, 0)), constant_values=True)
    last = np.where(stops, np.arange(steps + 1)[:, None], steps)
    until = np.minimum.accumulate(last[::-1])[::-1]  # the first stop from each step on
    begin, pitch = np.nonzero(begins)
    return np.stack([begin, until[begin + 1, pitch], pitch], axis=1)


def draw_drums(begin: NDArray[np.int64], pitch: NDArray[np.int64], cells: int) -> NDArray[np.bool_]:
    """Draw drums, shape (cells, PER_CELL, kinds); others than those of ``DRUMS`` are left out."""
    roll = np.zeros((PER_CELL * cells, len(DRUMS)), bool)
    for kind, numbers in enumerate(DRUMS):
        own = np.isin(pitch, numbers) & (begin >= 0) & (begin < PER_CELL * cells)
        roll[begin[own], kind] = True
    return roll.reshape(cells, PER_CELL, -1)


def read_drums(roll: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Read drums as notes of one step, shape (notes, 3): begin and end in steps, General MIDI drum."""
    step, kind = np.nonzero(roll.reshape(-1, len(DRUMS)))
    return np.stack([step, step + 1, np.array([numbers[0] for numbers in DRUMS])[kind]], axis=1)
