"""A piece, taken apart: melody and drums that stay, and the accompaniment in blocks that is rewritten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.style_vae.bars import PER_QUARTER, SLOTS, Blocks, Floats, Ints, Notes, Timeline, lateness
from segue.plugins.style_vae.bars import surroundings, to_notes


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

    @cached_property
    def drums(self) -> Ints:
        """Indices of the notes of drums."""
        return np.flatnonzero(self.piece.is_drum)

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
