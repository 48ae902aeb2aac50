"""An accompaniment as blocks of at most sixteen sixteenths, its pitches told from the root of the chord.

A bar is one block, a longer bar several; a shorter one leaves slots empty, so any metre fits. A pitch is a *row*: its
distance from the chord's root between G0 and F#1 (19-30). The same pattern over another chord is then the same block.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import NO_CHORD, QUALITIES

SLOTS: Final = 16
"""Sixteenths of a block."""
PER_QUARTER: Final = 4
ROWS: Final = 72
NO_ROW: Final = ROWS
"""Row of a slot in which no melody sounds."""
_LOWEST_ROOT: Final = 19
_ENOUGH: Final = 4
_TONES: Final = np.array([sum(1 << step for step in steps) for steps in QUALITIES.values()], np.int16)
_SIZES: Final = (8, 12, 16)
"""Slots up to which a bar counts as of 2/4, of 3/4 or 6/8, of 4/4; the last class is longer."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Blocks without their notes: what the accompaniment goes with.

    Attributes
    ----------
    slots : ndarray of int, shape (blocks,)
        Sixteenths in each.
    place : ndarray of int, shape (blocks, 16)
        Sixteenth of the bar that each slot is, modulo 16.
    size : ndarray of int, shape (blocks,)
        Class of the bar's length, 0-3.
    root : ndarray of int, shape (blocks, 16)
        Pitch class of the chord's root; where there is no chord, that of the chord before.
    tones : ndarray of int, shape (blocks, 16)
        Bit ``n`` is set if the chord holds the pitch class ``n`` semitones above the root.
    following : ndarray of int, shape (blocks,)
        Semitones from the root of the last slot up to that of the next block, 0-11; 12 at the end.
    tune : ndarray of int, shape (blocks, 16)
        Row of the melody's note that sounds, or ``NO_ROW``.
    struck : ndarray of bool, shape (blocks, 16)
        Whether the melody begins a note.
    """

    slots: Ints
    place: Ints
    size: Ints
    root: Ints
    tones: Ints
    following: Ints
    tune: Ints
    struck: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.slots)

    def take(self, rows: Ints) -> Blocks:
        """Return some of the blocks."""
        return Blocks(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Notes:
    """Notes in blocks, as columns.

    Attributes
    ----------
    block, slot, row : ndarray of int, shape (notes,)
    length : ndarray, shape (notes,)
        In sixteenths.
    velocity : ndarray, shape (notes,)
        1-127.
    """

    block: Ints
    slot: Ints
    row: Ints
    length: Floats
    velocity: Floats

    def __len__(self) -> int:
        return len(self.block)

    def select(self, chosen: NDArray[np.bool_] | Ints) -> Notes:
        """Return some of the notes."""
        return Notes(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Timeline:
    """Where the blocks of a piece are.

    Attributes
    ----------
    beats, quarters : ndarray, shape (n,)
        Beats of the file and quarters of the grid at the same moments, ascending.
    start : ndarray, shape (blocks,)
        Quarter of the grid at which each block begins, ascending.
    slots, place, size
        As in ``Blocks``.
    """

    beats: Floats
    quarters: Floats
    start: Floats
    slots: Ints
    place: Ints
    size: Ints

    @classmethod
    def of(cls, beats: Floats, quarters: Floats, bars: Floats) -> Timeline:
        """Lay blocks over bars, given as the quarters at which each begins and the last one ends.

        A bar that is shorter than the one after it, at the beginning, is an upbeat and keeps its places in a full bar.
        """
        lengths = np.maximum(np.rint(np.diff(bars) * PER_QUARTER).astype(np.int64), 1)
        skipped = np.zeros(len(lengths), np.int64)
        if len(lengths) > 1 and lengths[0] < lengths[1]:
            skipped[0] = lengths[1] - lengths[0]
        count = -(-lengths // SLOTS)
        bar = np.repeat(np.arange(len(lengths)), count)
        number = np.arange(len(bar)) - np.repeat(np.cumsum(count) - count, count)
        slots = np.minimum(lengths[bar] - number * SLOTS, SLOTS)
        place = (skipped[bar] + number * SLOTS)[:, None] + np.arange(SLOTS)
        size = np.searchsorted(_SIZES, (lengths + skipped)[bar])
        return cls(beats, quarters, bars[bar] + number * SLOTS / PER_QUARTER, slots, place % SLOTS, size)

    def to_quarters(self, beats: Floats) -> Floats:
        """Return the quarters of the grid at beats of the file; beyond the ends, at the same distance."""
        return _carry(beats, self.beats, self.quarters)

    def to_beats(self, quarters: Floats) -> Floats:
        """Return the beats of the file at quarters of the grid."""
        return _carry(quarters, self.quarters, self.beats)

    def place_of(self, beats: Floats) -> tuple[Ints, Ints, Floats]:
        """Return block and slot of the nearest slot, and how many quarters behind it each moment is."""
        at = self.to_quarters(beats)
        block = np.clip(np.searchsorted(self.start, at + 0.5 / PER_QUARTER, side="right") - 1, 0, len(self.start) - 1)
        slot = np.clip(np.rint((at - self.start[block]) * PER_QUARTER).astype(np.int64), 0, self.slots[block] - 1)
        return block, slot, at - self.start[block] - slot / PER_QUARTER

    def slot_beats(self) -> Floats:
        """Return where each slot begins, in beats of the file, shape (blocks, 16)."""
        return self.to_beats(self.start[:, None] + np.arange(SLOTS) / PER_QUARTER)


def _carry(values: Floats, known: Floats, wanted: Floats) -> Floats:
    inside = np.interp(values, known, wanted)
    beyond = np.where(values < known[0], values - known[0], np.maximum(values - known[-1], 0.0))
    return np.asarray(inside + beyond)


def lowest_pitch(root: Ints) -> Ints:
    """Return the pitch of row 0 for the pitch class of a root."""
    return _LOWEST_ROOT + (root - _LOWEST_ROOT) % 12


def pitch_to_row(pitch: Ints, root: Ints) -> Ints:
    """Return rows of pitches; what lies outside the 72 rows is moved into them by octaves."""
    row = pitch - lowest_pitch(root)
    row = np.where(row < 0, row % 12, row)
    return np.where(row >= ROWS, ROWS - 12 + row % 12, row)


def row_to_pitch(row: Ints, root: Ints) -> Ints:
    """Return the pitches of rows."""
    return lowest_pitch(root) + row


def surroundings(timeline: Timeline, chord: Ints, tune_start: Floats, tune_end: Floats, tune_pitch: Ints) -> Blocks:
    """Say what the accompaniment goes with.

    Parameters
    ----------
    timeline
        Where the blocks are.
    chord : ndarray of int, shape (blocks, 16)
        Index of the chord in each slot (``segue.music.theory``).
    tune_start, tune_end, tune_pitch : ndarray, shape (notes,)
        The melody, in beats of the file; of notes that sound together the highest counts.
    """
    flat = chord.reshape(-1)
    known = np.flatnonzero(flat != NO_CHORD)
    before = np.maximum(np.searchsorted(known, np.arange(len(flat)), side="right") - 1, 0)
    root = flat[known[before]] % 12 if len(known) else np.zeros_like(flat)
    tones = np.where(flat == NO_CHORD, 0, _TONES[np.minimum(flat // 12, len(_TONES) - 1)])
    root, tones = root.reshape(chord.shape), tones.reshape(chord.shape)
    ends = root[np.arange(len(root)), timeline.slots - 1]
    following = np.r_[(root[1:, 0] - ends[:-1]) % 12, 12]
    tune, struck = np.full(chord.shape, NO_ROW), np.zeros(chord.shape, bool)
    block, slot, _ = timeline.place_of(tune_start)
    length = np.maximum(np.rint((timeline.to_quarters(tune_end) - timeline.to_quarters(tune_start)) * PER_QUARTER), 1)
    struck[block, slot] = True
    where = np.flatnonzero((np.arange(SLOTS) < timeline.slots[:, None]).reshape(-1))
    order = np.searchsorted(where, block * SLOTS + slot)
    heard = np.full(len(where), -1)
    for note in np.lexsort((tune_pitch, tune_start)).tolist():
        heard[order[note] : order[note] + int(length[note])] = tune_pitch[note]
    sounding = np.full(chord.size, -1)
    sounding[where] = heard
    sounding = sounding.reshape(chord.shape)
    tune = np.where(sounding < 0, NO_ROW, pitch_to_row(sounding, root))
    return Blocks(timeline.slots, timeline.place, timeline.size, root, tones, following, tune, struck)


def to_notes(timeline: Timeline, blocks: Blocks, start: Floats, end: Floats, pitch: Ints, velocity: Ints) -> Notes:
    """Put notes, in beats of the file, into blocks; row by the chord at the onset."""
    block, slot, _ = timeline.place_of(start)
    length = (timeline.to_quarters(end) - timeline.to_quarters(start)) * PER_QUARTER
    row = pitch_to_row(pitch, blocks.root[block, slot])
    return Notes(block, slot, row, np.maximum(length, 0.25), velocity.astype(np.float64))


def lateness(timeline: Timeline, start: Floats) -> Floats:
    """Return how late what lies on each sixteenth of a quarter is played, in quarters: the median; 0 for few notes.

    A swung piece plays its fourth sixteenth early and its second late, and what is added to it has to.
    """
    _, slot, late = timeline.place_of(start)
    own = [late[slot % PER_QUARTER == part] for part in range(PER_QUARTER)]
    return np.array([np.median(part) if len(part) >= _ENOUGH else 0.0 for part in own])


def to_cells(notes: Notes, count: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where notes begin and where they sound, each of shape (count, 16, 72); they end with their block."""
    begins = np.zeros((count, SLOTS, ROWS), bool)
    begins[notes.block, notes.slot, notes.row] = True
    turns = np.zeros((count, SLOTS + 1, ROWS), np.int16)
    end = np.minimum(notes.slot + np.maximum(np.rint(notes.length), 1).astype(np.int64), SLOTS)
    np.add.at(turns, (notes.block, notes.slot, notes.row), 1)
    np.add.at(turns, (notes.block, end, notes.row), -1)
    return begins, np.cumsum(turns[:, :SLOTS], axis=1) > 0
