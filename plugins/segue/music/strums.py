"""Strummed chords: notes of a track struck in quick order, all up or all down, chord after chord."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece

STEP, REACH = 0.02, 0.15
"""Beats between the notes of a strum, at least and at most."""
MOSTLY: Final = 0.6
"""Share of three notes in quick order that go one way, from which chords are strummed; sloppy ones do by a third."""
_FEW: Final = 8


def struck_with(piece: Piece) -> NDArray[np.int64]:
    """Return for each note the index of the one that its strum begins with: its own if it is in none, or begins one."""
    found = np.arange(len(piece))
    for track in np.unique(piece.track).tolist():
        own = np.flatnonzero(piece.track == track)
        if len(own) < _FEW or piece.tracks[track].drums:
            continue
        start, end, step = piece.start[own], piece.end[own], np.sign(np.diff(piece.pitch[own]))
        gap = np.diff(start)
        quick = (gap < REACH) & (end[:-1] > start[1:] + gap)
        threes = quick[:-1] & quick[1:]
        ordered = (step[:-1] == step[1:]) & (step[1:] != 0) & (gap[:-1] > STEP) & (gap[1:] > STEP)
        if (threes & ordered).sum() < max(MOSTLY * threes.sum(), _FEW):
            continue
        joined = np.zeros(len(own), bool)  # to the note before it
        joined[1:-1] |= threes & ordered
        joined[2:] |= threes & ordered
        found[own] = own[np.maximum.accumulate(np.where(joined, 0, np.arange(len(own))))]
    return found
