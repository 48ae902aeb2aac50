"""Which track leads, one of one voice that is by itself like a melody; and which line, where one player plays all."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from segue.music.melody import is_one_voice, skyline
from segue.music.piece import Piece
from segue.music.rhythm import bar_patterns

_NEAR: Final = 1e-3
_LOW: Final = 53
_CLOSE, _FIFTH, _OCTAVE = 1.0, 7, 12
_STRETCH: Final = 8
"""Bars within which rhythms are compared: over a whole piece a tune that comes back would count as a pattern."""
_PATTERN: Final = 2
"""Different rhythms that a pattern of accompaniment has in a stretch."""
_LEAST_VARIED: Final = 0.15
"""Different rhythms of a melody's bars, as a share of a stretch, and share of the piece's bars in which it sounds."""


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


def upper_line(piece: Piece) -> NDArray[np.bool_] | None:
    """Find the tune of a piece for one player: the highest line of the upper hand, if its rhythm is no pattern.

    One player is one track, or two of one kind of instrument, without drums. Of two, the upper hand's is the higher.

    Returns
    -------
    ndarray of bool, shape (notes,), or None
        None if there are more players, or none who plays more than a pattern.
    """
    used = np.unique(piece.track)
    kinds = {piece.tracks[track].program // 8 for track in used.tolist()}
    if not 1 <= len(used) <= 2 or len(kinds) > 1 or piece.is_drum.any():
        return None
    upper = max(used.tolist(), key=lambda track: float(np.median(piece.pitch[piece.track == track])))
    hand = piece.track == upper
    found = np.zeros(len(piece), bool)
    found[hand] = skyline(piece.select(hand))
    if len(used) == 1:  # of both hands, the lower of which is heard where the upper one rests
        found[found] = ~_between(piece.select(found), _OCTAVE)
    if _variety(bar_patterns(piece.select(found))) < _LEAST_VARIED:
        found[found] = ~_between(piece.select(found), _FIFTH)
        if _variety(bar_patterns(piece.select(found))) < _LEAST_VARIED:
            return None
    return found | _alone(piece, ~hand, hand)


def _between(line: Piece, interval: int) -> NDArray[np.bool_]:
    """Mark notes with higher ones by an interval close before and after: a hand goes on below a tune that has rests."""
    moment = line.start
    begin, end = np.searchsorted(moment, moment - _CLOSE), np.searchsorted(moment, moment + _CLOSE, side="right")
    found = np.zeros(len(line), bool)
    for row, (first, last) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        least = line.pitch[row] + interval
        found[row] = (line.pitch[first:row] >= least).any() and (line.pitch[row + 1 : last] >= least).any()
    return found


def _alone(piece: Piece, lower: NDArray[np.bool_], upper: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the lower hand's notes in bars in which it plays one voice and the upper hand is silent."""
    bars = np.r_[piece.bar_starts, np.inf]
    first, last = (np.searchsorted(bars, at, side="right") - 1 for at in (piece.start + _NEAR, piece.end - _NEAR))
    busy = np.zeros(len(bars) + 1, np.int64)
    np.add.at(busy, first[upper], 1)
    np.add.at(busy, last[upper] + 1, -1)
    together = np.zeros(len(piece), bool)
    together[lower] = ~skyline(piece.select(lower))
    several = np.bincount(first[together], minlength=len(bars))
    return np.asarray(lower & ((np.cumsum(busy)[:-1] == 0) & (several == 0))[first])


def _variety(patterns: NDArray[np.bool_]) -> float:
    """Return the share of different bars in a stretch, the mean over all stretches; 0 for a pattern that repeats.

    What comes back changes little of it. Fewer bars than a stretch do not tell whether they are a pattern.
    """
    _, kind = np.unique(patterns, axis=0, return_inverse=True)
    stretches = np.sort(sliding_window_view(kind.ravel(), min(_STRETCH, len(patterns))), axis=1)
    different = 1 + np.count_nonzero(np.diff(stretches, axis=1), axis=1).mean()
    length = stretches.shape[1]
    return float(different / length) if different > _PATTERN or length < _STRETCH else 0.0
