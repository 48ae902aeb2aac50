"""What the sliders set, measured on two bars of events."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.vae.tokens import BAR, STRIKE, to_notes

NAMES: Final = ("density", "register", "syncopation", "contour", "span")
"""Onsets in a bar; mean pitch; syncopation in a bar; rise from the first half's pitches to the second's, in semitones;
highest less lowest pitch, in semitones. In this order they are the first dimensions of the latent vector."""
REGISTER: Final = NAMES.index("register")
_DEPTH: Final = np.array([0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4])
"""Metrical weight of each sixteenth of a bar of 4/4 [1]_."""


def measure(events: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure windows.

    Parameters
    ----------
    events : ndarray of int, shape (windows, length)
        ``length`` is a multiple of ``BAR``.

    Returns
    -------
    ndarray, shape (windows, 5)
        In the order of ``NAMES``. A window that strikes nothing has 0 throughout.

    References
    ----------
    .. [1] H. C. Longuet-Higgins and C. S. Lee, "The rhythmic interpretation of monophonic music", Music Perception,
       1984: a note that is held through a heavier place than it begins on is syncopated by the difference.
    """
    return np.stack([_one(window) for window in events])


def _one(events: NDArray[np.int64]) -> NDArray[np.float64]:
    notes = to_notes(events)
    if not len(notes):
        return np.zeros(len(NAMES))
    begin, end, pitch = notes.T
    bars = len(events) / BAR
    syncopation = 0
    for first, last in zip(begin, end, strict=True):
        held = _DEPTH[np.arange(first + 1, last) % BAR]
        syncopation += max(0, int(held.max(initial=-5)) - int(_DEPTH[first % BAR]))
    middle = np.median(begin)
    early, late = pitch[begin <= middle], pitch[begin > middle]
    rise = late.mean() - early.mean() if len(late) else 0.0
    return np.array([len(notes) / bars, pitch.mean(), syncopation / bars, rise, np.ptp(pitch)])


def fits(events: NDArray[np.int64]) -> bool:
    """Return whether a window says enough to be learnt from: four notes, some in each bar."""
    struck = events.reshape(-1, BAR) >= STRIKE
    return bool(struck.sum() >= 2 * len(struck) and struck.any(1).all())
