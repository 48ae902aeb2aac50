"""Which scale a key has: major, minor, or a church mode, by the degrees that have two forms.

Dorian is minor with a raised sixth, Phrygian minor with a lowered second, Lydian major with a raised fourth, Mixolydian
major with a lowered seventh. A scale says how often it raises each of the four degrees, and how much each form sounds
says which scale it is.

References
----------
H. S. Powers and F. Wiering, "Mode", Grove Music Online, 2001: the modes of folk song and of popular music.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAJOR, MINOR, DORIAN, PHRYGIAN, LYDIAN, MIXOLYDIAN = range(6)
_LOWERED, _RAISED = [1, 5, 8, 10], [2, 6, 9, 11]
"""The second, fourth, sixth and seventh, in semitones above the tonic."""
# Shares that are raised, rounded from half of the folk tunes of music21's corpus that state a mode; the fourth and the
# seventh of major and the second of minor leave more room, as chords of other keys bring them.
_SHARES: Final = np.array(
    [
        (0.95, 0.10, 0.98, 0.90),  # major
        (0.95, 0.03, 0.30, 0.10),  # minor
        (0.95, 0.03, 0.95, 0.04),  # Dorian
        (0.03, 0.03, 0.30, 0.10),  # Phrygian
        (0.95, 0.98, 0.98, 0.90),  # Lydian
        (0.95, 0.10, 0.98, 0.04),  # Mixolydian
    ]
)
_OF_MODE: Final = {False: [MAJOR, LYDIAN, MIXOLYDIAN], True: [MINOR, DORIAN, PHRYGIAN]}
# Chosen on the same tunes, and on pieces of other packs, none of them test pieces, which hardly ever are in a mode.
_NOTES: Final = 40.0
"""How many notes of a piece count as if each were drawn by itself: what sounds comes back."""
_CHURCH_MODE: Final = 1.0
"""What speaks against a church mode, in nats."""


class ScaleFound(NamedTuple):
    """A scale, ``MAJOR`` to ``MIXOLYDIAN``, and its probability among those of its tonic and third, 0-1."""

    scale: int
    probability: float


def find_scale(weights: NDArray[np.float64], key: int, *, notes: float = _NOTES) -> ScaleFound:
    """Find the scale of a key.

    Parameters
    ----------
    weights : ndarray, shape (12,)
        Sounding time of each pitch class, in any unit.
    key
        0-11 major, 12-23 minor: the tonic, and whether the scale is like major or like minor.
    notes
        How many notes sound: where they are fewer than 40, they make nobody surer than so many can.
    """
    above = np.roll(weights, -(key % 12)) / max(weights.sum(), 1e-9)
    scales = _OF_MODE[key >= 12]
    shares = _SHARES[scales]
    odds = min(notes, _NOTES) * (np.log(shares) @ above[_RAISED] + np.log(1 - shares) @ above[_LOWERED])
    odds[1:] -= _CHURCH_MODE
    best = int(odds.argmax())
    return ScaleFound(scales[best], float(1 / np.exp(odds - odds[best]).sum()))
