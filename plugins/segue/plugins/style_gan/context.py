"""What the networks are told of each cell beside its notes: the chord, where it leads, and the place in the bar."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import NO_CHORD
from segue.plugins.style_gan.frames import Frames
from segue.plugins.style_gan.roll import shift_of

SHIFTS: Final = slice(12, 24)
"""Columns that say how far the root lies above C, from -5."""
LEVELS: Final = slice(58, 62)
"""Columns of the metrical level."""
_FAR: Final = 8
"""Cells after which it no longer matters when the chord changes."""
_PLACES, _LEVELS, _BARS = 8, 4, 4


def context_of(frames: Frames) -> NDArray[np.float32]:
    """Describe each cell.

    Returns
    -------
    ndarray, shape (cells, CONTEXT)
        Quality of the chord (eleven, none), how far its root lies above C (-5 to 6), the roots before and after counted
        from it, how soon it changes and how long ago it did (1 now, 0 from eight cells on), cell in the bar (eight
        and on count again from the first), metrical level, bar in a group of four.
    """
    chord = frames.chord
    none = chord == NO_CHORD
    root = np.where(none, 0, chord % 12)
    edges = np.r_[0, np.flatnonzero(np.diff(chord)) + 1, len(chord)]
    stretch = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    roots = root[edges[:-1]]
    ahead = np.r_[roots[1:], roots[-1:]][stretch]
    before = np.r_[roots[:1], roots[:-1]][stretch]
    cell = np.arange(len(chord))
    until, since = edges[stretch + 1] - cell - 1, cell - edges[stretch]
    columns = [
        _one_hot(np.where(none, 11, chord // 12), 12),
        _one_hot(shift_of(chord) + 5, 12),
        _one_hot((ahead - root) % 12, 12),
        _one_hot((before - root) % 12, 12),
        np.maximum(1 - np.stack([until, since], 1) / _FAR, 0),
        _one_hot(frames.place % _PLACES, _PLACES),
        _one_hot(frames.level, _LEVELS),
        _one_hot(frames.bar % _BARS, _BARS),
    ]
    return np.asarray(np.concatenate(columns, axis=1), np.float32)


def _one_hot(values: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    return np.eye(size, dtype=np.float32)[values]
