"""What a voice should not sing where every instrument is one voice: parallel fifths and octaves.

The network writes forty times as many as Bach: it knows what sounds, but not from where each voice comes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.voices import in_parallel
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, PITCH, PLACE, SLOT, Elements

AGAINST_PARALLELS: Final = 7.5
"""Nats by which a pitch is made less likely for each voice that it would move in parallel with; set so that pieces have
as many as chorales of the training part (.5 in a hundred beats, by 4 nats 3.8, by 9 .3)."""
_REMEMBERED: Final = 64
"""Elements in which the note before is looked for."""
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
    rows = written[-_REMEMBERED:]
    here = (np.arange(len(rows)) >= len(rows) - notes) & (rows[:, PLACE] == place)
    last = {int(row[SLOT]): int(row[PITCH]) for row in rows[~here & (rows[:, PLACE] != BAR)]}
    others = [(last[o], now) for o, now in rows[here][:, [SLOT, PITCH]].tolist() if o != slot and o in last]
    if slot not in last or not others:
        return np.zeros(len(_PITCH), np.int64)
    before, now = np.array(others).T[..., None]
    return np.asarray(in_parallel(before, last[slot], now, _PITCH).sum(0), np.int64)
