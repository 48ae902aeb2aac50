"""Stretches in which one track leaves the grid that the others keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.timing import FEW, ON_GRID, STRAY, Floats, Mask

PASSAGE, MOST_OF_IT, KEPT = 6, 0.7, 0.8
"""Notes in a row of which so many must lie beside the grid, while of so many of the other tracks' notes lie on it."""


class Passage(NamedTuple):
    """A stretch in which one track leaves the grid that the others keep: its notes in order, those of them off it."""

    notes: NDArray[np.int64]
    off: Mask


def passages(piece: Piece, distance: Floats) -> Iterator[Passage]:
    """Yield the stretches in which a track leaves the grid that the others keep; even divisions are no reason.

    Parameters
    ----------
    piece, distance
        As of ``strays``.
    """
    tight = np.abs(distance) <= ON_GRID
    for track in np.unique(piece.track).tolist():
        own = np.flatnonzero(piece.track == track)
        off = (np.abs(distance[own]) > STRAY) & ~_even(piece.start[own])
        if len(own) < PASSAGE or off.sum() < PASSAGE * MOST_OF_IT:
            continue
        found = np.flatnonzero(np.convolve(off, np.ones(PASSAGE), "valid") >= MOST_OF_IT * PASSAGE)
        covered = np.zeros(len(own) + 2, bool)
        covered[found[:, None] + np.arange(1, PASSAGE + 1)] = True
        edges = np.flatnonzero(np.diff(covered))
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            begin, end = np.searchsorted(piece.start, piece.start[own[[first, last - 1]]] + (-ON_GRID, ON_GRID))
            others = tight[begin:end][piece.track[begin:end] != track]
            astray = first + np.flatnonzero(off[first:last])
            if len(others) >= FEW and others.mean() >= KEPT:
                inside = slice(astray[0], astray[-1] + 1)
                yield Passage(own[inside], off[inside])


def _even(start: Floats) -> Mask:
    """Notes of runs in equal steps that are no sixteenths or triplets: quintuplets, say."""
    gap = np.diff(start)
    even = np.zeros(len(start), bool)
    alike = (np.abs(np.diff(gap)) < 0.01) & (
        np.minimum(*(np.abs(gap * n - np.rint(gap * n)) / n for n in (3, 4)))[1:] > 0.01
    )
    for shift in range(3):
        even[shift : len(start) - 2 + shift] |= alike
    return even
