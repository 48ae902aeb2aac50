"""Places where a note may be missing: a chord that lacks a tone, a voice that falls silent while the others go on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.polish.context import CLOSE, Queries, polyphony

SINGLE: Final = 0.05
"""A track with a smaller share of overlapping notes plays one note at a time."""
AROUND_CHORD, AROUND_VOICE = 9, 7
"""Semitones beyond the notes of a chord, or of a voice's neighbours, in which the missing one is looked for."""
SHORTEST_GAP, LONGEST_NOTE = 0.2, 4.0


def candidates(piece: Piece) -> tuple[Queries, NDArray[np.int64]]:
    """Return notes that may be missing, and for each the number of its place: of those, at most one is missing.

    Parameters
    ----------
    piece
        The piece, without drums, timing and overlaps already mended.
    """
    single = polyphony(piece) < SINGLE
    order = np.lexsort((piece.start, piece.track))
    order = order[single[piece.track[order]]]
    voices = _gaps(piece, order)
    chords = _chords(piece, np.flatnonzero(~single[piece.track]))
    low, high, start, duration, track = (np.concatenate(pair) for pair in zip(voices, chords, strict=True))
    width = np.maximum(high - low + 1, 0)
    place = np.repeat(np.arange(len(low)), width)
    pitch = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width) + low[place]
    queries = Queries(start[place], duration[place], pitch, track[place], np.full(len(place), -1))
    free = _familiar(piece, queries) & ~_sounding(piece, queries)
    return queries[free], place[free]


Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def _gaps(piece: Piece, order: NDArray[np.int64]) -> Columns:
    """Silences of single voices that begin where the others strike: lowest and highest pitch, start, length, track."""
    here, after = order[:-1], order[1:]
    end, following = piece.end[here], piece.start[after]
    gap = (piece.track[here] == piece.track[after]) & (following - end >= SHORTEST_GAP)
    times = np.sort(piece.start)
    struck = np.searchsorted(times, end + CLOSE) > np.searchsorted(times, end - CLOSE)
    gap &= struck | (len(piece.tracks) == 1)
    here, after = here[gap], after[gap]
    low = np.minimum(piece.pitch[here], piece.pitch[after]) - AROUND_VOICE
    high = np.maximum(piece.pitch[here], piece.pitch[after]) + AROUND_VOICE
    length = np.minimum(piece.start[after] - piece.end[here], LONGEST_NOTE)
    return np.maximum(low, 0), np.minimum(high, 127), piece.end[here], length, piece.track[here]


def _chords(piece: Piece, notes: NDArray[np.int64]) -> Columns:
    """Notes of the other tracks that are struck together, as in ``_gaps``."""
    order = notes[np.lexsort((piece.start[notes], piece.track[notes]))]
    start, track = piece.start[order], piece.track[order]
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(start) > CLOSE) | (np.diff(track) > 0)
    first = np.flatnonzero(new)
    if not len(first):
        none = np.zeros(0, np.int64)
        return none, none, np.zeros(0), np.zeros(0), none
    low = np.maximum(np.minimum.reduceat(piece.pitch[order], first) - AROUND_CHORD, 0)
    high = np.minimum(np.maximum.reduceat(piece.pitch[order], first) + AROUND_CHORD, 127)
    count = np.diff(np.append(first, len(order)))
    length = np.add.reduceat(piece.duration[order], first) / count
    return low, high, start[first], length, track[first]


def _familiar(piece: Piece, queries: Queries) -> NDArray[np.bool_]:
    """Candidates whose pitch class is struck within four beats."""
    found = np.zeros(len(queries), bool)
    for pitch_class in range(12):
        times = piece.start[piece.pitch % 12 == pitch_class]
        own = np.flatnonzero(queries.pitch % 12 == pitch_class)
        when = queries.start[own]
        found[own] = np.searchsorted(times, when + 4, "right") > np.searchsorted(times, when - 4)
    return found


def _sounding(piece: Piece, queries: Queries) -> NDArray[np.bool_]:
    """Candidates whose pitch already sounds or is struck there, in any track."""
    order = np.lexsort((piece.start, piece.pitch))
    span = float(piece.end.max(initial=0.0)) + 100.0
    key, end = piece.pitch[order] * span + piece.start[order], piece.end[order]
    if not len(key):
        return np.zeros(len(queries), bool)
    at = np.searchsorted(key, queries.pitch * span + queries.start + CLOSE) - 1
    before = np.maximum(at, 0)
    same = (at >= 0) & (piece.pitch[order][before] == queries.pitch)
    return np.asarray(same & (end[before] > queries.start + CLOSE))
