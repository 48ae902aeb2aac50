"""How good a piece is, learned: the probability that it is a piece as it was written and not one with mistakes in it.

A logistic regression over what can be measured of a piece without knowing what it was before: the features of
``segue.music.features``, the rules it breaks per note, and how likely its notes are. It was fitted to pairs of a piece
and the same piece spoiled, on the difference of their numbers, so only what sets a piece apart from its own spoiled
version counts. It ranks versions of one piece; between pieces it says less.

References
----------
R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs", Biometrika 39, 1952.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.plugins.polish import breaks, fitted
from segue.plugins.polish.harmony import LONGEST
from segue.plugins.polish.likelihood import Surprise
from segue.v1 import analyze_pb2

FILE: Final = "quality.safetensors"
RULES: Final = (*breaks.COLLISIONS, *breaks.HANDS, analyze_pb2.ISSUE_KIND_OUT_OF_KEY)
TAILS: Final = (90, 98)
"""Percentiles of the surprise that count beside its mean: a few wrong notes are in the tail."""
WIDTH: Final = len(FEATURES) + len(RULES) + 3 * (1 + len(TAILS))


class Quality:
    """The fitted weights: ``weight`` of shape (WIDTH,), ``scale`` of shape (WIDTH,), ``bias`` of shape (1,)."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weight = weights["weight"].astype(np.float64) / weights["scale"]
        self._bias = float(weights["bias"][0])

    def score(self, piece: Piece, surprise: Surprise) -> float:
        """Return the quality, 0-1; 0.5 where pieces and spoiled ones are equally many."""
        return self.of(describe(piece, surprise))

    def of(self, described: NDArray[np.float64]) -> float:
        """Return the quality of what ``describe`` says."""
        return float(1 / (1 + np.exp(-np.clip(described @ self._weight + self._bias, -30, 30))))


def describe(piece: Piece, surprise: Surprise) -> NDArray[np.float64]:
    """Return the numbers that the quality is told from, shape (WIDTH,)."""
    reading = Reading(piece)
    told = features(reading) if piece.beats <= LONGEST else np.zeros(len(FEATURES))
    counts = Counter(broken.kind for broken in breaks.find(piece, (*breaks.COLLISIONS, *breaks.HANDS)))
    counts.update(broken.kind for broken in breaks.outside(piece, reading))
    rates = [100 * counts[kind] / max(len(piece), 1) for kind in RULES]
    nats = [
        value
        for part in (surprise.place, surprise.pitch, surprise.length)
        for value in (float(part.mean()), *np.percentile(part, TAILS).tolist())
    ]
    return np.array([*told, *np.minimum(rates, 20.0), *nats])


def save(weights: Mapping[str, NDArray[np.float32]], folder: Path) -> None:
    """Write the weights."""
    fitted.save(weights, folder / FILE)


def load(folder: Path) -> Quality:
    """Read what ``save`` wrote.

    Raises
    ------
    ValueError
        If weights are missing or of another number than this code needs.
    """
    return Quality(fitted.load(folder / FILE, {"weight": WIDTH, "scale": WIDTH, "bias": 1}))
