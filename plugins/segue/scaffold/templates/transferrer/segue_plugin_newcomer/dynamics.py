"""Which notes are played louder than their neighbours: the whole algorithm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from segue.music import Piece

WEIGHTS: Final = "dynamics.safetensors"
FEATURES: Final = ("first beat", "on a beat", "off the beat", "pitch", "rising", "others at once")


def features(piece: Piece) -> NDArray[np.float64]:
    """Describe each note by where it stands.

    Returns
    -------
    ndarray, shape (notes, 6)
        As ``FEATURES`` names them; pitch in octaves from its track's mean, rising in octaves from the note before it in
        its track, within -1 and 1.
    """
    in_bar = piece.start - piece.bar_starts[piece.bar_of(piece.start) - 1]
    in_beat = in_bar % 1.0
    on_beat = np.minimum(in_beat, 1 - in_beat) < 0.1
    first = on_beat & (np.rint(in_bar) == 0)
    pitch, rising = np.zeros(len(piece)), np.zeros(len(piece))
    for track in range(len(piece.tracks)):
        own = piece.track == track
        if own.any():
            pitch[own] = (piece.pitch[own] - piece.pitch[own].mean()) / 12
            rising[own] = np.clip(np.diff(piece.pitch[own], prepend=piece.pitch[own][0]) / 12, -1, 1)
    _, index, count = np.unique(np.rint(piece.start * 48), return_inverse=True, return_counts=True)
    thick = np.log2(count[index.reshape(-1)])
    return np.column_stack((first, on_beat & ~first, ~on_beat, pitch, rising, thick)).astype(np.float64)


def deviations(piece: Piece) -> NDArray[np.float64]:
    """Return how much louder each note is than its track is on average, in velocity, shape (notes,)."""
    total = np.bincount(piece.track, piece.velocity, minlength=len(piece.tracks))
    count = np.maximum(np.bincount(piece.track, minlength=len(piece.tracks)), 1)
    return np.asarray(piece.velocity - (total / count)[piece.track], np.float64)


@dataclass(frozen=True)
class Dynamics:
    """A fitted model.

    Attributes
    ----------
    weights
        Shape (6,): velocity for each unit of a feature.
    """

    weights: NDArray[np.float64]

    @classmethod
    def fit(cls, pieces: Iterable[Piece], ridge: float) -> Dynamics:
        """Regress deviations on features; ``ridge`` is the penalty on the weights' squares, in notes."""
        gram, moment = ridge * np.eye(len(FEATURES)), np.zeros(len(FEATURES))
        for piece in pieces:
            x = features(piece)
            gram += x.T @ x
            moment += x.T @ deviations(piece)
        return cls(np.linalg.solve(gram, moment))

    def expected(self, piece: Piece) -> NDArray[np.float64]:
        """Return the deviation that each note is expected to have, in velocity, shape (notes,)."""
        return np.asarray(features(piece) @ self.weights)

    def save(self, folder: Path) -> None:
        """Write the file of a version."""
        save_file({"weights": self.weights}, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> Dynamics:
        """Read the file of a version."""
        return cls(load_file(folder / WEIGHTS)["weights"])
