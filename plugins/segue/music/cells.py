"""A piece cut into cells of its metrical grid: the frames in which harmony is read. A cell is about half a beat."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.grid import Grid
from segue.music.piece import Piece
from segue.plugin_api.errors import InvalidMusic

CELL_BEATS: Final = 0.5
MAX_CELLS: Final = 50_000
_CLASSES: Final = np.eye(12)[np.arange(128) % 12]
DOWNBEAT, STRONG, BEAT, WEAK = range(4)


@dataclass(frozen=True)
class Cells:
    """What sounds in each cell.

    Attributes
    ----------
    edges : ndarray, shape (cells + 1,)
        Beats at which the cells begin and the last one ends.
    level : ndarray of int, shape (cells,)
        ``DOWNBEAT``, ``STRONG`` (the middle of a bar of an even number of beats), ``BEAT`` or ``WEAK``.
    sounding : ndarray, shape (cells, 128)
        Share of the cell in which each pitch sounds, 0-1.
    onsets : ndarray of bool, shape (cells, 12)
        Whether a pitch class is struck in the cell.
    """

    edges: NDArray[np.float64]
    level: NDArray[np.int64]
    sounding: NDArray[np.float64]
    onsets: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.level)

    def part(self, first: int, last: int) -> Cells:
        """Return the cells from one to before another."""
        own = slice(first, last)
        part = Cells(self.edges[first : last + 1], self.level[own], self.sounding[own], self.onsets[own])
        vars(part).update(chroma=self.chroma[own], bass=self.bass[own])  # cached properties, not found anew
        return part

    @cached_property
    def chroma(self) -> NDArray[np.float64]:
        """Share of the cell in which each pitch class sounds, octaves added up to 1, shape (cells, 12)."""
        return np.asarray(np.minimum(self.sounding @ _CLASSES, 1.0))

    @cached_property
    def bass(self) -> NDArray[np.int64]:
        """Lowest pitch that sounds in each cell, -1 in silence, shape (cells,)."""
        heard = self.sounding > 0
        return np.where(heard.any(axis=1), heard.argmax(axis=1), -1)

    @cached_property
    def top(self) -> NDArray[np.int64]:
        """Highest pitch that sounds in each cell, -1 in silence, shape (cells,)."""
        heard = self.sounding[:, ::-1] > 0
        return np.where(heard.any(axis=1), 127 - heard.argmax(axis=1), -1)


def cut(piece: Piece, grid: Grid) -> Cells:
    """Cut the pitched notes of a piece into cells; drums are left out.

    Raises
    ------
    InvalidMusic
        If there are more than 50,000 cells.
    """
    first = np.r_[0, np.cumsum(grid.divisions)]  # cell at which each beat begins
    count = int(first[-1])
    if count > MAX_CELLS:
        raise InvalidMusic(
            "music", f"lasts {len(grid.beats) - 1} beats; at most about {MAX_CELLS // 2} can be analysed"
        )
    edges = np.interp(np.arange(count + 1), first, grid.beats)
    notes = piece.without_drums()
    sounding = _sounding(edges, notes)
    sounding = np.where(sounding < 1e-6, 0.0, np.minimum(sounding, 1.0))
    onsets = np.zeros((count, 12), bool)
    onsets[_cell_of(edges, notes.start), notes.pitch % 12] = True
    return Cells(edges, _levels(count, first, grid.downbeats), sounding, onsets)


def _cell_of(edges: NDArray[np.float64], beats: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(edges, beats + 1e-6, side="right") - 1, 0, len(edges) - 2)


def _sounding(edges: NDArray[np.float64], notes: Piece) -> NDArray[np.float64]:
    """Add up the share of each cell in which each pitch sounds, shape (cells, 128): linear in notes and cells.

    What lies after a note's start counts, what lies after its end is taken away: in part where it begins, then whole.
    """
    count = len(edges) - 1
    moments = np.clip(np.r_[notes.start, notes.end], edges[0], edges[-1])
    counts = np.repeat((1.0, -1.0), len(notes))
    cell = _cell_of(edges, moments)
    share = (edges[cell + 1] - moments) / (edges[cell + 1] - edges[cell])
    place = cell * 128 + np.r_[notes.pitch, notes.pitch]
    found = np.bincount(place, counts * share, count * 128).reshape(count, 128)
    found[1:] += np.cumsum(np.bincount(place, counts, count * 128).reshape(count, 128)[:-1], axis=0)
    return np.asarray(found)


def _levels(count: int, first: NDArray[np.int64], downbeats: NDArray[np.int64]) -> NDArray[np.int64]:
    level: NDArray[np.int64] = np.full(count, WEAK)
    level[first[:-1]] = BEAT
    bars = np.diff(downbeats)
    even = (bars % 2 == 0) & (bars > 2)
    level[first[(downbeats[:-1] + bars // 2)[even]]] = STRONG
    level[first[downbeats[downbeats < len(first) - 1]]] = DOWNBEAT
    return level
