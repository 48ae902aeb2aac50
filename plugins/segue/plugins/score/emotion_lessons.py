"""What the networks that hear emotion are taught from: music, and what ``score`` hears in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.features import features
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from segue.plugins.score.emotion_nets import (
    FRAMES,
    FRAMES_PER_SECOND,
    STRIDE,
    note_tokens,
    piano_roll,
    roll_inputs,
    signature,
)
from segue.plugins.score.networks import Networks

TRANSPOSE: Final = 3
STRETCH: Final = 0.12
HEARD: Final = (13, len(QUALITY_NAMES) + 1, 24, 4, 2)
"""How many classes there are of what is heard at a note."""
HEARD_IN_ROLL: Final = (13, len(QUALITY_NAMES) + 1, 24, 4, 13)
"""Likewise, of what is heard in half a second."""
UNKNOWN: Final = -100
"""Of something that is not asked."""
_APART: Final = 8 * FRAMES_PER_SECOND


class NoteLesson(NamedTuple):
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


class RollLesson(NamedTuple):
    """A piano roll.

    Attributes
    ----------
    roll : ndarray of uint8, shape (frames, 2, 84)
    tonic
        Of the key signature's major key, 0-11.
    heard : ndarray of int, shape (frames, 5)
        In each frame: root, quality and key as in ``NoteLesson``; the metrical level where notes begin; the melody, in
        semitones above the tonic, 12 where there is none.
    starts : ndarray of int, shape (stretches,)
        Frames at which stretches of 32 seconds begin.
    features : ndarray, shape (stretches, 60)
        Of each stretch.
    """

    roll: NDArray[np.uint8]
    tonic: int
    heard: NDArray[np.int64]
    starts: NDArray[np.int64]
    features: NDArray[np.float64]


class Lesson(NamedTuple):
    """A clip, as notes and as a roll."""

    notes: NoteLesson
    roll: RollLesson


Pack = Sequence[Sequence[Lesson]]
"""Songs, each of clips."""


def read_lesson(piece: Piece, networks: Networks) -> Lesson:
    """Describe a piece with pitched notes, and let ``score`` hear it."""
    reading = networks.read(piece.without_drums())
    return Lesson(_note_lesson(reading), _roll_lesson(reading))


def _note_lesson(reading: Reading) -> NoteLesson:
    """Tell what was heard at each note of a piece of pitched notes."""
    notes, tonic = reading.pitched, signature(reading.pitched)
    columns = (*_harmony(reading, tonic, notes.start), reading.level_at(notes.start), reading.melody)
    return NoteLesson(note_tokens(notes), np.stack(columns, axis=1).astype(np.int64))


def _roll_lesson(reading: Reading) -> RollLesson:
    """Tell what was heard in each frame of a piece of pitched notes, and the features of stretches, 8 seconds apart."""
    notes, tonic = reading.pitched, signature(reading.pitched)
    start, end = notes.beats_to_seconds(notes.start), notes.beats_to_seconds(notes.end)
    roll = piano_roll(notes, frames=int((end.max() - start[0]) * FRAMES_PER_SECOND) + 1)
    middle = notes.seconds_to_beats(start[0] + (np.arange(len(roll)) + 0.5) / FRAMES_PER_SECOND)
    first, last = (((seconds - start[0]) * FRAMES_PER_SECOND).astype(np.int64) for seconds in (start, end))
    level, melody = np.full(len(roll), UNKNOWN), np.full(len(roll), 12)
    level[first] = reading.level_at(notes.start)
    for note in np.flatnonzero(reading.melody):
        melody[first[note] : last[note] + 1] = (notes.pitch[note] - tonic) % 12
    heard = np.stack([*_harmony(reading, tonic, middle), level, melody], axis=1).astype(np.int64)
    starts = np.arange(0, max(1, len(roll) - FRAMES + 1), _APART)
    edges = notes.seconds_to_beats(start[0] + np.stack([starts, starts + FRAMES], axis=1) / FRAMES_PER_SECOND)
    edges[0, 0] = notes.start[0]
    sounds = np.diff(np.searchsorted(notes.start, edges))[:, 0] > 0
    told = np.stack([features(reading.excerpt(*span)) for span in edges[sounds].tolist()])
    return RollLesson(roll, tonic, heard, starts[sounds], told)


def _harmony(reading: Reading, tonic: int, beats: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
    chord, key = reading.chord_at(beats), reading.key_at(beats)
    sounds = chord != NO_CHORD
    root, quality = np.where(sounds, (chord - tonic) % 12, 12), np.where(sounds, chord // 12, len(QUALITY_NAMES))
    return root, quality, (key - tonic) % 12 + 12 * (key >= 12)


def cut_notes(lesson: NoteLesson, length: int, rng: np.random.Generator) -> NoteLesson:
    """Cut a stretch from somewhere, in another key, pace and loudness; what is too short is heard more than once."""
    count = len(lesson.notes)
    start = int(rng.integers(max(1, count - length + 1)))
    rows = np.resize(np.arange(start, min(start + length, count)), length)
    return NoteLesson(_vary(lesson.notes[rows], rng), lesson.heard[rows])


def cut_roll(
    lesson: RollLesson, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Cut 32 seconds from somewhere, in another key, pace and loudness; what is too short is heard more than once.

    Returns
    -------
    inputs : ndarray, shape (256, 192)
    heard : ndarray, shape (64, 5)
        In each half second.
    features : ndarray, shape (60,)
        Of the stretch, as it was before it was moved.
    """
    stretch = int(rng.integers(len(lesson.starts)))
    pace = float(np.exp(rng.uniform(-STRETCH, STRETCH) / 2))
    start = int(lesson.starts[stretch] + rng.integers(-STRIDE, STRIDE + 1))
    start = int(np.clip(start, 0, max(0, len(lesson.roll) - int(FRAMES * pace) - 1)))
    frames = (start + (np.arange(FRAMES) * pace).astype(np.int64)) % len(lesson.roll)
    inputs = roll_inputs(lesson.roll[frames], lesson.tonic, int(rng.integers(-TRANSPOSE, TRANSPOSE + 1)))
    inputs *= np.float32(rng.uniform(0.8, 1.2))
    heard = lesson.heard[frames].reshape(-1, STRIDE, len(HEARD_IN_ROLL))
    told = heard[:, STRIDE // 2].copy()
    told[:, 3] = heard[:, :, 3].max(axis=1)
    return inputs, told, lesson.features[stretch]


def _vary(notes: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move note tokens up to three semitones up or down, a little slower or faster, softer or louder."""
    notes = notes.copy()
    notes[:, 0] += rng.integers(-TRANSPOSE, TRANSPOSE + 1) / 24
    notes[:, 2:4] += rng.uniform(-STRETCH, STRETCH) / 2
    notes[:, 4] += rng.normal(0, 0.1)
    return notes
