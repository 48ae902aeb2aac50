"""A piece, taken apart: melody and drums that stay, and the accompaniment in blocks that is rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.theory import NO_CHORD
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_vae.bars import (
    PER_QUARTER,
    SLOTS,
    Blocks,
    Floats,
    Ints,
    Notes,
    Timeline,
    lateness,
    surroundings,
    to_notes,
)

_REGULAR: Final = 0.02
"""Beats by which a bar's length may miss a sixteenth if the file's beats are to count."""
_USUAL: Final = 4.0
"""Quarters of a bar where the file's beats mean nothing."""


@dataclass(frozen=True)
class Source:
    """A piece to rewrite.

    Attributes
    ----------
    piece
        As it came.
    timeline, blocks
        Where its blocks are, and what the accompaniment goes with.
    melody : ndarray of bool, shape (notes,)
        The notes that are the melody.
    accompaniment : ndarray of int
        Indices of the notes that are rewritten, ascending.
    notes
        Those notes in blocks, in the same order.
    """

    piece: Piece
    timeline: Timeline
    blocks: Blocks
    melody: NDArray[np.bool_]
    accompaniment: Ints
    notes: Notes

    @classmethod
    def of(cls, piece: Piece, timeline: Timeline, chord: Ints, melody: NDArray[np.bool_]) -> Source:
        """Take a piece apart.

        Parameters
        ----------
        piece
            The piece.
        timeline
            Where its blocks are.
        chord : ndarray of int, shape (blocks, 16)
            Index of the chord in each slot.
        melody : ndarray of bool, shape (notes,)
            Which of its notes are the melody.
        """
        tune = piece.select(melody)
        blocks = surroundings(timeline, chord, tune.start, tune.end, tune.pitch)
        below = np.flatnonzero(~melody & ~piece.is_drum)
        rest = piece.select(below)
        notes = to_notes(timeline, blocks, rest.start, rest.end, rest.pitch, rest.velocity)
        return cls(piece, timeline, blocks, melody, below, notes)

    @classmethod
    def arranged(cls, arrangement: Arrangement) -> Source:
        """Take apart a piece of which it was heard what is kept.

        Where the bars that were heard are no whole sixteenths of the file, each counts as four quarters.
        """
        bars = arrangement.bars
        lengths = np.diff(bars) * PER_QUARTER
        regular = np.abs(lengths - np.rint(lengths)) <= _REGULAR * PER_QUARTER
        even = np.where(regular.all(), np.diff(bars), _USUAL)
        quarters = np.r_[0.0, np.cumsum(even)] + (bars[0] if regular.all() else 0.0)
        timeline = Timeline.of(bars, quarters, quarters)
        chord = arrangement.chord_at(timeline.slot_beats())  # (blocks, 16, 3)
        root, quality = chord[..., 0], chord[..., 1]
        index = np.where(root < 0, NO_CHORD, 12 * quality + root)
        return cls.of(arrangement.piece, timeline, index, arrangement.melody)

    @cached_property
    def drums(self) -> Ints:
        """Indices of the notes of drums."""
        return np.flatnonzero(self.piece.is_drum)

    @cached_property
    def sounding(self) -> NDArray[np.bool_]:
        """Blocks in which anything sounds, shape (blocks,): where the piece is silent, what is written anew is too."""
        edges = np.r_[self.timeline.start, np.inf]
        begin, end = (self.timeline.to_quarters(beats) for beats in (self.piece.start, self.piece.end))
        first = np.clip(np.searchsorted(edges, begin + 0.5 / PER_QUARTER, side="right") - 1, 0, len(edges) - 2)
        last = np.clip(np.searchsorted(edges, end - 0.5 / PER_QUARTER, side="left") - 1, first, len(edges) - 2)
        steps = np.zeros(len(edges))
        np.add.at(steps, first, 1)
        np.add.at(steps, last + 1, -1)
        return np.asarray(np.cumsum(steps)[:-1] > 0)

    @cached_property
    def late(self) -> Floats:
        """Quarters by which what lies on each sixteenth of a quarter is played late."""
        return lateness(self.timeline, self.piece.start)

    @cached_property
    def chord_end(self) -> Floats:
        """Quarter of the grid at which the chord of each slot is over, shape (blocks, 16)."""
        begin = (self.timeline.start[:, None] + np.arange(SLOTS) / PER_QUARTER).reshape(-1)
        there = np.flatnonzero((np.arange(SLOTS) < self.blocks.slots[:, None]).reshape(-1))
        name = (self.blocks.root * 4096 + self.blocks.tones).reshape(-1)[there]
        change = np.r_[np.flatnonzero(np.diff(name)) + 1, len(name)]
        end = np.r_[begin[there], begin[there[-1]] + 1 / PER_QUARTER]
        found = begin + 1.0
        found[there] = end[change[np.searchsorted(change, np.arange(len(name)), side="right")]]
        return found.reshape(self.blocks.root.shape)
