"""A piece as ``score`` hears it: what a request would bring, for training and measuring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece, piece_to_midi
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.hearing import hear
from segue.plugins.style_seq.arrange import frames_of, read_content
from segue.plugins.style_seq.content import Content
from segue.plugins.style_seq.ear import Ear

_MINOR: Final = np.array([name in ("min", "min7", "dim", "hdim7", "dim7") for name in QUALITY_NAMES])


@dataclass(frozen=True)
class Listener:
    """``score`` by its networks, and the ear that hears chords in its place; without one ``score`` hears them, too."""

    networks: Networks
    ear: Ear | None = None

    @classmethod
    def shipped(cls, ear: Ear | None = None) -> Listener:
        """Return the shipped version of ``score``, and an ear."""
        return cls(shipped_networks(), ear)

    def arrangement(self, piece: Piece) -> Arrangement:
        """Hear a piece as a request would bring it."""
        midi = piece_to_midi(piece)
        found = read_arrangement(midi_to_piece(midi)[0], hear(midi, self.networks))
        return self.ear.listen(found) if self.ear else found

    def content(self, piece: Piece) -> Content:
        """Return what an accompaniment of a piece would follow."""
        arrangement = self.arrangement(piece)
        return read_content(arrangement, frames_of(arrangement.piece, arrangement.bars))


def root_and_mode(chord: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the root of chords, -1 for none, and whether they are minor ones: all that is compared; shape (n, 2).

    Parameters
    ----------
    chord : ndarray of int, shape (n,)
        Index as in ``segue.music.theory``.
    """
    none = chord >= NO_CHORD
    return np.stack([np.where(none, -1, chord % 12), _MINOR[np.where(none, 0, chord // 12)]], axis=1)
