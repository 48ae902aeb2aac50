"""Which two bars of sixteen say again what earlier ones said, in real melodies: the form that a new melody is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.vae.network import SEGMENTS
from segue.plugins.vae.tokens import STRIKE, WINDOW

_ALIKE: Final = 0.6
"""Share of the notes struck in either of two windows that both strike alike where one is the other again."""
_NEW: Final = 0.25
"""The same share, below which a window is said to be new."""
THROUGH: Final = np.arange(SEGMENTS)
"""The form in which nothing comes again."""


def forms(melodies: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the form of melodies of sixteen bars.

    Parameters
    ----------
    melodies : ndarray of int, shape (melodies, 256)
        Events.

    Returns
    -------
    ndarray of int, shape (melodies, 8)
        For each two bars the first ones that they say again; their own number if they are new.
    """
    found = np.tile(THROUGH, (len(melodies), 1))
    rows = np.arange(len(melodies))
    for late, alike in enumerate(_likeness(melodies), start=1):
        nearest = alike.argmax(1)
        again = alike[rows, nearest] >= _ALIKE
        found[again, late] = found[again, nearest[again]]
    return found


def recurrence(melodies: NDArray[np.int64]) -> tuple[float, float]:
    """Return the share of two bars that say earlier ones again, and of those that hardly share a note with any."""
    most = np.concatenate([alike.max(1) for alike in _likeness(melodies)])
    return float((most >= _ALIKE).mean()), float((most < _NEW).mean())


def _likeness(melodies: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Yield how alike the second, third, ... two bars are to each before them, shape (melodies, those before)."""
    windows = melodies.reshape(-1, SEGMENTS, WINDOW)
    struck = windows >= STRIKE
    for late in range(1, SEGMENTS):
        either = struck[:, :late] | struck[:, late, None]
        same = (windows[:, :late] == windows[:, late, None]) & either
        yield same.sum(-1) / np.maximum(either.sum(-1), 1)
