"""How like the true target an accompaniment is: F1 of onsets, notes and pitch classes.

References
----------
C. Raffel et al., "mir_eval: a transparent implementation of common MIR metrics", ISMIR 2014.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from mir_eval.onset import f_measure
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.style_seq.content import sounding

TOLERANCE: Final = 0.05
"""Seconds that an onset may be off, as is usual."""


def without_melody(piece: Piece, melody: Piece) -> Piece:
    """Take the notes of a melody out of a piece."""
    notes = set(zip(np.round(melody.start, 2).tolist(), melody.pitch.tolist(), strict=True))
    keys = zip(np.round(piece.start, 2).tolist(), piece.pitch.tolist(), strict=True)
    return piece.select(np.array([key not in notes for key in keys], bool) | piece.is_drum)


def class_f1(truth: Piece, found: Piece, halves: int) -> float:
    """Compare the pitch classes that sound in each beat."""
    one, other = (
        sounding(notes.start, notes.end, notes.pitch, halves // 8)
        for notes in (truth.without_drums(), found.without_drums())
    )
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))


def onset_f1(truth: Piece, found: Piece) -> float:
    """Compare moments at which something begins, within ``TOLERANCE`` seconds; what begins closer is one moment."""
    if not len(truth) or not len(found):
        return float(len(truth) == len(found))
    return float(f_measure(_moments(truth), _moments(found), window=TOLERANCE)[0])


def _moments(piece: Piece) -> NDArray[np.float64]:
    found: list[float] = []
    for second in np.sort(piece.beats_to_seconds(piece.start)).tolist():
        if not found or second > found[-1] + TOLERANCE:
            found.append(second)
    return np.array(found)


def note_f1(truth: Piece, found: Piece) -> float:
    """Compare notes: the same pitch within ``TOLERANCE`` seconds, each matched once."""
    if not len(truth) or not len(found):
        return float(len(truth) == len(found))
    hits = 0
    for pitch in np.intersect1d(truth.pitch, found.pitch).tolist():
        one, other = (np.sort(p.beats_to_seconds(p.start[p.pitch == pitch])) for p in (truth, found))
        at = 0
        for moment in one.tolist():
            while at < len(other) and other[at] < moment - TOLERANCE:
                at += 1
            if at < len(other) and other[at] <= moment + TOLERANCE:
                hits, at = hits + 1, at + 1
    return 2 * hits / (len(truth) + len(found))
