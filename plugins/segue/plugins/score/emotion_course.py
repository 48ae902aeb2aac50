"""How well emotion over time is told: on pieces that are labelled clips, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, Tempo
from segue.plugins.score.emotion import Listeners, describe_emotion

CLIPS: Final = 5
"""Clips in a row; about three minutes."""
_BEATS_PER_SECOND: Final = 2.0


def chain(pieces: Sequence[Piece]) -> tuple[Piece, NDArray[np.float64]]:
    """Play pieces with pitched notes one after the other.

    Returns
    -------
    piece
        Two beats a second; drums are left out.
    ends : ndarray, shape (pieces,)
        Beat at which each of them ends.
    """
    columns, ends = [], [0.0]
    for piece in pieces:
        notes = piece.without_drums()
        start, end = (notes.beats_to_seconds(beats) * _BEATS_PER_SECOND for beats in (notes.start, notes.end))
        columns.append((start - start[0] + ends[-1], end - start, notes.pitch, notes.velocity))
        ends.append(ends[-1] + float(end.max() - start[0]))
    joined = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Piece.of(*joined, tempos=(Tempo(0.0, 60 * _BEATS_PER_SECOND),)), np.array(ends[1:])


def hear_course(
    pieces: Sequence[Piece], quadrants: Sequence[int], listeners: Listeners, draws: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hear clips in rows of five, drawn anew so many times.

    Returns
    -------
    truth, over_time, whole : ndarray, shape (points,)
        Quadrant of the clip in the middle of each point, what is said of the point, and what is said of the whole row.
    """
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(draws):
        order = rng.permutation(len(pieces)).tolist()
        for own in (order[row : row + CLIPS] for row in range(0, len(order), CLIPS)):
            piece, ends = chain([pieces[clip] for clip in own])
            heard = describe_emotion(piece, listeners)
            for point in heard.curve:
                middle = (point.span.start + point.span.end) / 2
                truth = quadrants[own[int(np.searchsorted(ends[:-1], middle))]]
                rows.append((truth, point.emotion.quadrant - 1, heard.overall.quadrant - 1))
    truths, over_time, whole = np.array(rows, np.int64).reshape(-1, 3).T
    return truths, over_time, whole
