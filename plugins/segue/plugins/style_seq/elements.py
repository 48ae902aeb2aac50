"""The accompaniment as a sequence of elements: a part of the ensemble at a time, a bar line or a note each.

A note is an element of five fields: its place in the bar, its pitch above the root of the chord that it sounds in, its
length, its velocity, and its nudge, by which it is off its place: strummed chords live there. Patterns of accompaniment
relative to the root hardly depend on the chord, so that little music teaches much. Bars are 4/4; a twelfth of a quarter
note is the unit of lengths, and a beat has six places: sixteenths and triplets, so that swing is kept.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.transformer.elements import LENGTHS, VELOCITIES, nearest

Elements = NDArray[np.int64]
"""Shape (length, 5): the fields of each element, 0 where a field has no meaning."""

PLACE, PITCH, LENGTH, VELOCITY, NUDGE = range(5)
PAD, BAR, FIRST_PLACE = range(3)
"""Values of the field PLACE that are no place."""
PLACES_OF_BEAT: Final = np.array([0, 3, 4, 6, 8, 9])
"""Places in a beat, in twelfths."""
BEATS: Final = 4
PLACES: Final = BEATS * len(PLACES_OF_BEAT)
PLACE_STEPS: Final = (12 * np.arange(BEATS)[:, None] + PLACES_OF_BEAT).reshape(-1)
"""Twelfths of a quarter note from the bar line to each place, shape (PLACES,)."""
LOWEST, HIGHEST = -42, 54
"""Semitones of a note above the root that is nearest to middle C; beyond, it is moved by octaves."""
PITCHES: Final = HIGHEST - LOWEST + 1
FIRST_DRUM, DRUM_KINDS = 24, 64
"""Drums, those beyond General MIDI's among them."""
NUDGE_PARTS: Final = 48
"""A nudge is a number of these parts of a quarter note."""
FIRST_NUDGE, LAST_NUDGE = -3, 11
FIELD_SIZES: Final = (
    FIRST_PLACE + PLACES,
    1 + PITCHES + DRUM_KINDS,
    1 + len(LENGTHS),
    1 + len(VELOCITIES),
    1 + LAST_NUDGE - FIRST_NUDGE + 1,
)
_EARLY: Final = 0.03
_USED: Final = 0.01


def root_pitch(root: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pitch of a root that is nearest to middle C, G to F sharp."""
    return np.asarray(60 + (root + 5) % 12 - 5)


def used_places(start: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places in a beat that a part uses: those beside which at least a hundredth of its notes begin."""
    within = (start + _EARLY) % 1 - _EARLY
    near = (np.abs(within[:, None] - PLACES_OF_BEAT / 12) < _EARLY).mean(0) >= _USED
    return np.flatnonzero(near) if near.any() else np.arange(len(PLACES_OF_BEAT))


def to_rows(
    start: NDArray[np.float64],
    duration: NDArray[np.float64],
    pitch: NDArray[np.int64],
    velocity: NDArray[np.int64],
    roots: NDArray[np.int64],
    drums: bool,
    played: bool,
) -> Elements:
    """Write the notes of a part as rows.

    Parameters
    ----------
    start, duration
        Quarter notes from the first bar line.
    pitch, velocity
        MIDI numbers.
    roots : ndarray, shape (half beats,)
        Pitch class of the root in each half beat of the piece.
    drums
        Whether the part is a drum kit.
    played
        Whether onsets are a person's, whose deviations are noise; else they are kept as nudges.

    Returns
    -------
    ndarray, shape (notes, 6)
        Number of the bar, and the five fields; in order of bar, place and pitch, no note twice.
    """
    places = np.arange(len(PLACES_OF_BEAT)) if played else used_places(start)
    beat = np.floor(start + 1 / 24).astype(np.int64)
    ticks = (start - beat) * 12
    choices = np.r_[PLACES_OF_BEAT[places], 12]
    late = np.abs(ticks[:, None] - choices) if played else _distance(ticks[:, None] - choices)
    chosen = late.argmin(1)
    beat, chosen = beat + (chosen == len(places)), chosen % len(places)
    at = beat * 12 + PLACES_OF_BEAT[places[chosen]]
    nudge = np.zeros(len(at), np.int64) if played else np.rint((start * 12 - at) * NUDGE_PARTS / 12).astype(np.int64)
    place = beat % BEATS * len(PLACES_OF_BEAT) + places[chosen]
    if drums:
        field = 1 + PITCHES + np.clip(pitch - FIRST_DRUM, 0, DRUM_KINDS - 1)
    else:
        root = roots[np.clip(at // 6, 0, len(roots) - 1)]
        field = 1 + fold(pitch - root_pitch(root), LOWEST, HIGHEST) - LOWEST
    rows = np.stack(
        [
            beat // BEATS,
            place + FIRST_PLACE,
            field,
            nearest(np.maximum(np.rint(duration * 12), 1), LENGTHS) + 1,
            nearest(velocity, VELOCITIES) + 1,
            np.clip(nudge, FIRST_NUDGE, LAST_NUDGE) - FIRST_NUDGE + 1,
        ],
        1,
    )
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    same = np.r_[False, (rows[1:, :3] == rows[:-1, :3]).all(1)]
    return np.asarray(rows[~same & (rows[:, 0] >= 0)])


def half_beat(rows: Elements) -> NDArray[np.int64]:
    """Return the number, from the beginning of the piece, of the half beat in which each row's note begins."""
    beat = len(PLACES_OF_BEAT)
    place = rows[:, 1 + PLACE] - FIRST_PLACE
    return np.asarray(2 * (BEATS * rows[:, 0] + place // beat) + (place % beat >= beat // 2))


def rerooted(rows: Elements, old: NDArray[np.int64], new: NDArray[np.int64]) -> Elements:
    """Count the pitches of rows above other roots; what sounds stays.

    Parameters
    ----------
    rows
        Of a part that is no drum kit, as ``to_rows`` returns them.
    old, new : ndarray, shape (half beats,)
        Pitch classes of the roots that they are counted from, and are to be.
    """
    found, half = rows.copy(), half_beat(rows)
    above = rows[:, 1 + PITCH] - 1 + LOWEST + root_pitch(old[half]) - root_pitch(new[half])
    found[:, 1 + PITCH] = 1 + fold(above, LOWEST, HIGHEST) - LOWEST
    return found


def _distance(late: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say how far onsets are from a place, in twelfths: a strummed note is late and hardly ever early."""
    return np.where(late < 0, -2 * late, late)


def fold(values: NDArray[np.int64], low: int, high: int) -> NDArray[np.int64]:
    """Move values by octaves into a range."""
    below, above = np.maximum(low - values, 0), np.maximum(values - high, 0)
    return np.asarray(values + 12 * -(-below // 12) - 12 * -(-above // 12))


def write(rows: NDArray[np.int64], first: int, bars: int) -> Elements:
    """Write rows of some bars as elements: a bar line before each bar, and one after the last."""
    inside = rows[(rows[:, 0] >= first) & (rows[:, 0] < first + bars)]
    lines = np.zeros((bars + 1, 6), np.int64)
    lines[:, 0], lines[:, 1] = first + np.arange(bars + 1), BAR
    found = np.concatenate([lines, inside])
    return np.asarray(found[np.lexsort((found[:, 2], found[:, 1], found[:, 0])), 1:])
