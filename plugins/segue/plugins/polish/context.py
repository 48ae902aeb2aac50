"""What surrounds a note, as numbers: what the pitch model sees.

Everything is relative to the note's own pitch, so a piece and its transposition look the same. Features are made for
*queries*, which are notes of the piece or places where a note may be missing; a query never sees itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from segue.music import Piece

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

REACH: Final = 12
"""Semitones either way in which neighbours are told apart, and in which a right pitch is looked for."""
STEPS: Final = 2 * REACH + 1
CLOSE: Final = 0.06
"""Beats within which notes count as struck together."""
WINDOWS: Final = (1.0, 4.0, 16.0, 1e9)
TRACK_WINDOWS: Final = (4.0, 24.0)
PAST, FUTURE = 28, 14
WIDTH: Final = 12 * (len(WINDOWS) + len(TRACK_WINDOWS)) + 4 * REACH + 65 + 8 * STEPS + 10 + STEPS + 2 + 8
"""Number of features."""
_BLOCK_BARS: Final = 1024
_SLOTS: Final = 32
_CHUNK: Final = 8192


@dataclass(frozen=True)
class Queries:
    """Places to look at, as columns of equal length; ``note`` is an index in the piece, -1 for a note not there."""

    start: NDArray[np.float64]
    duration: NDArray[np.float64]
    pitch: Ints
    track: Ints
    note: Ints

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: Any) -> Queries:
        return Queries(self.start[rows], self.duration[rows], self.pitch[rows], self.track[rows], self.note[rows])


def queries_of(piece: Piece, notes: Ints) -> Queries:
    """Make queries of notes of the piece."""
    return Queries(piece.start[notes], piece.duration[notes], piece.pitch[notes], piece.track[notes], notes)


class Context:
    """A piece made ready for queries. It holds pitched notes only, in order of start.

    Parameters
    ----------
    piece
        The piece, with at least one note, without drums, timing already mended.
    """

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        weight = np.minimum(piece.duration, 2.0)
        self._all = Histogram(piece.start, piece.pitch, weight)
        by_track = np.lexsort((piece.start, piece.track))
        self._span = float(piece.start.max(initial=0.0)) + 100.0
        self._own = Histogram(
            (piece.track * self._span + piece.start)[by_track], piece.pitch[by_track], weight[by_track]
        )
        self._groups = Groups(piece)
        self._bars = piece.bar_starts
        self._echoes = _echoes(piece, self._bars)
        self._rows: dict[int, sparse.csr_matrix] = {}
        self._poly = polyphony(piece)

    def features(self, queries: Queries) -> Floats:
        """Return the features of queries, shape (queries, WIDTH)."""
        return self.judged_by(lambda features: features, queries, WIDTH)

    def judged_by(self, judge: Callable[[Floats], Floats], queries: Queries, width: int) -> Floats:
        """Return what ``judge`` makes of the features of queries, shape (queries, width), in bounded memory."""
        found = np.zeros((len(queries), width), np.float32)
        for at in range(0, len(queries), _CHUNK):
            found[at : at + _CHUNK] = judge(self._features(queries[at : at + _CHUNK]))
        return found

    def _features(self, q: Queries) -> Floats:
        own = np.where(q.note >= 0, np.minimum(q.duration, 2.0), 0.0)
        parts: list[NDArray[Any]] = []
        for reach in WINDOWS:
            parts.append(_relative(self._all.within(q.start - reach, q.start + reach, q.pitch, own), q.pitch))
        base = q.track * self._span
        for reach in TRACK_WINDOWS:
            low, high = np.maximum(q.start - reach, 0), q.start + np.minimum(reach, 90)
            parts.append(_relative(self._own.within(base + low, base + high, q.pitch, own), q.pitch))
        parts += self._sounding(q)
        parts += self._groups.features(q)
        parts.append(self.echo(q))
        parts.append(self._metre(q))
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _sounding(self, q: Queries) -> list[NDArray[Any]]:
        """Return what sounds with a query: intervals, pitch classes struck, held, before and after; the bass."""
        piece = self.piece
        at = np.searchsorted(piece.start, q.start + CLOSE)
        index = at[:, None] + np.arange(-PAST, FUTURE)
        inside = (index >= 0) & (index < len(piece)) & (index != q.note[:, None])
        index = np.clip(index, 0, len(piece) - 1)
        start, end = piece.start[index], piece.start[index] + piece.duration[index]
        onset, close = q.start[:, None], CLOSE
        interval = piece.pitch[index] - q.pitch[:, None]
        struck = inside & (np.abs(start - onset) <= close)
        held = inside & (start < onset - close) & (end > onset + close)
        before = inside & (start < onset - close) & (end > onset - 0.3) & ~held
        after = inside & (start > onset + close) & (start < onset + np.maximum(q.duration, 0.5)[:, None])
        sounding = struck | held
        wide = 2 * REACH
        near = sounding & (np.abs(interval) <= wide)
        intervals = _count(np.clip(interval, -wide, wide) + wide, near, 2 * wide + 1)
        classes = [_count(interval % 12, mask, 12) for mask in (struck, held, before, after)]
        lowest = np.where(sounding, interval, 1000).min(axis=1)
        bass = _count((np.minimum(lowest, 0) % 12)[:, None], np.ones((len(q), 1), bool), 12)
        own = piece.track[index] == q.track[:, None]
        counts = [np.minimum(mask.sum(axis=1, keepdims=True), 6) for mask in (struck & own, held & own, struck, held)]
        return [np.minimum(intervals, 2), *(np.minimum(part, 2) for part in classes), bass, *counts]

    def echo(self, q: Queries) -> NDArray[Any]:
        """Return what stands at the same place of similar bars, shape (queries, STEPS + 2).

        Shares by pitch, from ``REACH`` below the query to ``REACH`` above, then how much they weigh.
        """
        bar, slot = _place(q.start, self._bars)
        found = np.zeros((len(q), STEPS))
        for track in np.unique(q.track):
            echo = self._echoes.get(int(track))
            rows = np.flatnonzero(q.track == track)
            if echo is not None and len(rows):
                pitch = q.pitch[rows, None] + np.arange(-REACH, REACH + 1)
                inside = (pitch >= 0) & (pitch < 128)
                column = slot[rows, None] * 128 + np.clip(pitch, 0, 127)
                found[rows] = np.where(inside, _lookup(echo, bar[rows, None], column), 0.0)
        total = found.sum(axis=1, keepdims=True)
        return np.concatenate([found / np.maximum(total, 1e-6), np.minimum(total, 4.0) / 4, total > 0], axis=1)

    def echo_roll(self, q: Queries) -> NDArray[Any]:
        """Return the weight of each pitch at the same place of similar bars, shape (queries, 128)."""
        bar, slot = _place(q.start, self._bars)
        found = np.zeros((len(q), 128), np.float32)
        for track in np.unique(q.track).tolist():
            if (echo := self._echo_rows(track)) is not None:
                rows = np.flatnonzero(q.track == track)
                found[rows] = echo[bar[rows] * _SLOTS + slot[rows]].toarray()
        return found

    def _echo_rows(self, track: int) -> sparse.csr_matrix | None:
        """The echoes of a track by place, shape (bars x slots, 128)."""
        if track not in self._rows and (echo := self._echoes.get(track)) is not None:
            cells = echo.tocoo()
            shape = (echo.shape[0] * _SLOTS, 128)
            self._rows[track] = sparse.csr_matrix(
                (cells.data, (cells.row * _SLOTS + cells.col // 128, cells.col % 128)), shape
            )
        return self._rows.get(track)

    def _metre(self, q: Queries) -> NDArray[Any]:
        _, slot = _place(q.start, self._bars)
        return np.stack(
            [
                slot == 0,
                slot % 4 == 0,
                slot % 2 == 0,
                np.log2(np.maximum(q.duration, 0.05)),
                np.log2(np.maximum(q.duration, 0.05)) ** 2 / 4,
                (q.pitch - 64) / 24,
                self._poly[q.track],
                self._poly[q.track] < 0.05,
            ],
            axis=1,
        )


class Histogram:
    """Weights of the pitch classes between any two times, by differences of a running sum."""

    def __init__(self, time: NDArray[np.float64], pitch: Ints, weight: NDArray[np.float64]) -> None:
        self._time = time
        table = np.zeros((len(time) + 1, 12))
        table[np.arange(1, len(time) + 1), pitch % 12] = weight
        self._sum = np.cumsum(table, axis=0)

    def within(
        self, low: NDArray[np.float64], high: NDArray[np.float64], pitch: Ints, own: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the shares of the classes among notes that start in [low, high], a note's own weight taken out."""
        found = (
            self._sum[np.searchsorted(self._time, high, "right")] - self._sum[np.searchsorted(self._time, low, "left")]
        )
        found[np.arange(len(low)), pitch % 12] -= own
        found = np.maximum(found, 0.0)
        return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-6))


class Groups:
    """The notes of each track in groups that are struck together: a query's neighbours in its own track."""

    def __init__(self, piece: Piece) -> None:
        order = np.lexsort((piece.start, piece.track))
        start, track = piece.start[order], piece.track[order]
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(start) > CLOSE) | (np.diff(track) > 0)
        group = np.cumsum(new) - 1
        self._time = start[new]
        self._track = track[new]
        self._span = float(start.max(initial=0.0)) + 100.0
        self._when = self._track * self._span + self._time
        by_pitch = np.lexsort((piece.pitch[order], group))
        self._pitch = piece.pitch[order][by_pitch]
        self._key = group[by_pitch] * 128 + self._pitch
        self._note = order[by_pitch]
        count = int(group[-1]) + 1 if len(group) else 0
        roll = sparse.coo_matrix((np.ones(len(group)), (group[by_pitch], self._pitch)), shape=(count, 128))
        self._roll = sparse.csr_matrix(roll)

    def features(self, q: Queries) -> list[NDArray[Any]]:
        """Return the nearest notes of the three groups before and after, and the whole groups next to the query."""
        size = len(self._when)
        before, after = self._beside(q)
        parts: list[NDArray[Any]] = []
        gaps = []
        for first, step in ((before, -1), (after, 1)):
            for number in range(3):
                group = first + step * number
                there = (group >= 0) & (group < size)
                there &= self._track[np.clip(group, 0, size - 1)] == q.track
                group = np.clip(group, 0, size - 1)
                interval = self._nearest(group, q.pitch) - q.pitch
                near = there & (np.abs(interval) <= REACH)
                column = np.where(near, np.clip(interval, -REACH, REACH) + REACH, STEPS)
                parts.append(_count(column[:, None], there[:, None], STEPS + 1))
                if number == 0:
                    gap = np.abs(self._time[group] - q.start)
                    gaps += [np.where(there, np.log2(np.clip(gap, 0.05, 16)), 4.0), there]
                    parts.append(self._whole(group, there, q.pitch))
        return [*parts, np.stack(gaps, axis=1)]

    def rolls(self, q: Queries) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which pitches the groups just before and just after a query hold, each of shape (queries, 128)."""
        found = []
        for group in self._beside(q):
            inside = np.clip(group, 0, len(self._when) - 1)
            there = (group == inside) & (self._track[inside] == q.track)
            found.append((self._roll[inside].toarray() > 0) & there[:, None])
        return found[0], found[1]

    def _beside(self, q: Queries) -> tuple[Ints, Ints]:
        at = q.track * self._span + q.start
        before = np.searchsorted(self._when, at - CLOSE) - 1
        return before, np.searchsorted(self._when, at + CLOSE, "right")

    def _nearest(self, group: Ints, pitch: Ints) -> Ints:
        key = group * 128 + pitch
        right = np.clip(np.searchsorted(self._key, key), 0, len(self._key) - 1)
        left = np.maximum(right - 1, 0)
        distance = [np.where(self._key[i] // 128 == group, np.abs(self._key[i] - key), 1000) for i in (left, right)]
        return np.asarray(np.where(distance[0] <= distance[1], self._pitch[left], self._pitch[right]))

    def _whole(self, group: Ints, there: NDArray[np.bool_], pitch: Ints) -> NDArray[Any]:
        wanted = pitch[:, None] + np.arange(-REACH, REACH + 1)
        inside = there[:, None] & (wanted >= 0) & (wanted < 128)
        return np.where(inside, _lookup(self._roll, group[:, None], np.clip(wanted, 0, 127)), 0.0)


def _relative(classes: NDArray[np.float64], pitch: Ints) -> NDArray[np.float64]:
    """Turn columns of pitch classes so that column 0 is the query's own class."""
    return np.take_along_axis(classes, (np.arange(12) + pitch[:, None]) % 12, axis=1)


def _count(columns: Ints, mask: NDArray[np.bool_], width: int) -> Floats:
    """Count, for each row, the masked values 0..width-1."""
    rows = np.broadcast_to(np.arange(len(columns))[:, None], columns.shape)[mask]
    counts = np.bincount(rows * width + columns[mask], minlength=len(columns) * width)
    return counts.reshape(len(columns), width).astype(np.float32)


def _lookup(matrix: sparse.csr_matrix, rows: Ints, columns: Ints) -> NDArray[np.float64]:
    shape = np.broadcast_shapes(rows.shape, columns.shape)
    found = matrix[np.broadcast_to(rows, shape).reshape(-1).copy(), np.broadcast_to(columns, shape).reshape(-1).copy()]
    return np.asarray(found).reshape(shape)


def _place(beats: NDArray[np.float64], bars: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Return bar, from 0, and sixteenth in the bar."""
    bar = np.maximum(np.searchsorted(bars, beats + 0.06, side="right") - 1, 0)
    slot = np.clip(np.rint((beats - bars[bar]) * 4), 0, _SLOTS - 1).astype(np.int64)
    return bar, slot


def _echoes(piece: Piece, bars: NDArray[np.float64]) -> dict[int, sparse.csr_matrix]:
    """For each track and bar: the notes of the bars most like it, weighted, shape (bars, slot x pitch)."""
    bar, slot = _place(piece.start, bars)
    found = {}
    for track in np.unique(piece.track):
        own = piece.track == track
        shape = (len(bars), _SLOTS * 128)
        roll = sparse.csr_matrix(
            (np.ones(own.sum(), np.float32), (bar[own], slot[own] * 128 + piece.pitch[own])), shape
        )
        roll.data = np.minimum(roll.data, 1)
        blocks = []
        for block in np.unique(bar[own] // _BLOCK_BARS) * _BLOCK_BARS:
            alike, bars_alike = _similarity(roll[block : block + _BLOCK_BARS])
            echo = sparse.coo_matrix(alike @ roll[block + bars_alike])
            blocks.append((echo.data, block + bars_alike[echo.row], echo.col))
        data, row, column = (np.concatenate(columns) for columns in zip(*blocks, strict=True))
        found[int(track)] = sparse.csr_matrix((data, (row, column)), shape)
    return found


def _similarity(roll: sparse.csr_matrix) -> tuple[sparse.csr_matrix, Ints]:
    """How alike bars are: cosine of what they strike, each with its neighbours; 0 for itself.

    Returns
    -------
    similarity : sparse matrix, shape (n, n)
        Between the n bars in which, or next to which, something is struck; all others are like none.
    bars : ndarray, shape (n,)
        Which these are, ascending. There are three for each note at most, however long a piece is.
    """
    struck = np.flatnonzero(np.diff(roll.indptr))
    bars = np.unique(np.clip(struck[:, None] + np.arange(-1, 2), 0, roll.shape[0] - 1))
    roll = roll[bars]
    norm = np.sqrt(np.maximum(np.asarray(roll.sum(axis=1)).ravel(), 1))
    cosine = (roll @ roll.T).toarray() / np.outer(norm, norm)
    around = np.zeros_like(cosine)
    for step in (-1, 1):
        neighbour = np.clip(np.searchsorted(bars, bars + step), 0, len(bars) - 1)
        there = np.flatnonzero(bars[neighbour] == bars + step)
        around[np.ix_(there, there)] += cosine[np.ix_(neighbour[there], neighbour[there])] / 4
    alike = cosine / 2 + around
    np.fill_diagonal(alike, 0)
    weight = np.maximum(alike - 0.25, 0) ** 2
    cut = np.partition(weight, -8, axis=1)[:, -8][:, None] if len(weight) > 8 else 0
    return sparse.csr_matrix(np.where(weight >= np.maximum(cut, 1e-4), weight, 0)), bars


def polyphony(piece: Piece) -> NDArray[np.float64]:
    """Share of the notes of each track that begin while another of the track sounds well on, shape (tracks,)."""
    order = np.lexsort((piece.start, piece.track))
    start, end, track = piece.start[order], piece.end[order], piece.track[order]
    overlapped = np.zeros(len(order))
    overlapped[1:] = (np.diff(track) == 0) & (end[:-1] > start[1:] + 0.1)
    counts = np.bincount(track, minlength=len(piece.tracks))
    return np.asarray(np.bincount(track, overlapped, minlength=len(piece.tracks)) / np.maximum(counts, 1))
