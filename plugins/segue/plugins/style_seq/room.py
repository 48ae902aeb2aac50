"""Room for the melody: an accompaniment that lies in its register steps back, as a player would who listens."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece

_BEHIND: Final = 0.7
"""Loudness, as a share of the melody's, of what sounds at its height or above."""
_NEAR: Final = 2
"""Semitones below the melody from which a note is at its height."""
_MOMENT: Final = 0.05
"""Quarter notes that a note of the melody must go on for to be in the way of what begins."""


def leave_room(
    start: NDArray[np.float64], pitch: NDArray[np.int64], velocity: NDArray[np.int64], tune: Piece
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Say which notes stay beside a melody, and how loud they are.

    Notes that begin a semitone beside the melody while it sounds are left out; those at its height or above it are
    played at seven tenths of its loudness at most.

    Parameters
    ----------
    start, pitch, velocity
        Onsets in quarter notes, MIDI pitches and velocities, each of shape (notes,).
    tune
        The melody, in order of onset.

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
    quiet = np.maximum(np.rint(_BEHIND * tune.velocity[beside]).astype(np.int64), 1)
    softened = np.where(sounds & (above >= -_NEAR), np.minimum(velocity, quiet), velocity)
    return ~(sounds & (np.abs(above) == 1)), softened
