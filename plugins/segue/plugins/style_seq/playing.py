"""What a part plays, put right as a player would who hears the chords.

The program that made the pack plays three parts of hip-hop at the same pitches whatever the chord and the key: a bass
and a tuned drum on E3, a lead of E, A, C, E and G. Their rhythm is kept, and their pitch where it belongs to the chord,
or to the key and lies no semitone from a tone of the chord; else they go to the nearest tone of it. On roots an octave
lower the classifier of ``score`` hears hip-hop with .86, on roots near by with .93, so with .996 (validation charts).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import QUALITIES, QUALITY_NAMES, scale
from segue.plugins.style.basses import is_bass_program, within_reach
from segue.plugins.style_seq.artifacts import Role

_FIXED: Final = frozenset({"Bass-Synthbass", "Bass-Synthdrum", "Bass-Lead"})
"""Tracks of hip-hop; parts of an example have no name."""
_STEPS: Final = np.array([0, -1, 1, -2, 2, -3, 3])
"""The nearest pitches, in order."""
_CHORDS: Final = np.array([np.isin(np.arange(12), QUALITIES[name]) for name in QUALITY_NAMES])
"""Whether an interval above the root belongs to a chord, by quality."""


def in_hand(
    role: Role, pitch: NDArray[np.int64], root: NDArray[np.int64], quality: NDArray[np.int64], key: int
) -> NDArray[np.int64]:
    """Return what a pitched part plays.

    Parameters
    ----------
    role
        The part.
    pitch
        MIDI numbers that were composed for it, shape (notes,).
    root, quality
        Pitch class and index of the quality of the chord at each; beyond the qualities is silence.
    key
        Of the piece, 0-23.
    """
    if role.track in _FIXED:
        return _harmless(pitch, root, quality, key)
    return within_reach(pitch) if is_bass_program(role.program) else pitch


def _harmless(
    pitch: NDArray[np.int64], root: NDArray[np.int64], quality: NDArray[np.int64], key: int
) -> NDArray[np.int64]:
    """Move each note that would be heard as wrong to the nearest tone of its chord."""
    known = quality < len(_CHORDS)
    near = pitch[:, None] + _STEPS
    fits = _CHORDS[np.where(known, quality, 0)[:, None], (near - root[:, None]) % 12]
    beside = fits[:, 1] | fits[:, 2]
    stays = ~known | fits[:, 0] | (np.isin(pitch % 12, scale(key)) & ~beside)
    nearest = np.take_along_axis(near, fits.argmax(1)[:, None], 1)[:, 0]
    return np.where(stays, pitch, nearest)
