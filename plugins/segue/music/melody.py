"""Which notes of a piece are its melody, without a trained model."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece

_TOGETHER: Final = 0.05


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
