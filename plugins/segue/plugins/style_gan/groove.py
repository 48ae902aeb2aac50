"""How a style is played: whether it swings, how far a chord is strummed, how loosely notes are struck.

The networks write on steps; this table, measured on the songs that they learn from, says where in time notes lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_CHORD: Final = 3
"""Notes from which on a chord can be strummed."""
_FARTHEST: Final = 0.12
"""Beats that a note lies off its step at most."""


class Groove(NamedTuple):
    """How notes lie beside their steps.

    Attributes
    ----------
    swung
        Whether off-beats lie on the last third of the beat.
    strum
        Beats from one note of a chord to the next higher.
    loose
        Standard deviation, in beats, of what is left.
    """

    swung: bool
    strum: float
    loose: float


def measure(swung: bool, songs: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]) -> Groove:
    """Measure a groove from songs: the step, pitch and distance to the step (in beats) of their notes."""
    rises, left = [], []
    for step, pitch, late in songs:
        rank = _rank(step, pitch)
        for struck in _slots(step):
            if len(struck) >= _CHORD:
                rises.append(float(np.polyfit(rank[struck], late[struck], 1)[0]))
    strum = max(float(np.mean(rises)), 0.0) if rises else 0.0
    for step, pitch, late in songs:
        left.append(late - strum * _rank(step, pitch))
    return Groove(swung, round(strum, 4), round(float(np.concatenate(left).std()), 4) if left else 0.0)


def lay_out(
    step: NDArray[np.int64], pitch: NDArray[np.int64], groove: Groove, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return how many beats after its step each note begins; what is struck together is strummed from below."""
    late = groove.strum * _rank(step, pitch) + rng.normal(0.0, 1.0, len(step)) * groove.loose
    return np.asarray(np.clip(late, -_FARTHEST, _FARTHEST))


def _slots(step: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(step, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(step[order])) + 1)


def _rank(step: NDArray[np.int64], pitch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the notes of each step from below."""
    rank = np.zeros(len(step), np.int64)
    for struck in _slots(step):
        rank[struck[np.argsort(pitch[struck], kind="stable")]] = np.arange(len(struck))
    return rank
