"""Chords and melody led from one note to the next, the melody to its end, and a bass of one pitch class at once.

Chords and pad are drawn from the root of each beat's chord, so that a voicing jumps as far as the root does. A player
takes an inversion instead: what lies outside the octaves in which the track usually plays is moved into them by
octaves. The notes of the melody are drawn beside one another, so that now and then one lies an octave from where its
neighbours lead. Two basses at once, as disco has them in the data, blur unless they are octaves.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.gan.roll import BAR, BASS, CHORDS, MELODY, PAD, PER_BEAT

_OCTAVE: Final = 12
_FIFTH: Final = 7
_RANGE: Final = (48, 95)
"""Lowest and highest note of the melody."""
_MOVED: Final = 1.0
"""What an octave by which a note moves costs, in semitones of leaps beyond a fifth."""
_LAST_BEATS: Final = (0, 2 * PER_BEAT, PER_BEAT)
"""Places in the last bar on which the melody ends, the best first."""
_LEADING: Final = (2, 11)
_NEAR: Final = 4


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


def clear_bass(notes: NDArray[np.int64], chords: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the notes of a piece whose bass begins one pitch class at once: the root if it is struck, else the lowest.

    Parameters
    ----------
    notes : ndarray of int, shape (notes, 4)
        Track, begin and end in sixteenths, MIDI number.
    chords : ndarray of int, shape (beats,)
        Of each beat.
    """
    own = np.flatnonzero(notes[:, 0] == BASS)
    begin, name = notes[own, 1], notes[own, 3] % _OCTAVE
    order = np.lexsort((notes[own, 3], name != chords[begin // PER_BEAT] % _OCTAVE, begin))
    begin, name = begin[order], name[order]
    chosen = name[np.searchsorted(begin, begin)]
    return np.delete(notes, own[order[name != chosen]], axis=0)


def lead_melody(notes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the notes of a piece, those of the melody in the octaves in which it leaps least beyond a fifth (Viterbi).

    Parameters
    ----------
    notes : ndarray of int, shape (notes, 4)
        Track, begin and end in sixteenths, MIDI number.
    """
    own = np.flatnonzero(notes[:, 0] == MELODY)
    own = own[np.argsort(notes[own, 1], kind="stable")]
    if not len(own):
        return notes
    shifts = _OCTAVE * np.array([0, -1, 1])
    pitch = notes[own, 3, None] + shifts  # (notes, 3)
    cost = np.where((pitch < _RANGE[0]) | (pitch > _RANGE[1]), np.inf, _MOVED * (shifts != 0))
    cost[:, 0] = 0.0
    total, came = cost[0], []
    for before, now, own_cost in zip(pitch[:-1], pitch[1:], cost[1:], strict=True):
        ways = total[:, None] + np.maximum(np.abs(now - before[:, None]) - _FIFTH, 0)
        came.append(ways.argmin(0))
        total = ways.min(0) + own_cost
    path = [int(total.argmin())]
    for step in reversed(came):
        path.append(int(step[path[-1]]))
    led = notes.copy()
    led[own, 3] = pitch[np.arange(len(own)), path[::-1]]
    return led


def close_melody(notes: NDArray[np.int64], bars: int) -> NDArray[np.int64]:
    """Return the notes of a piece in C whose melody comes to rest on the tonic in the last bar, by step if it can.

    The note that begins on the first beat, else the third or second, is the last and is held; one that it would be
    reached from by more than a major third leads to it, if it is over the dominant, the half bar before.

    Parameters
    ----------
    notes : ndarray of int, shape (notes, 4)
        Track, begin and end in sixteenths, MIDI number.
    bars
        Of the piece. A melody that strikes nothing on those beats stays as it is.
    """
    melody = notes[:, 0] == MELODY
    own = np.flatnonzero(melody)
    own = own[np.argsort(notes[own, 1], kind="stable")]
    begins = notes[own, 1] - (bars - 1) * BAR
    places = [place for place in _LAST_BEATS if place in begins]
    if not places:
        return notes
    closed = notes.copy()
    at = int(np.flatnonzero(begins == places[0])[0])
    last = own[at]
    if at:
        before = own[at - 1]
        if abs(_nearest(0, closed[before, 3]) - closed[before, 3]) > _NEAR and begins[at - 1] >= -BAR // 2:
            towards = closed[own[at - 2], 3] if at > 1 else closed[before, 3]
            closed[before, 3] = min((_nearest(step, towards) for step in _LEADING), key=lambda p: abs(p - towards))
        closed[last, 3] = _nearest(0, closed[before, 3])
    else:
        closed[last, 3] = _nearest(0, closed[last, 3])
    closed[last, 2] = bars * BAR
    return np.asarray(closed[~(melody & (closed[:, 1] > closed[last, 1]))])


def _nearest(pitch_class: int, pitch: int) -> int:
    return int(pitch + (pitch_class - pitch + 6) % _OCTAVE - 6)
