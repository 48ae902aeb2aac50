"""What a voice should not sing where every instrument is one voice: parallel fifths and octaves.

The network writes forty times as many as Bach: it knows what sounds, but not from where each voice comes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, PITCH, PLACE, SLOT, Elements

AGAINST_PARALLELS: Final = 7.5
"""Nats by which a pitch is made less likely for each voice that it would move in parallel with; set so that pieces have
as many as chorales of the training part (.5 in a hundred beats, by 4 nats 3.8, by 9 .3)."""
_REMEMBERED: Final = 64
"""Elements in which the note before is looked for."""
_PERFECT: Final = (0, 7)
_PITCH: Final = np.arange(FIELD_SIZES[PITCH])


def parallels(written: Elements, notes: int, place: int, slot: int) -> NDArray[np.int64]:
    """Count the voices with which a voice would go from a fifth or an octave to the next, for each pitch token.

    Parameters
    ----------
    written
        All elements before this one.
    notes
        How many of them are notes of this bar.
    place, slot
        Values of the fields of this element.

    Returns
    -------
    ndarray of int, shape (pitch tokens,)
    """
    found = np.zeros(len(_PITCH), np.int64)
    rows = written[-_REMEMBERED:]
    here = (np.arange(len(rows)) >= len(rows) - notes) & (rows[:, PLACE] == place)
    last = {int(row[SLOT]): int(row[PITCH]) for row in rows[~here & (rows[:, PLACE] != BAR)]}
    own = last.get(slot)
    for _, other, now in rows[here][:, [PLACE, SLOT, PITCH]].tolist():
        before = last.get(other)
        if other == slot or own is None or before is None or now == before:
            continue
        interval = (before - own) % 12
        if interval in _PERFECT:
            together = np.sign(_PITCH - own) == np.sign(now - before)
            found += together & ((now - _PITCH) % 12 == interval)
    return found
