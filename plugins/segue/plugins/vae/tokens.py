"""Melodies as events on a sixteenth grid, the way MusicVAE reads them.

One event for each sixteenth: ``HOLD`` goes on as before, ``OFF`` ends the note, every other number strikes a pitch of
the piano (88 of them), which makes 90. An event says nothing about where a window is cut: a note that sounds into the
next window goes on there with ``HOLD``.

References
----------
A. Roberts, J. Engel, C. Raffel, C. Hawthorne and D. Eck, "A Hierarchical Latent Vector Model for Learning Long-Term
Structure in Music", ICML 2018, section 4.1.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.keys import histogram_scores
from segue.music.piece import Piece

HOLD, OFF, STRIKE = 0, 1, 2
LOWEST, HIGHEST = 21, 108
EVENTS: Final = STRIKE + HIGHEST - LOWEST + 1
PER_BEAT: Final = 4
BAR: Final = 16
WINDOW: Final = 32
"""Sixteenths in the two bars that one latent vector stands for."""
_LAST_NOTE: Final = 0.2


def to_events(
    begin: NDArray[np.int64], end: NDArray[np.int64], pitch: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Write notes of one voice as events; a note that begins before another is over ends it.

    Parameters
    ----------
    begin, end
        Sixteenths from the first event, ascending by ``begin``; what lies outside 0 to ``length`` is left out.
    pitch
        MIDI numbers, ``LOWEST`` to ``HIGHEST``.
    length
        How many events to write.
    """
    events = np.full(length, HOLD, np.int64)
    for index, (first, last, number) in enumerate(zip(begin, end, pitch, strict=True)):
        if 0 <= first < length:
            events[first] = STRIKE + number - LOWEST
            following = begin[index + 1] if index + 1 < len(begin) else length
            if last < min(following, length):
                events[last] = OFF
    return events


def to_notes(events: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read events: begin and end in sixteenths and MIDI number of each note, shape (notes, 3)."""
    marks = np.flatnonzero(events != HOLD)
    ends = np.append(marks, len(events))[1:]
    rows = [(b, e, events[b] - STRIKE + LOWEST) for b, e in zip(marks, ends, strict=True) if events[b] >= STRIKE]
    return np.array(rows, np.int64).reshape(-1, 3)


def transpose(events: NDArray[np.int64], semitones: int) -> NDArray[np.int64]:
    """Move what is struck; what would leave the piano stays within it by octaves."""
    pitch = events - STRIKE + LOWEST + semitones
    pitch = np.where(pitch < LOWEST, pitch + 12 * -((pitch - LOWEST) // 12), pitch)
    pitch = np.where(pitch > HIGHEST, pitch - 12 * -((HIGHEST - pitch) // 12), pitch)
    return np.where(events >= STRIKE, STRIKE + pitch - LOWEST, events)


def home_shift(tonic: int, minor: bool) -> int:
    """Return the semitones, -5 to 6, that move a key to C major or A minor, where the network hears everything."""
    return ((9 if minor else 0) - tonic + 5) % 12 - 5


def melody_key(notes: Piece) -> int:
    """Find the key of one voice, 0-23: C...B major, then minor; the last note speaks for being the tonic."""
    scores = histogram_scores(np.bincount(notes.pitch % 12, notes.duration, 12).astype(np.float64))
    scores[notes.pitch[-1] % 12 :: 12] += _LAST_NOTE
    return int(scores.argmax())
