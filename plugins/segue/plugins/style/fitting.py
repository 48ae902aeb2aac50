"""What was composed for a piece, fitted to it: no note of a pitch over another, as loud as the piece, over with it.

A piece ends with what it strikes last; a pattern that went on to the bar line would play beyond its end. So from its
last onset on, or where that is held for long from its last bar on, each part strikes once and lets that ring until the
piece is over - unless that onset is in the last beat of the bar: then it stops as a loop does, and the pattern fills
the bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece

USUAL: Final = 90.0
"""Velocity of the tunes beside which the parts of ``style_parallel_synth`` are as loud as they are."""
_SOFTEST, _LOUDEST = 0.3, 1.25
"""Least and most that velocities are multiplied by."""
_AT_ONCE: Final = 0.06
"""Beats within which a second strike of a pitch is the same one."""
_STRUM: Final = 0.15
_ROOM: Final = 1.0
"""Beats before the end of the last bar from which on an onset is no ending, and within which a chord is broken."""
_NEAR: Final = 0.02
_SHORTEST: Final = 0.05
_RINGS: Final = 0.3
"""Beats that a note may ring into a bar that is no bar of the piece."""


class Part(NamedTuple):
    """Notes of one instrument: start and duration in beats, MIDI pitch and velocity; each of shape (notes,)."""

    start: NDArray[np.float64]
    duration: NDArray[np.float64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]

    def select(self, notes: NDArray[np.bool_] | NDArray[np.int64]) -> Part:
        """Return some of the notes."""
        return Part(self.start[notes], self.duration[notes], self.pitch[notes], self.velocity[notes])


@dataclass(frozen=True)
class Frame:
    """When a piece begins and is over, and how loud it is.

    Attributes
    ----------
    first
        Beat at which the piece begins.
    last, end
        Beat of the ending, from which on nothing but it is struck, and beat at which all is over; ``last`` is ``end``
        for a piece that stops as a loop does.
    bars : ndarray, shape (bars + 1,)
        Edges of the bars, in beats.
    loudness : ndarray, shape (bars,)
        What the velocities of each bar are to be multiplied by.
    tune
        Whether the piece has a melody that the rest must not cover.
    """

    first: float
    last: float
    end: float
    bars: NDArray[np.float64]
    loudness: NDArray[np.float64]
    tune: bool


def frame_of(piece: Piece, melody: NDArray[np.bool_], bars: NDArray[np.float64]) -> Frame:
    """Read off a piece when it begins and ends, and how loud its tune is: without one, the rest of it, or its drums.

    Parameters
    ----------
    piece
        The piece.
    melody : ndarray of bool, shape (notes,)
        Which of its notes are the tune.
    bars : ndarray, shape (bars + 1,)
        Edges of its bars, in beats.
    """
    over = min(piece.beats, float(bars[-1]))
    bar = max(int(np.searchsorted(bars, over - _RINGS, side="right")) - 1, 0)
    last = float(piece.start.max())
    last = last if last >= bars[max(bar - 1, 0)] - _NEAR else float(bars[bar])  # what is held for long goes on
    loop = bars[bar + 1] - last <= _ROOM + _NEAR
    end = float(bars[bar + 1]) if loop else over
    heard = next(notes for notes in (melody, ~piece.is_drum, piece.is_drum) if notes.any())
    return Frame(
        float(piece.start.min()),
        end if loop else last,
        end,
        bars,
        _loudness(piece.select(heard), bars),
        bool(melody.any()),
    )


def _loudness(notes: Piece, bars: NDArray[np.float64]) -> NDArray[np.float64]:
    bar = np.clip(np.searchsorted(bars, notes.start + _NEAR, side="right") - 1, 0, len(bars) - 2)
    count = np.bincount(bar, minlength=len(bars) - 1)
    there = np.flatnonzero(count)
    mean = np.bincount(bar, notes.velocity, minlength=len(bars) - 1)[there] / count[there]
    level = np.pad(np.interp(np.arange(len(count)), there, mean), 1, mode="edge")
    smooth = (level[:-2] + 2 * level[1:-1] + level[2:]) / 4
    return np.asarray(np.clip(smooth / USUAL, _SOFTEST, _LOUDEST))


def fitted(frame: Frame, part: Part, *, drums: bool = False, most: float = 1.0, line: bool = False) -> Part:
    """Fit what one instrument is to play to the piece.

    Parameters
    ----------
    frame
        Of the piece.
    part
        The notes.
    drums
        Whether it is a drum kit, whose notes may sound over one another.
    most
        Loudness that its notes have in the mean at most, as a share of the tune's.
    line
        Whether it is a bass or another single line, which ends with one note.
    """
    part = cleared(ended(frame, part, drums=drums, line=line), drums=drums)
    bar = np.clip(np.searchsorted(frame.bars, part.start + _NEAR, side="right") - 1, 0, len(frame.loudness) - 1)
    share = frame.loudness[bar]
    if frame.tune and len(part.start):
        share = share * min(1.0, most * USUAL / float(part.velocity.mean()))
    return part._replace(velocity=np.clip(np.rint(part.velocity * share), 1, 127).astype(np.int64))


def ended(frame: Frame, part: Part, *, drums: bool = False, line: bool = False) -> Part:
    """Leave out what begins before the piece or after its ending, strike that, and end what would sound beyond.

    Parameters are those of ``fitted``. What sounds on into the piece, but for drums, begins with it.
    """
    end = part.start + part.duration
    early = part.start < frame.first - _STRUM
    start = np.where(early, frame.first, part.start)
    part = part._replace(start=start, duration=end - start).select(~early | (not drums) & (end > start + _STRUM))
    if frame.last < frame.end:
        after = part.start >= frame.last - _AT_ONCE
        first = float(part.start[after].min()) if after.any() else 0.0
        closing = after & (part.start < first + (_STRUM if drums or line else _ROOM))
        closing[closing] = _first_of_each(part.pitch[closing], part.start[closing])
        start = np.where(closing, part.start - first + frame.last, part.start)
        until = np.where(closing | (not closing.any()), frame.end, frame.last)
        end = np.minimum(start + part.duration, until)
        if not drums:
            end[closing] = frame.end
        part = part._replace(start=start, duration=end - start).select(~after | closing)
    part = part.select(part.start < frame.end - _NEAR)
    return part._replace(duration=np.maximum(np.minimum(part.duration, frame.end - part.start), _SHORTEST))


def _first_of_each(pitch: NDArray[np.int64], start: NDArray[np.float64]) -> NDArray[np.bool_]:
    order = np.argsort(start, kind="stable")
    found = np.zeros(len(pitch), bool)
    found[order[np.unique(pitch[order], return_index=True)[1]]] = True
    return found


def cleared(part: Part, *, drums: bool = False) -> Part:
    """End each note where its pitch is struck again; of two strikes at once one stays."""
    part = part.select(np.lexsort((part.start, part.pitch)))
    again = (np.diff(part.pitch) == 0) & (np.diff(part.start) < _AT_ONCE)
    part = part.select(~np.r_[np.zeros(min(len(part.start), 1), bool), again])
    if drums:
        return part
    gap = np.where(np.diff(part.pitch) == 0, np.diff(part.start), np.inf)
    return part._replace(duration=np.minimum(part.duration, np.r_[gap, [np.inf] * min(len(part.start), 1)]))


def beside(part: Part, kept: Part) -> Part:
    """Keep notes of one track clear of others of their pitch: they end where those begin, and none begins in them."""
    stays, end = np.ones(len(part.start), bool), part.start + part.duration
    for pitch in np.intersect1d(part.pitch, kept.pitch).tolist():
        own, other = np.flatnonzero(part.pitch == pitch), np.flatnonzero(kept.pitch == pitch)
        begin = kept.start[other]
        over = np.maximum.accumulate(begin + kept.duration[other])
        before = np.searchsorted(begin, part.start[own] + _AT_ONCE, side="right") - 1
        stays[own] = (before < 0) | (over[np.maximum(before, 0)] <= part.start[own] + _NEAR)
        following = np.r_[begin, np.inf][before + 1]
        end[own] = np.minimum(end[own], following)
    return part._replace(duration=end - part.start).select(stays)
