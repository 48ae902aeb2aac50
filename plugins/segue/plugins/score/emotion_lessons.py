"""What the networks on note tokens are taught from: notes, and what ``score`` hears at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from segue.plugins.score.emotion_nets import note_tokens, signature
from segue.plugins.score.networks import Networks

TRANSPOSE: Final = 3
STRETCH: Final = 0.12
HEARD: Final = (13, len(QUALITY_NAMES) + 1, 24, 4, 2)
"""How many classes there are of what is heard at a note."""


class Lesson(NamedTuple):
    """Notes in a row.

    Attributes
    ----------
    notes : ndarray, shape (notes, 19)
        Tokens.
    heard : ndarray of int, shape (notes, 5)
        At each note: the root of the chord, in semitones above the tonic of the key signature's major key, 12 if there
        is none; its quality; the local key, above that tonic, minor ones from 12; the metrical level; 1 in the melody.
    """

    notes: NDArray[np.float32]
    heard: NDArray[np.int64]


Song = Sequence[Lesson]
"""The clips of one song."""
Pack = Sequence[Song]


def read_lesson(piece: Piece, networks: Networks) -> Lesson:
    """Describe a piece with pitched notes, and let ``score`` hear it."""
    pitched = piece.without_drums()
    reading, tonic = networks.read(pitched), signature(pitched)
    chord, key = reading.chord_at(pitched.start), reading.key_at(pitched.start)
    sounds = chord != NO_CHORD
    columns = (
        np.where(sounds, (chord - tonic) % 12, 12),
        np.where(sounds, chord // 12, len(QUALITY_NAMES)),
        (key - tonic) % 12 + 12 * (key >= 12),
        reading.level_at(pitched.start),
        reading.melody,
    )
    return Lesson(note_tokens(pitched), np.stack(columns, axis=1).astype(np.int64))


def cut(lesson: Lesson, length: int, rng: np.random.Generator) -> Lesson:
    """Cut a stretch from somewhere, in another key, pace and loudness; what is too short is heard more than once."""
    count = len(lesson.notes)
    start = int(rng.integers(max(1, count - length + 1)))
    rows = np.resize(np.arange(start, min(start + length, count)), length)
    return Lesson(vary(lesson.notes[rows], rng), lesson.heard[rows])


def vary(notes: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move note tokens up to three semitones up or down, a little slower or faster, softer or louder."""
    notes = notes.copy()
    notes[:, 0] += rng.integers(-TRANSPOSE, TRANSPOSE + 1) / 24
    notes[:, 2:4] += rng.uniform(-STRETCH, STRETCH) / 2
    notes[:, 4] += rng.normal(0, 0.1)
    return notes
