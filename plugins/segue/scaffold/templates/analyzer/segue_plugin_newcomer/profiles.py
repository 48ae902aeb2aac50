"""How long each degree sounds in major and in minor: the whole algorithm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from segue.music import Piece

WEIGHTS: Final = "profiles.safetensors"
KEYS: Final = 24
"""0-11 are C to B major, 12-23 C to B minor."""


def pitch_class_beats(piece: Piece) -> NDArray[np.float64]:
    """Return how long each pitch class sounds, in beats, shape (12,); drums have no pitch."""
    pitched = piece.without_drums()
    return np.asarray(np.bincount(pitched.pitch % 12, pitched.duration, minlength=12), np.float64)


def stated_key(piece: Piece) -> int | None:
    """Return the key that a piece states at its beginning; None if it states none."""
    first = piece.keys[0] if piece.keys else None
    return None if first is None or first.beat > 0 else first.tonic + 12 * first.minor


@dataclass(frozen=True)
class Profiles:
    """A fitted model.

    Attributes
    ----------
    major, minor
        Shape (12,): share of the time that each pitch class above the tonic sounds.
    """

    major: NDArray[np.float64]
    minor: NDArray[np.float64]

    @classmethod
    def fit(cls, pieces: Iterable[Piece], smoothing: float) -> Profiles:
        """Add up pieces, each as much as any other; ``smoothing`` is added to the share of each pitch class."""
        shares = np.full((2, 12), smoothing)
        for piece in pieces:
            key, beats = stated_key(piece), pitch_class_beats(piece)
            if key is not None and beats.sum():
                shares[key // 12] += np.roll(beats, -(key % 12)) / beats.sum()
        shares /= shares.sum(1, keepdims=True)
        return cls(shares[0], shares[1])

    def probabilities(self, piece: Piece) -> NDArray[np.float64]:
        """Return the probability of each of the 24 keys, shape (24,); alike where nothing has a pitch.

        A piece counts as twelve independent notes: its notes are not, and no key is ever certain.
        """
        beats = pitch_class_beats(piece)
        shares = 12 * beats / max(beats.sum(), 1e-9)
        rows = [np.roll(profile, tonic) for profile in (self.major, self.minor) for tonic in range(12)]
        scores = np.log(np.stack(rows)) @ shares
        odds = np.exp(scores - scores.max())
        return np.asarray(odds / odds.sum())

    def save(self, folder: Path) -> None:
        """Write the file of a version."""
        save_file({"major": self.major, "minor": self.minor}, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> Profiles:
        """Read the file of a version."""
        return cls(**load_file(folder / WEIGHTS))
