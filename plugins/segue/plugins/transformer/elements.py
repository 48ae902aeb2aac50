"""Music as a sequence of elements: one for each bar line and one for each note, as in the Compound Word Transformer.

A note is an element of five fields: its place in the bar, its slot (the instrument that plays it), its pitch, length
and velocity. A network that takes and makes a whole note in one step needs a quarter of the steps of one that spells
it out in a token for each field. Notes are in order of place, then slot, then pitch. Every piece is moved so that its
tonic is C; a twelfth of a quarter note is the smallest step in time.

References
----------
W.-Y. Hsiao et al., "Compound Word Transformer: Learning to Compose Full-Song Music over Dynamic Directed Hypergraphs",
AAAI 2021.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter, Piece

Elements = NDArray[np.int64]
"""Shape (length, 5): the fields of each element, 0 where a field has no meaning."""

GRID: Final = 12
"""Steps in a quarter note: sixteenths and triplets both fall on one."""
METRES: Final = (Meter(0.0, 4, 4), Meter(0.0, 3, 4), Meter(0.0, 6, 8))
PLACE, SLOT, PITCH, LENGTH, VELOCITY = range(5)
PAD, PREFIX, INSTRUMENT, BAR, FIRST_PLACE = range(5)
"""Values of the field PLACE that are no place: padding, the controls, an instrument of the ensemble, a bar line."""
SLOTS: Final = 8
DRUMS: Final = 16
"""Family of drum kits; the others are the sixteen of General MIDI."""
FIRST_DRUM, DRUM_KINDS = 35, 47
LENGTHS: Final = np.array([1, 2, 3, 4, 6, 8, 9, 12, 15, 18, 21, 24, 30, 36, 42, 48, 60, 72, 96, 144, 192])
"""Lengths of notes, in steps."""
DRUM_LENGTH: Final = 2
VELOCITIES: Final = np.arange(12, 128, 10)
FIELD_SIZES: Final = (FIRST_PLACE + 4 * GRID, SLOTS + 1, 1 + 128 + DRUM_KINDS, 1 + len(LENGTHS), 1 + len(VELOCITIES))


class Notes(NamedTuple):
    """Notes on the grid, columns of equal length.

    Attributes
    ----------
    bar, place
        Number of the bar from 0, and steps from its beginning.
    slot
        Index of the instrument, 0 to ``SLOTS - 1``.
    pitch, length, velocity
        MIDI number, steps, 1-127.
    """

    bar: NDArray[np.int64]
    place: NDArray[np.int64]
    slot: NDArray[np.int64]
    pitch: NDArray[np.int64]
    length: NDArray[np.int64]
    velocity: NDArray[np.int64]

    def select(self, notes: NDArray[np.bool_]) -> Notes:
        """Return some of the notes."""
        return Notes(*(column[notes] for column in self))


def bar_steps(metre: Meter) -> int:
    """Return the steps of a bar."""
    return round(metre.bar_beats * GRID)


def family(program: int, drums: bool) -> int:
    """Return the family of an instrument: sixteen of General MIDI, and drum kits."""
    return DRUMS if drums else program // 8


def nearest(values: NDArray[np.int64], choices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of the choice nearest to each value; choices ascend."""
    found: NDArray[np.int64] = np.searchsorted((choices[1:] + choices[:-1]) / 2, values)
    return found


def encode(notes: Notes, drums: NDArray[np.bool_], shift: int, bars: int) -> Elements:
    """Write notes as elements: a bar line before each bar, and one after the last.

    Parameters
    ----------
    notes
        In any order; two of one slot, place and pitch become one.
    drums
        Whether each slot is a drum kit.
    shift
        Semitones by which pitched notes are moved; what would leave the 128 pitches is moved by an octave back.
    bars
        How many bars there are.
    """
    is_drum = drums[notes.slot]
    moved = notes.pitch + shift
    moved = moved + 12 * (moved < 0) - 12 * (moved > 127)
    pitch = np.where(is_drum, np.clip(notes.pitch - FIRST_DRUM, 0, DRUM_KINDS - 1) + 129, moved + 1)
    length = np.where(is_drum, DRUM_LENGTH, nearest(notes.length, LENGTHS)) + 1
    rows = np.stack(
        [notes.bar, notes.place + FIRST_PLACE, notes.slot + 1, pitch, length, nearest(notes.velocity, VELOCITIES) + 1],
        1,
    )
    lines = np.zeros((bars + 1, 6), np.int64)
    lines[:, 0], lines[:, 1] = np.arange(bars + 1), BAR
    rows = np.concatenate([lines, rows])
    rows = rows[np.lexsort((rows[:, 3], rows[:, 2], rows[:, 1], rows[:, 0]))]
    same = np.r_[False, (rows[1:, :4] == rows[:-1, :4]).all(1)]
    return np.asarray(rows[~same, 1:])


def decode(elements: Elements, shift: int) -> Notes:
    """Read what ``encode`` wrote; the first element is a bar line."""
    bar = np.cumsum(elements[:, PLACE] == BAR) - 1
    found = elements[:, PLACE] >= FIRST_PLACE
    rows = elements[found]
    is_drum = rows[:, PITCH] >= 129
    pitch = np.where(is_drum, rows[:, PITCH] - 129 + FIRST_DRUM, rows[:, PITCH] - 1 - shift)
    return Notes(
        bar[found],
        rows[:, PLACE] - FIRST_PLACE,
        rows[:, SLOT] - 1,
        np.clip(pitch, 0, 127),
        LENGTHS[rows[:, LENGTH] - 1],
        VELOCITIES[rows[:, VELOCITY] - 1],
    )


def to_piece(notes: Notes, metre: Meter, **about: Any) -> Piece:
    """Return notes as a piece, slots as tracks; ``about`` are its other attributes."""
    start = (notes.bar * bar_steps(metre) + notes.place) / GRID
    return Piece.of(start, notes.length / GRID, notes.pitch, notes.velocity, notes.slot, meters=(metre,), **about)
