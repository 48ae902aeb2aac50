"""Room for the melody: an accompaniment that lies in its register steps back, as a player would who listens.

It does not go elsewhere: a style is known by where its chords lie. With an organ an octave lower the classifier of
``score`` hears jazz_swing with .54 where it heard it with .99, and hip-hop with .60 (validation charts).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece

_BEHIND, _ABOVE = 0.7, 0.5
"""Loudness, as a share of the melody's, of what sounds at its height, and above."""
_NEAR: Final = 2
"""Semitones below the melody, and above it, within which a note is at its height."""
_MOMENT: Final = 0.05
"""Quarter notes that a note of the melody must go on for to be in the way of what begins."""


def leave_room(
    start: NDArray[np.float64],
    pitch: NDArray[np.int64],
    velocity: NDArray[np.int64],
    tune: Piece,
    *,
    below: bool = False,
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Say which notes stay beside a melody, and how loud they are.

    Notes that begin a semitone beside the melody while it sounds are left out; those at its height are played at seven
    tenths of its loudness at most, those above it at half of it.

    Parameters
    ----------
    start, pitch, velocity
        Onsets in quarter notes, MIDI pitches and velocities, each of shape (notes,).
    tune
        The melody, in order of onset.
    below
        Whether notes at its height or above are left out as well.

    Returns
    -------
    kept : ndarray of bool, shape (notes,)
    velocity : ndarray of int, shape (notes,)
    """
    if not len(tune) or not len(start):
        return np.ones(len(start), bool), velocity
    beside = np.maximum(np.searchsorted(tune.start, start + _MOMENT, side="right") - 1, 0)
    sounds = (tune.start[beside] <= start + _MOMENT) & (tune.end[beside] > start + _MOMENT)
    above = pitch - tune.pitch[beside]
    share = np.where(above > _NEAR, _ABOVE, _BEHIND)
    quiet = np.maximum(np.rint(share * tune.velocity[beside]).astype(np.int64), 1)
    high = sounds & (above >= -_NEAR)
    softened = np.where(high, np.minimum(velocity, quiet), velocity)
    return ~(high if below else sounds & (np.abs(above) == 1)), softened
