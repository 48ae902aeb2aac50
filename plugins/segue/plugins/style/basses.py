"""The bass of a style: what plays it, and how deep it goes.

The program that made ``style_parallel_synth`` plays some basses on a guitar, and disco's an octave and more below the
lowest string.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

ACOUSTIC, FINGERED, SYNTH = 32, 33, 38
"""General MIDI programs."""
PLAYED_ON: Final[Mapping[str, int]] = MappingProxyType(
    {"bossanova": ACOUSTIC, "salsa": ACOUSTIC, "rock": FINGERED, "hiphop": SYNTH}
)
"""Style → program of its bass, where a guitar plays lowest in the data, or nothing lies low: a choice by ear."""
DEEPEST: Final = 26
"""The lowest string of a bass, tuned down to D1, as a MIDI number."""
_GUITARS: Final = range(24, 32)
_BASSES: Final = range(32, 40)


def is_bass_program(program: int) -> bool:
    """Say whether a General MIDI program is a bass."""
    return program in _BASSES


def is_guitar_program(program: int) -> bool:
    """Say whether a General MIDI program is a guitar."""
    return program in _GUITARS


def within_reach(pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move what is below the lowest string up by octaves."""
    return np.asarray(pitch + 12 * -(-np.maximum(DEEPEST - pitch, 0) // 12))
