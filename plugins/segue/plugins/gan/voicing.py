"""Chords led from one to the next, each voice staying near where it was.

Chords and pad are drawn from the root of each beat's chord, so that a voicing jumps as far as the root does. A player
takes an inversion instead: what lies outside the octaves in which the track usually plays is moved into them by
octaves.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.gan.roll import CHORDS, PAD, PER_BEAT

_OCTAVE: Final = 12


def lead_voices(notes: NDArray[np.int64], chords: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the notes of a piece with inversions for the chords whose voicings jumped.

    Parameters
    ----------
    notes : ndarray of int, shape (notes, 4)
        Track, begin and end in sixteenths, MIDI number.
    chords : ndarray of int, shape (beats,)
        Of each beat; a voicing lasts as long as a chord does.

    Returns
    -------
    ndarray of int, shape (notes, 4)
        The same pitch classes; a note stays where another of its track already begins at the pitch it would move to.
    """
    led = notes.copy()
    number = np.r_[0, np.cumsum(chords[1:] != chords[:-1])]
    for track in (CHORDS, PAD):
        own = np.flatnonzero(notes[:, 0] == track)
        if len(own):
            led[own, 3] = _led(notes[own, 1], notes[own, 3], number[notes[own, 1] // PER_BEAT])
    return led


def _led(begin: NDArray[np.int64], pitch: NDArray[np.int64], chord: NDArray[np.int64]) -> NDArray[np.int64]:
    each = [pitch[chord == number] for number in np.unique(chord)]
    octaves = int(np.median([np.ptp(own) for own in each])) // _OCTAVE + 1
    middle = int(np.median([np.median(own) for own in each]))
    low, high = middle - octaves * _OCTAVE // 2, middle + octaves * _OCTAVE // 2
    wanted = pitch + _OCTAVE * (-(np.minimum(pitch - low, 0) // _OCTAVE) + np.minimum(high - pitch, 0) // _OCTAVE)
    found = pitch.copy()
    taken = set(zip(begin.tolist(), pitch.tolist(), strict=True))
    for row in np.flatnonzero(wanted != pitch).tolist():
        place = int(begin[row]), int(wanted[row])
        if place not in taken:
            taken.remove((int(begin[row]), int(pitch[row])))
            taken.add(place)
            found[row] = wanted[row]
    return found
