"""What an instrument can't play: notes out of its range, chords wider or fuller than two hands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from segue.music.piece import Piece

_KEYBOARDS: Final = range(8)
_HAND_SPAN: Final = 16
_FINGERS: Final = 5
_TOGETHER: Final = 0.02
_RANGES: Final = {
    # General MIDI program → name, lowest and highest note that a good player reaches (W. Piston, Orchestration).
    0: ("piano", 21, 108), 40: ("violin", 55, 103), 41: ("viola", 48, 93), 42: ("cello", 36, 84),
    43: ("double bass", 28, 67), 46: ("harp", 23, 104), 56: ("trumpet", 54, 86), 57: ("trombone", 34, 77),
    58: ("tuba", 24, 65), 60: ("horn", 31, 77), 65: ("alto saxophone", 49, 85), 66: ("tenor saxophone", 44, 80),
    68: ("oboe", 58, 93), 70: ("bassoon", 34, 77), 71: ("clarinet", 50, 96), 72: ("piccolo", 74, 108),
    73: ("flute", 59, 98), 24: ("guitar", 40, 83), 25: ("guitar", 40, 86), 32: ("bass", 28, 67), 33: ("bass", 28, 67),
}  # fmt: skip

Place = tuple[float, float, int, str, str]


def unplayable(piece: Piece) -> Iterator[Place]:
    """Yield places that the track's instrument can't play."""
    for index, info in enumerate(piece.tracks):
        own = piece.select(piece.track == index)
        if info.program in _KEYBOARDS:
            yield from _two_hands(own, index)
        name, lowest, highest = _RANGES.get(0 if info.program in _KEYBOARDS else info.program, ("", 0, 127))
        for note in np.flatnonzero((own.pitch < lowest) | (own.pitch > highest)).tolist():
            text = f"The pitch {own.pitch[note]} is outside the range of the {name}, {lowest} to {highest}."
            yield float(own.start[note]), float(own.end[note]), index, text, "Move it by an octave."


def _two_hands(piece: Piece, track: int) -> Iterator[Place]:
    """Yield chords, struck at once, that two hands of five fingers and a tenth's span can't take."""
    struck = np.rint(piece.start / _TOGETHER)
    bounds = np.r_[0, np.flatnonzero(np.diff(struck)) + 1, len(piece)].tolist()
    pitches = piece.pitch.tolist()
    for begin, end in pairwise(bounds):
        pitch = sorted(set(pitches[begin:end]))
        if not _reachable(pitch):
            text = f"Two hands can't take the {len(pitch)} notes from {pitch[0]} to {pitch[-1]} at once."
            advice = "Leave out an inner note, or break the chord."
            yield float(piece.start[begin]), float(piece.end[begin:end].max()), track, text, advice


def _reachable(pitch: list[int]) -> bool:
    """Say whether a lower hand, which takes all it can, leaves what an upper one can take."""
    if len(pitch) < 2:
        return True
    upper = pitch[min(_FINGERS, bisect_right(pitch, pitch[0] + _HAND_SPAN)) :]
    return not upper or (len(upper) <= _FINGERS and upper[-1] - upper[0] <= _HAND_SPAN)
