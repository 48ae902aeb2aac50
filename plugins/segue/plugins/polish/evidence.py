"""What speaks for each pitch that could stand at a place: what the likelihood of a note is computed from.

Nothing here knows the pitch that stands there, so that all pitches can be weighed against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.polish.context import CLOSE, FUTURE, PAST, Context, Groups, Histogram, Queries, polyphony
from segue.plugins.polish.missing import SINGLE

WINDOWS: Final = (1.0, 4.0, 16.0, 1e9)
OWN_WINDOW: Final = 8.0
PROFILES: Final = len(WINDOWS) + 4
"""Profiles over the pitch classes: windows of time, the own track's, struck with, held through, the bass."""
FARTHEST: Final = 24
"""Semitones beyond which intervals are not told apart."""
TABLES: Final = (100, 100, 26, 26, 25, 6)
"""Values of each thing that is looked up by pitch: interval from the notes before and after in the track (single notes
or chords), from the next sounding note below and above, distance from the track's middle, echo of similar bars."""
_CHUNK: Final = 2048


@dataclass(frozen=True)
class Evidence:
    """Evidence at some places.

    Attributes
    ----------
    profiles
        Weights of the pitch classes, from C, shape (places, PROFILES, 12).
    indices
        For each pitch a value below each of ``TABLES``, shape (places, 128, len(TABLES)).
    """

    profiles: NDArray[np.float32]
    indices: NDArray[np.uint8]


class Surroundings:
    """A piece made ready for evidence. It holds pitched notes only, in order of start."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        weight = np.minimum(piece.duration, 2.0)
        self._all = Histogram(piece.start, piece.pitch, weight)
        by_track = np.lexsort((piece.start, piece.track))
        self._span = float(piece.start.max(initial=0.0)) + 100.0
        when = (piece.track * self._span + piece.start)[by_track]
        self._own = Histogram(when, piece.pitch[by_track], weight[by_track])
        self._groups = Groups(piece)
        self._context = Context(piece)
        self._single = polyphony(piece) < SINGLE
        self._count = np.bincount(piece.track, minlength=len(piece.tracks))
        self._sum = np.bincount(piece.track, piece.pitch, minlength=len(piece.tracks))

    def at(self, queries: Queries) -> Iterator[tuple[slice, Evidence]]:
        """Yield the evidence at places, some at a time, in bounded memory."""
        for begin in range(0, len(queries), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            yield rows, self._evidence(queries[rows])

    def _evidence(self, q: Queries) -> Evidence:
        own = np.where(q.note >= 0, np.minimum(q.duration, 2.0), 0.0)
        pitch = np.where(q.note >= 0, q.pitch, 0)  # a note is taken out of what surrounds it; one not there is not in
        profiles = [self._all.within(q.start - reach, q.start + reach, pitch, own) for reach in WINDOWS]
        base = q.track * self._span
        low = np.maximum(q.start - OWN_WINDOW, 0)
        profiles.append(self._own.within(base + low, base + q.start + OWN_WINDOW, pitch, own))
        struck, held, sounding = self._sounding(q)
        lowest = np.where(sounding.any(axis=1), sounding.argmax(axis=1) % 12, -1)
        profiles += [struck, held, (lowest[:, None] == np.arange(12)).astype(np.float64)]
        before, after = self._groups.rolls(q)
        poly = 50 * (~self._single[q.track]).astype(np.int64)[:, None]
        below, above = _beside(sounding)
        indices = [
            _nearest(before) + poly,
            _nearest(after) + poly,
            np.minimum(below, FARTHEST + 1),
            np.minimum(above, FARTHEST + 1),
            self._register(q),
            self._echo(q),
        ]
        return Evidence(
            np.stack(profiles, axis=1).astype(np.float32), np.stack(indices, axis=2).astype(np.uint8, copy=False)
        )

    def _sounding(self, q: Queries) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Return pitch classes struck with a place and held through it, and the pitches that sound, (places, 128)."""
        piece = self._piece
        index = np.searchsorted(piece.start, q.start + CLOSE)[:, None] + np.arange(-PAST, FUTURE)
        inside = (index >= 0) & (index < len(piece)) & (index != q.note[:, None])
        index = np.clip(index, 0, len(piece) - 1)
        onset, start = q.start[:, None], piece.start[index]
        struck = inside & (np.abs(start - onset) <= CLOSE)
        held = inside & (start < onset - CLOSE) & (piece.end[index] > onset + CLOSE)
        pitch = piece.pitch[index]
        sounding = np.zeros((len(q), 128), bool)
        rows = np.broadcast_to(np.arange(len(q))[:, None], pitch.shape)
        sounding[rows[struck | held], pitch[struck | held]] = True
        classes = []
        for mask in (struck, held):
            counts = np.bincount(rows[mask] * 12 + pitch[mask] % 12, minlength=12 * len(q))
            classes.append(np.minimum(counts.reshape(len(q), 12), 2))
        return classes[0], classes[1], sounding

    def _register(self, q: Queries) -> NDArray[np.int64]:
        there = (q.note >= 0).astype(np.int64)
        count = self._count[q.track] - there
        middle = np.where(count > 0, (self._sum[q.track] - there * q.pitch) / np.maximum(count, 1), 60.0)
        return np.asarray(np.clip(np.rint((np.arange(128) - middle[:, None]) / 2), -12, 12) + 12, np.int64)

    def _echo(self, q: Queries) -> NDArray[np.int64]:
        """Say how often similar bars have each pitch at the place: 0 where they have none, 1 another, 2-5 it."""
        weight = self._context.echo_roll(q)
        total = weight.sum(axis=1, keepdims=True)
        share = weight / np.maximum(total, 1e-6)
        level = np.searchsorted([1e-6, 0.1, 0.3, 0.6], share, side="right")
        return np.asarray(np.where(total > 1e-6, 1 + level, 0), np.int64)


def _beside(roll: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each pitch how far below (or at) it and above it the next pitch of a roll lies, each (places, 128)."""
    pitches = np.arange(128)
    below = pitches - np.maximum.accumulate(np.where(roll, pitches, -1000), axis=1)
    above = np.minimum.accumulate(np.where(roll, pitches, 1000)[:, ::-1], axis=1)[:, ::-1]
    above = np.concatenate([above[:, 1:], np.full((len(roll), 1), 1000)], axis=1) - pitches
    return below, above


def _nearest(roll: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the interval from the nearest pitch of a roll to each pitch, 0-48 with 24 for none, 49 in a silence."""
    below, above = _beside(roll)
    interval = np.where(below <= above, below, -above)
    coded = np.clip(interval, -FARTHEST, FARTHEST) + FARTHEST
    return np.where(roll.any(axis=1)[:, None], coded, 49)
