"""A chorale as frames: what the network reads and writes, and the numbers that this rests on.

A frame is a sixteenth note: the pitch that each of four voices sounds, soprano first, as a MIDI number or ``REST``.
A repeated note and a held one look alike. Before the network sees a piece it is moved so that its reference, normally
the tonic, is C: the model learns one key instead of twelve. A token is then ``pitch - shift - LOWEST + 1``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.bar_lines import BAR_FRAMES, PER_BEAT, Frames

VOICES: Final = ("Soprano", "Alto", "Tenor", "Bass")
BASS: Final = 3
ORDER: Final = (0, 3, 1, 2)
"""Order in which the voices of a frame are chosen: the melody, its bass, then what lies between."""
RANGES: Final = ((60, 81), (52, 74), (46, 69), (36, 66))
"""Lowest and highest pitch of each voice in the training music."""
REST: Final = -1

LOWEST: Final = 30
PITCHES: Final = 60
NO_NOTE: Final = 0
START: Final = PITCHES + 1
HIDDEN: Final = PITCHES + 2
TOKENS: Final = PITCHES + 3
"""0 is a rest, 1-60 are pitches from 30 on, 61 stands before the first frame, 62 for what is not given."""

UNKNOWN: Final = 0
MAJOR, MINOR, ELSEWHERE, ASTRAY = 1, 2, 3, 4
"""Modes: of a piece whose reference is its tonic; any whose reference is not; any seen from anywhere."""

HOLDS: Final = np.array([1, 2, 3, 4, 6, 8, 12, 16])
MATCHES: Final = np.array([4, 8, 12, 16, 24, 32, 48, 64])
"""Edges of the classes that lengths in frames are counted in."""
CYCLE: Final = 48
"""Frames after which bars of 3/4 and of 4/4 begin together."""
BAR_CLASSES: Final = 1 + sum(BAR_FRAMES)
REMAINING_CLASSES: Final = 36
TIME_CLASSES: Final = 10


def reference(frames: Frames) -> int:
    """Return the pitch class that a piece is seen from: that of the lowest voice where it begins."""
    for frame in frames:
        sounding = frame[frame != REST]
        if len(sounding):
            return int(frame[BASS] if frame[BASS] != REST else sounding.min()) % 12
    return 0


def shift_of(pitch_class: int) -> int:
    """Return the semitones, -6 to 5, that lie between C and a reference."""
    return (pitch_class + 6) % 12 - 6


def to_tokens(frames: Frames, shift: int) -> Frames:
    """Return tokens of shape (frames, 4); a pitch beyond what tokens reach moves by octaves until it fits."""
    tokens = frames - shift - LOWEST + 1
    tokens = np.where(tokens < 1, 12 - (-tokens) % 12, tokens)
    tokens = np.where(tokens > PITCHES, PITCHES - 11 + (tokens - PITCHES - 1) % 12, tokens)
    return np.where(frames == REST, NO_NOTE, tokens)


def to_frames(tokens: Frames, shift: int) -> Frames:
    """Return the MIDI numbers that tokens stand for."""
    return np.where(tokens == NO_NOTE, REST, tokens + shift + LOWEST - 1)


def bar_class(position: NDArray[np.int64], bar_frames: int) -> NDArray[np.int64]:
    """Return the class of a frame by its position in the bar, counted from the piece's first bar line."""
    return 1 + position % bar_frames + (BAR_FRAMES[0] if bar_frames == BAR_FRAMES[1] else 0)


def remaining_class(frames_left: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of a frame by the frames that follow it until the end of the piece."""
    return 1 + np.minimum(frames_left // PER_BEAT, REMAINING_CLASSES - 2)
