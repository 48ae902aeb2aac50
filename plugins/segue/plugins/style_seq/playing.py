"""What a part plays, put right as a player would who hears the chords.

The program that made the pack plays three parts of hip-hop at the same pitches whatever the chord: a bass and a tuned
drum on E3, a lead of E, A, C, E and G. Their rhythm is kept; the bass and the drum are moved to the root, the lead to
the nearest tones of the chord. They stay in their register: an octave lower the classifier of ``score`` hears hip-hop
with .86 where it hears it with .97 (validation charts).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import QUALITIES, QUALITY_NAMES
from segue.plugins.style.basses import is_bass_program, within_reach
from segue.plugins.style_seq.artifacts import Role

_ON_ROOT: Final = frozenset({"Bass-Synthbass", "Bass-Synthdrum"})
_ON_CHORD: Final = frozenset({"Bass-Lead"})
_BELOW: Final = 5
"""Semitones below its one pitch that a part may be moved; the rest of the octave is above."""
_STEPS: Final = np.array([0, -1, 1, -2, 2, -3, 3])
"""The nearest pitches, in order."""
_CHORDS: Final = np.array([np.isin(np.arange(12), QUALITIES[name]) for name in QUALITY_NAMES])


def in_hand(
    role: Role, pitch: NDArray[np.int64], root: NDArray[np.int64], quality: NDArray[np.int64]
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
    """
    if role.track in _ON_ROOT:
        low = role.low - _BELOW
        return np.asarray(low + (root - low) % 12)
    if role.track in _ON_CHORD:
        return _to_chord(pitch, root, quality)
    return within_reach(pitch) if is_bass_program(role.program) else pitch


def _to_chord(pitch: NDArray[np.int64], root: NDArray[np.int64], quality: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move each note to the nearest tone of its chord."""
    known = quality < len(_CHORDS)
    near = pitch[:, None] + _STEPS
    fits = _CHORDS[np.where(known, quality, 0)[:, None], (near - root[:, None]) % 12]
    return np.where(known, np.take_along_axis(near, fits.argmax(1)[:, None], 1)[:, 0], pitch)
