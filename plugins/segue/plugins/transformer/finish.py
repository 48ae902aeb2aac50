"""What is done to a piece after it is composed: notes end where their pitch is struck again, pitches fit the key."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.answers import to_pitch_edits
from segue.music.reading import Reading
from segue.music.theory import key_name, scale
from segue.v1 import music_pb2

_MOST_EDITS: Final = 500


def without_overlaps(piece: Piece) -> Piece:
    """End every note where its instrument strikes the same pitch again."""
    order = np.lexsort((piece.start, piece.pitch, piece.track))
    start, end = piece.start[order], piece.end[order].copy()
    same = (np.diff(piece.pitch[order]) == 0) & (np.diff(piece.track[order]) == 0)
    end[:-1][same] = np.minimum(end[:-1][same], start[1:][same])
    duration = piece.duration.copy()
    duration[order] = end - start
    return piece.select(np.arange(len(piece))).with_notes(duration=np.maximum(duration, 1 / 12))


def into_key(
    reading: Reading, key: int, fixed: NDArray[np.bool_], always: bool
) -> tuple[Reading, list[music_pb2.Edit]]:
    """Move notes that are foreign to a key to its nearest ones, if the piece would otherwise be heard in another key.

    Parameters
    ----------
    reading
        Of any piece with pitched notes.
    key
        The key that is wanted, 0-23.
    fixed
        Notes that stay as they are.
    always
        Whether foreign notes are moved even if the key is right.

    Returns
    -------
    reading, edits
        Of the piece as it then is, and each change, with its reason.
    """
    piece = reading.original
    if not always and reading.keys.best == key:
        return reading, []
    inside = np.isin(np.arange(-1, 13) % 12, scale(key))
    steps = np.where(inside[:-2], -1, 1)
    steps[list(scale(key))] = 0
    moved = np.where(fixed | piece.is_drum, 0, steps[piece.pitch % 12])
    changed = piece.with_notes(pitch=np.clip(piece.pitch + moved, 0, 127))
    later = Reading(changed)
    if not moved.any() or not (always or later.keys.best == key):
        return reading, []
    rows = np.flatnonzero(moved)[:_MOST_EDITS]
    reason = f"It is foreign to {key_name(key)}, the key of the piece."
    return later, to_pitch_edits(piece, changed.pitch, dict.fromkeys(rows.tolist(), reason))
