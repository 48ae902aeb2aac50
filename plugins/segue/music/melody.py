"""Which notes of a piece are its melody, without a trained model; and whether it is of one voice."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece

_TOGETHER: Final = 0.05
_OVERLAP: Final = 0.2
"""Beats that a legato note may sound into the next."""
_FEW: Final = 0.05
_AT_ONCE: Final = 1.5
"""Notes that sound at once in the mean, from which a line is not one voice."""


def skyline(piece: Piece) -> NDArray[np.bool_]:
    """Take the highest of the notes struck together unless a higher note still sounds.

    Returns
    -------
    ndarray of bool, shape (notes,)

    References
    ----------
    A. Uitdenbogerd and J. Zobel, "Manipulation of music for melody matching", ACM Multimedia 1998.
    """
    chosen = np.zeros(len(piece), bool)
    if not len(piece):
        return chosen
    order = np.lexsort((-piece.pitch, np.rint(piece.start / _TOGETHER)))
    struck = np.rint(piece.start[order] / _TOGETHER)
    tops = order[np.r_[True, np.diff(struck) > 0]]
    sounding_until, sounding_pitch = -1.0, -1
    for note in tops.tolist():
        start, pitch = piece.start[note], piece.pitch[note]
        if start < sounding_until - _TOGETHER and pitch < sounding_pitch:
            continue
        chosen[note] = True
        sounding_until, sounding_pitch = start + piece.duration[note], pitch
    return chosen


def is_one_voice(line: Piece) -> bool:
    """Say whether nearly every note ends before the next begins, none is held under the others, and none is a drum."""
    if not len(line):
        return True
    begun_early = line.end[:-1] - line.start[1:] > _OVERLAP
    at_once = line.duration.sum() / (line.end.max() - line.start.min())
    return bool(not line.is_drum.any() and begun_early.sum() <= _FEW * len(line) and at_once < _AT_ONCE)
