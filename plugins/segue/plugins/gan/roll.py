"""Four bars of a band as a piano roll: five tracks, sixteenths, four octaves each, and two layers.

The first layer marks where a note begins, the second where it sounds; so a repeated note is not taken for a held one,
as it is in a roll of one layer. Everything is in C major or A minor. The networks see bass, chords and pad from the
root of each beat's chord, so that a root is always in the same row.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BARS, BAR, PER_BEAT = 4, 16, 4
STEPS: Final = BARS * BAR
BEATS: Final = STEPS // PER_BEAT
PITCHES: Final = 48
ONSET, SOUND = 0, 1


class TrackKind(NamedTuple):
    """A track: its name, General MIDI program, lowest MIDI number of its roll, and how many notes may begin at once."""

    name: str
    program: int
    lowest: int
    voices: int
    velocity: int


TRACKS: Final = (
    TrackKind("Drums", 0, 35, PITCHES, 84),
    TrackKind("Bass", 33, 24, 2, 84),
    TrackKind("Chords", 0, 43, 6, 64),
    TrackKind("Melody", 73, 48, 1, 92),
    TrackKind("Pad", 48, 43, 6, 56),
)
DRUMS, BASS, CHORDS, MELODY, PAD = range(len(TRACKS))
SHAPE: Final = (len(TRACKS), STEPS, PITCHES, 2)
_FROM_ROOT: Final = (BASS, CHORDS, PAD)


def to_roll(notes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Draw notes.

    Parameters
    ----------
    notes : ndarray of int, shape (notes, 4)
        Track, begin and end in sixteenths, MIDI number. What begins outside the four bars is left out; a pitch outside
        a track's four octaves is moved by octaves, a drum outside them left out.

    Returns
    -------
    ndarray of bool, shape ``SHAPE``
    """
    roll = np.zeros(SHAPE, bool)
    for track, begin, end, pitch in notes[np.argsort(notes[:, 1], kind="stable")]:
        row = pitch - TRACKS[track].lowest
        if track != DRUMS:
            row += 12 * max(0, -(row // 12)) - 12 * max(0, (row - PITCHES) // 12 + 1)
        if 0 <= begin < STEPS and 0 <= row < PITCHES:
            roll[track, begin, row, ONSET] = True
            roll[track, begin : max(end, begin + 1), row, SOUND] = True
    return roll


def to_notes(roll: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Read notes, shape (notes, 4): track, begin and end in sixteenths, MIDI number.

    A note begins where the first layer says and lasts as long as the second does, or until it is struck again.
    """
    begins = np.argwhere(roll[..., ONSET])
    rows = []
    for track, begin, row in begins:
        sounding = roll[track, begin + 1 :, row, SOUND] & ~roll[track, begin + 1 :, row, ONSET]
        length = 1 + (len(sounding) if sounding.all() else int(np.argmin(sounding)))
        rows.append((track, begin, begin + length, TRACKS[track].lowest + row))
    return np.array(rows, np.int64).reshape(-1, 4)


def from_root(rolls: NDArray[np.bool_], chords: NDArray[np.int64], *, back: bool = False) -> NDArray[np.bool_]:
    """Turn the rows of bass, chords and pad so that the root of each beat's chord lies where C does.

    Parameters
    ----------
    rolls : ndarray of bool, shape (phrases, tracks, steps, pitches, 2)
    chords : ndarray of int, shape (phrases, beats)
        Chords of ``segue.music.theory``; without a chord rows stay.
    back
        Whether to turn them back. Rows go round, so that nothing is lost.
    """
    shift = (chords % 12 + 5) % 12 - 5  # at most a fourth down or a tritone up
    shift = np.repeat(-shift if back else shift, PER_BEAT, axis=1)
    rows = (np.arange(PITCHES) + shift[..., None]) % PITCHES  # (phrases, steps, pitches)
    turned = rolls.copy()
    for track in _FROM_ROOT:
        turned[:, track] = np.take_along_axis(rolls[:, track], rows[..., None], axis=2)
    return turned
