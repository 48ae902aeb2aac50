"""Notes that get in each other's way: struck twice, held into the next, stuck."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.polish.context import polyphony

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

AT_ONCE: Final = 0.06
"""Beats within which a second strike of a pitch is the same strike."""
EARLY: Final = 0.35
"""Share of a note within which a second strike off the grid is the same strike."""
OVERLAP: Final = 0.02
"""Beats of overlap of two notes of one pitch that are let be."""
STRICT_VOICE, LEGATO_VOICE = 0.06, 0.25
"""The same for two notes of a track of single notes: of one that is written, of one that is played."""
WRITTEN: Final = 0.5
"""Share of a written track's notes that end where the next begins."""
MOSTLY_SINGLE: Final = 0.05
STUCK_TIMES, STUCK_BEATS, STUCK_PAST = 6.0, 8.0, 8
"""A stuck note is so many times longer than nearly all others of its track, this long, and sounds on past so many."""


@dataclass(frozen=True)
class Ends:
    """Notes that are to end earlier.

    Attributes
    ----------
    duration
        Length of each note, in beats; as it was where it stays.
    into
        For each note the one that it was held into, -1 for none.
    stuck
        Notes that are stuck; they end where a long note of their track does.
    """

    duration: Floats
    into: NDArray[np.int64]
    stuck: Mask


def doubled(piece: Piece, off: Mask, loose: bool) -> NDArray[np.int64]:
    """Find notes that strike a sounding pitch of their track once more by mistake.

    Parameters
    ----------
    piece
        The piece as it came.
    off
        Notes that lie off the grid, or at a place where the piece has hardly any.
    loose
        True if that says nothing, because the whole piece does.

    Returns
    -------
    ndarray, shape (notes,)
        For each note the index of the note that it doubles, -1 for none.
    """
    found = np.full(len(piece), -1)
    order = np.lexsort((-piece.duration, piece.start, piece.track * 128 + piece.pitch))
    here, after = order[:-1], order[1:]
    same = (piece.track[here] == piece.track[after]) & (piece.pitch[here] == piece.pitch[after])
    gap = piece.start[after] - piece.start[here]
    sounding = piece.end[here] > piece.start[after] + OVERLAP
    stray = off[after] & ~off[here] & (gap < EARLY * piece.duration[here]) & (not loose)
    twice = same & sounding & ((gap < AT_ONCE) | stray)
    found[after[twice]] = here[twice]
    return found


def ends(piece: Piece) -> Ends:
    """Find notes that are held into one that they must not sound with, and notes that are stuck.

    Parameters
    ----------
    piece
        The piece, its timing mended and its doubled notes left out.
    """
    duration = piece.duration.copy()
    into = np.full(len(piece), -1)
    if len(piece) < 2:
        return Ends(duration, into, np.zeros(len(piece), bool))
    stuck, usual = _stuck(piece)
    duration = np.where(stuck, usual, duration)
    order = np.lexsort((piece.start, piece.track * 128 + piece.pitch))
    _cut(piece, order, piece.track * 128 + piece.pitch, OVERLAP, duration, into)
    single = polyphony(replace(piece, duration=duration)) < MOSTLY_SINGLE  # a voice that sounds with itself is one
    voices = np.flatnonzero(single[piece.track] & ~piece.is_drum)
    order = voices[np.lexsort((piece.start[voices], piece.track[voices]))]
    _cut(piece, order, piece.track, _let_be(piece, order), duration, into)
    return Ends(duration, into, stuck & (into < 0))


def _cut(
    piece: Piece,
    order: NDArray[np.int64],
    key: NDArray[np.int64],
    most: float | Floats,
    duration: Floats,
    into: NDArray[np.int64],
) -> None:
    """End notes at the start of the next one with their key, if they overlap it by more than ``most`` beats."""
    here, after = order[:-1], order[1:]
    gap = piece.start[after] - piece.start[here]
    held = (key[here] == key[after]) & (gap > AT_ONCE) & (duration[here] > gap + most)
    duration[here[held]] = gap[held]
    into[here[held]] = after[held]


def _let_be(piece: Piece, order: NDArray[np.int64]) -> Floats:
    """Beats of overlap that each note but the last may have, by whether its track is written or played."""
    track = piece.track[order[:-1]]
    meets = (np.diff(piece.track[order]) == 0) & (np.abs(piece.end[order[:-1]] - piece.start[order[1:]]) < 0.01)
    counts = np.bincount(track, minlength=len(piece.tracks))
    written = np.bincount(track, meets, minlength=len(piece.tracks)) > WRITTEN * counts
    return np.asarray(np.where(written, STRICT_VOICE, LEGATO_VOICE)[track])


def _stuck(piece: Piece) -> tuple[Mask, Floats]:
    """Return the stuck notes, and the length that a long note of each one's track has."""
    long = np.array([np.quantile(own, 0.95) if len(own) else 0.0 for own in _lengths(piece)])
    usual = long[piece.track]
    past = np.empty(len(piece), np.int64)
    for track in np.unique(piece.track):
        own = np.flatnonzero(piece.track == track)
        past[own] = np.searchsorted(piece.start[own], piece.end[own]) - np.arange(len(own)) - 1
    stuck = (piece.duration > STUCK_TIMES * usual) & (piece.duration > STUCK_BEATS) & (past > STUCK_PAST)
    return stuck & ~piece.is_drum, usual


def _lengths(piece: Piece) -> list[Floats]:
    order = np.argsort(piece.track, kind="stable")
    return np.split(piece.duration[order], np.searchsorted(piece.track[order], np.arange(1, len(piece.tracks))))
