"""Which track leads: one of one voice that is by itself like a melody."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.rhythm import bar_patterns

_OVERLAP: Final = 0.2
"""Beats that a legato note may sound into the next."""
_FEW: Final = 0.05
_AT_ONCE: Final = 1.5
"""Notes that sound at once in the mean, from which a line is not one voice."""
_LOW: Final = 53
_STRETCH: Final = 8
"""Bars within which rhythms are compared: over a whole piece a tune that comes back would count as a pattern."""
_PATTERN: Final = 2
"""Different rhythms that a pattern of accompaniment has in a stretch."""
_LEAST_VARIED: Final = 0.15
"""Different rhythms of a melody's bars, as a share of a stretch, and share of the piece's bars in which it sounds."""


def is_one_voice(line: Piece) -> bool:
    """Say whether nearly every note ends before the next one begins, and none is held on under the others."""
    if not len(line):
        return True
    begun_early = line.end[:-1] - line.start[1:] > _OVERLAP
    at_once = line.duration.sum() / (line.end.max() - line.start.min())
    return bool(begun_early.sum() <= _FEW * len(line) and at_once < _AT_ONCE)


def leading_track(piece: Piece) -> int | None:
    """Find the track of one voice, not a low one, whose bars differ most in rhythm; None if no track is like that.

    An accompaniment repeats its pattern, a melody seldom does; one that is alone has nothing to stand out from.
    """
    best, found = _LEAST_VARIED, None
    for track in range(len(piece.tracks)):
        own = piece.select(piece.track == track)
        if piece.tracks[track].drums or len(own) in (0, len(piece)) or np.median(own.pitch) < _LOW:
            continue
        patterns = bar_patterns(own)
        covers = len(patterns) / len(piece.bar_starts)
        fit = min(_variety(patterns), covers)
        if is_one_voice(own) and fit > best:
            best, found = fit, track
    return found


def _variety(patterns: NDArray[np.bool_]) -> float:
    """Return the share of different bars in a stretch, the mean over all stretches; 0 for a pattern that repeats.

    What comes back changes little of it. Fewer bars than a stretch do not tell whether they are a pattern.
    """
    _, kind = np.unique(patterns, axis=0, return_inverse=True)
    stretches = np.sort(sliding_window_view(kind.ravel(), min(_STRETCH, len(patterns))), axis=1)
    different = 1 + np.count_nonzero(np.diff(stretches, axis=1), axis=1).mean()
    length = stretches.shape[1]
    return float(different / length) if different > _PATTERN or length < _STRETCH else 0.0
