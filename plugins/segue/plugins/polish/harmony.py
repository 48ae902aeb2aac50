"""Key and chord at each note, for the figures and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD, chord_pitch_classes, chord_symbol, key_name, scale, spell

LONGEST: Final = 20_000.0
"""Beats of a piece whose harmony is read; of a longer one, hours, keys are not told."""


@dataclass(frozen=True)
class Harmony:
    """Key and chord at each note of a piece.

    Attributes
    ----------
    key, chord
        Indices as in ``segue.music.theory``, -1 where they are not known.
    outside
        Notes outside their local key's scale.
    """

    key: NDArray[np.int64]
    chord: NDArray[np.int64]
    outside: NDArray[np.bool_]

    def select(self, notes: NDArray[np.int64]) -> Harmony:
        """Return what is told of some of the notes."""
        return Harmony(self.key[notes], self.chord[notes], self.outside[notes])

    def in_chord(self, pitch: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say for each note whether a pitch belongs to the chord there."""
        return np.asarray(_CHORDS[self.chord, pitch % 12])

    def fifth(self, note: int) -> int:
        """Return the pitch class of the fifth of the chord at a note, -1 where there is no chord."""
        chord = int(self.chord[note])
        return (chord + 7) % 12 if 0 <= chord < NO_CHORD else -1

    def name(self, note: int, pitch: int) -> str:
        """Name a pitch as the key at a note spells it, with its octave, e.g. Eb4."""
        key = int(self.key[note])
        return f"{spell(pitch % 12, key if key >= 0 else None)}{pitch // 12 - 1}"

    def belongs(self, note: int, pitch: int) -> bool:
        """Say whether a pitch is in the scale of the key at a note."""
        return self.key[note] >= 0 and pitch % 12 in scale(int(self.key[note]))

    def key_name(self, note: int) -> str:
        """Name the key at a note; empty where it is not known."""
        return key_name(int(self.key[note])) if self.key[note] >= 0 else ""

    def chord_name(self, note: int) -> str:
        """Name the chord at a note; empty where there is none."""
        chord, key = int(self.chord[note]), int(self.key[note])
        return chord_symbol(chord, key=key) if 0 <= chord < NO_CHORD and key >= 0 else ""


_CHORDS: Final = np.array(
    [[pitch in chord_pitch_classes(chord) for pitch in range(12)] for chord in range(NO_CHORD + 1)]
)
_SCALES: Final = np.array([[pitch in scale(key) for pitch in range(12)] for key in range(24)])


def read(piece: Piece, heard: Piece | None = None) -> Harmony:
    """Find the harmony of a piece at the notes of a piece.

    Parameters
    ----------
    piece
        The notes to be told.
    heard
        The piece that is heard, if it is another.
    """
    heard = piece if heard is None else heard
    unknown = np.full(len(piece), -1)
    if not len(heard.without_drums()) or heard.beats > LONGEST:
        return Harmony(unknown, unknown, np.zeros(len(piece), bool))
    reading = Reading(heard)
    key, chord = reading.key_at(piece.start), reading.chord_at(piece.start)
    return Harmony(key, chord, ~_SCALES[key, piece.pitch % 12] & ~piece.is_drum)
