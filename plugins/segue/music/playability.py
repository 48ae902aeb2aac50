"""What an instrument can't play: notes out of its range, chords wider or fuller than two hands."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.theory import pitch_name

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

_OCTAVES: Final = (-12, 12, -24, 24, -36, 36)


class Unplayable(NamedTuple):
    """What can't be played: from beat to beat, the track, what is wrong and what to do.

    ``note`` is the index of the note that in an octave of another ``pitch`` would make it playable, -1 if none would.
    """

    begin: float
    end: float
    track: int
    text: str
    advice: str
    note: int
    pitch: int


def unplayable(piece: Piece) -> Iterator[Unplayable]:
    """Yield places that the track's instrument can't play."""
    for index, info in enumerate(piece.tracks):
        own = np.flatnonzero(piece.track == index)
        if info.program in _KEYBOARDS:
            yield from _two_hands(piece, own, index)
        name, lowest, highest = _RANGES.get(0 if info.program in _KEYBOARDS else info.program, ("", 0, 127))
        pitch = piece.pitch[own]
        for note in own[(pitch < lowest) | (pitch > highest)].tolist():
            now = int(piece.pitch[note])
            inside = [now + by for by in _OCTAVES if lowest <= now + by <= highest]
            reach = f"{pitch_name(lowest)} to {pitch_name(highest)}"
            text = f"{pitch_name(now)} is outside the range of the {name}, {reach}."
            place = float(piece.start[note]), float(piece.end[note]), index
            yield Unplayable(*place, text, "Move it by an octave.", note if inside else -1, inside[0] if inside else 0)


def _two_hands(piece: Piece, own: NDArray[np.int64], track: int) -> Iterator[Unplayable]:
    """Yield chords, struck at once, that two hands of five fingers and a tenth's span can't take."""
    struck = np.rint(piece.start[own] / _TOGETHER)
    bounds = np.r_[0, np.flatnonzero(np.diff(struck)) + 1, len(own)].tolist()
    pitches = piece.pitch[own].tolist()
    for begin, end in pairwise(bounds):
        pitch = sorted(set(pitches[begin:end]))
        if not _reachable(pitch):
            outer = f"{pitch_name(pitch[0])} to {pitch_name(pitch[-1])}"
            text = f"Two hands can't take the {len(pitch)} notes from {outer} at once."
            note, now = _within_reach(pitches[begin:end])
            advice = "Leave out an inner note, or break the chord."
            if note >= 0:
                advice = f"Move {pitch_name(pitches[begin + note])} to {pitch_name(now)}, or break the chord."
            place = float(piece.start[own[begin]]), float(piece.end[own[begin:end]].max()), track
            yield Unplayable(*place, text, advice, int(own[begin + note]) if note >= 0 else -1, now)


def _within_reach(chord: list[int]) -> tuple[int, int]:
    """Return the note of a chord that another octave brings within reach, and its pitch there; (-1, 0) if none.

    The nearest octave is taken, of the note that lies farthest from the middle one; the highest moves only if no other
    can. What is struck twice stays where it is when one of the two moves, so that neither helps; and no move makes ten
    keys of more.
    """
    keys = Counter(chord)
    if len(keys) > 2 * _FINGERS:
        return -1, 0
    middle, top = sorted(chord)[len(chord) // 2], max(chord)
    alone = (row for row, pitch in enumerate(chord) if keys[pitch] == 1)
    rows = sorted(alone, key=lambda row: (chord[row] == top, -abs(chord[row] - middle)))
    for row, by in sorted(product(rows, _OCTAVES), key=lambda each: (chord[each[0]] == top, abs(each[1]))):
        others = [*chord[:row], *chord[row + 1 :]]
        now = chord[row] + by
        if 0 <= now <= max(top, 108) and now not in others and _reachable(sorted({*others, now})):
            return row, now
    return -1, 0


def _reachable(pitch: list[int]) -> bool:
    """Say whether a lower hand, which takes all it can, leaves what an upper one can take."""
    if len(pitch) < 2:
        return True
    upper = pitch[min(_FINGERS, bisect_right(pitch, pitch[0] + _HAND_SPAN)) :]
    return not upper or (len(upper) <= _FINGERS and upper[-1] - upper[0] <= _HAND_SPAN)
