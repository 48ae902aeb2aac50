"""A part of an ensemble in figures: what the style encoder hears of an example.

Rhythm by register (or by drum), intervals above the root, lengths, loudness and instrument; nothing of the chords.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.kit import CRASHES, KICKS, SNARES
from segue.plugins.style_seq.elements import DRUM_KINDS, FIRST_DRUM, LOWEST, PITCHES, PLACES
from segue.plugins.transformer.elements import DRUMS

_REGISTERS: Final = 8
_DRUM_ROWS: Final = {
    0: KICKS, 1: SNARES, 2: (42, 44), 3: (46,), 4: (41, 43, 45, 47, 48, 50), 5: CRASHES,
    6: (51, 53, 59),
}  # fmt: skip
_LENGTH_EDGES: Final = (3, 6, 9, 13, 17)
"""Lengths, as fields, at which a new kind of length begins."""
PROFILE: Final = _REGISTERS * PLACES + 12 + len(_LENGTH_EDGES) + 1 + 4 + DRUMS + 1


def drum_rows() -> NDArray[np.int64]:
    """Return the row of each kind of drum, from ``FIRST_DRUM`` on; what is named nowhere is in the last."""
    found = np.full(DRUM_KINDS, _REGISTERS - 1)
    for row, kinds in _DRUM_ROWS.items():
        found[np.array(kinds) - FIRST_DRUM] = row
    return found


_DRUM_TABLE: Final = drum_rows()


def describe(rows: NDArray[np.int64], bars: int, family: int) -> NDArray[np.float32]:
    """Describe a part.

    Parameters
    ----------
    rows
        As ``elements.to_rows`` returns them, of ``bars`` bars.
    family
        Family of its instrument.

    Returns
    -------
    ndarray, shape (PROFILE,)
    """
    kind = np.zeros(DRUMS + 1)
    kind[family] = 1
    bars = max(bars, 1)
    if not len(rows):
        return np.concatenate([np.zeros(PROFILE - DRUMS - 1), kind]).astype(np.float32)
    place, pitch = rows[:, 1] - 2, rows[:, 2] - 1
    intervals = np.zeros(12)
    if family == DRUMS:
        register = _DRUM_TABLE[pitch - PITCHES]
        height = 0.0
    else:
        register = np.clip((pitch + LOWEST + 48) // 12, 0, _REGISTERS - 1)
        intervals = np.bincount((pitch + LOWEST) % 12, minlength=12) / len(rows)
        height = float((pitch + LOWEST).mean()) / 24
    rhythm = np.bincount(register * PLACES + place, minlength=_REGISTERS * PLACES) / bars
    lengths = np.bincount(np.searchsorted(_LENGTH_EDGES, rows[:, 3], side="right"), minlength=len(_LENGTH_EDGES) + 1)
    moments = len(np.unique(rows[:, 0] * PLACES + rows[:, 1]))
    figures = (height, float(rows[:, 4].mean()) / 6 - 1, len(rows) / bars / 16, len(rows) / moments / 3)
    parts = [np.sqrt(rhythm), intervals, lengths / len(rows), figures, kind]
    return np.asarray(np.concatenate(parts), np.float32)
