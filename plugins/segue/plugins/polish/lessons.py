"""Lessons for the networks: pieces with mistakes made on purpose, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.polish import corrupt, missing
from segue.plugins.polish.context import Context, Floats, queries_of
from segue.plugins.polish.network import SAME

RATES: Final = (0.005, 0.01, 0.025, 0.05, 0.1)
"""Shares of wrong notes in a lesson."""
FAR: Final = 0.15
"""Share of the slips that go further than two semitones."""
KEEP_RIGHT, KEEP_ABSENT = 0.2, 0.1
"""Shares of the right notes, and of the candidates that are not missing, that a lesson keeps, weighted to make up."""


@dataclass(frozen=True)
class Lesson:
    """Rows for one network: features, right column, weight."""

    features: Floats
    target: NDArray[np.int64]
    weight: Floats


def slip_lesson(piece: Piece, random: np.random.Generator, keep: float = KEEP_RIGHT) -> Lesson:
    """Put some notes off and leave a few out."""
    slips = random.permutation(len(piece))[: random.binomial(len(piece), random.choice(RATES))]
    played = corrupt.slip(piece, slips, random, FAR)
    meant = np.full(len(piece), SAME)
    meant[slips] += piece.pitch[slips] - played.pitch[slips]
    meant[(meant < 0) | (meant > 2 * SAME)] = SAME
    present = random.random(len(piece)) >= random.choice([0.0, 0.02])
    played, meant = played.select(present), meant[present]
    order = np.lexsort((played.pitch, played.track, played.start))
    played, meant = played.select(order), meant[order]
    rows = np.flatnonzero((meant != SAME) | (random.random(len(meant)) < keep))
    weight = np.where(meant[rows] != SAME, 1.0, 1 / keep)
    return Lesson(Context(played).features(queries_of(played, rows)), meant[rows], weight.astype(np.float32))


def missing_lesson(piece: Piece, random: np.random.Generator, keep: float = KEEP_ABSENT) -> Lesson:
    """Leave some chord tones out, and put a few notes off."""
    tones = np.flatnonzero(corrupt.chord_tones(piece))
    gone = random.permutation(tones)[: random.binomial(len(piece), random.choice(RATES))]
    slips = random.permutation(len(piece))[: random.binomial(len(piece), random.choice([0.0, 0.02]))]
    played = corrupt.slip(piece, slips, random)
    present = np.ones(len(piece), bool)
    present[gone] = False
    played = played.select(present)
    played = played.select(np.lexsort((played.pitch, played.track, played.start)))
    queries, _ = missing.candidates(played)
    target = found_among(queries.start, queries.pitch, queries.track, piece.select(np.sort(gone)))
    rows = np.flatnonzero(target | (random.random(len(target)) < keep))
    weight = np.where(target[rows], 1.0, 1 / keep).astype(np.float32)
    return Lesson(Context(played).features(queries[rows]), target[rows].astype(np.int64), weight)


def found_among(
    start: NDArray[np.float64], pitch: NDArray[np.int64], track: NDArray[np.int64], notes: Piece
) -> NDArray[np.bool_]:
    """Say for each start, pitch and track whether one of the notes is there, to within a thirty-second."""

    def slot(beats: NDArray[np.float64], shift: float, pitch: NDArray[np.int64], track: NDArray[np.int64]) -> Floats:
        return np.asarray((np.floor(beats * 8 + shift) * 128 + pitch) * 1024 + track)

    return np.asarray(
        np.isin(slot(start, 0.5, pitch, track), slot(notes.start, 0.5, notes.pitch, notes.track))
        | np.isin(slot(start, 0.0, pitch, track), slot(notes.start, 0.0, notes.pitch, notes.track))
    )


def plan(
    pieces: Mapping[str, Sequence[Piece]], shares: Mapping[str, float], random: np.random.Generator
) -> list[Piece]:
    """Choose the pieces of a round: each pack is gone through the number of times that ``shares`` says."""
    chosen: list[Piece] = []
    for name, found in pieces.items():
        count = round(shares.get(name, 0.0) * len(found))
        chosen += [found[i] for i in random.choice(len(found), count, replace=count > len(found))]
    return [chosen[i] for i in random.permutation(len(chosen))]


def join(parts: Sequence[Lesson]) -> Lesson:
    """Put lessons together, features in half precision."""
    return Lesson(
        np.concatenate([part.features.astype(np.float16) for part in parts]),
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )
