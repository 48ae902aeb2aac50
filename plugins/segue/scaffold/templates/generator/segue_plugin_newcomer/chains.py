"""Two Markov chains, over degrees of the scale and over note values: the whole algorithm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from segue.music import Piece
from segue.music.keys import guess_key
from segue.music.melody import skyline
from segue.music.theory import scale

WEIGHTS: Final = "chains.safetensors"
DEGREES: Final = 22
"""Three octaves of scale degrees, from the tonic below middle C's octave upwards."""
LOWEST: Final = 48
VALUES: Final = (0.5, 1.0, 1.5, 2.0)
"""Note values, in beats."""
SLOTS: Final = 8
"""Places in a bar of 4/4, in half beats."""


class Melody(NamedTuple):
    """A melody as the chains see it: mode (0 major, 1 minor), degrees, and slot and value of each note."""

    mode: int
    degrees: NDArray[np.int64]
    slots: NDArray[np.int64]
    values: NDArray[np.int64]


def hear(piece: Piece) -> Melody:
    """Read the highest notes of a piece as degrees of its key; notes outside the scale are left out."""
    key = guess_key(piece)
    top = piece.select(skyline(piece))
    steps = {pitch_class: step for step, pitch_class in enumerate(_scale_from_tonic(key))}
    offset = top.pitch - (LOWEST + key % 12)
    degree = np.array([7 * (int(o) // 12) + steps.get(int(o) % 12, -99) for o in offset], np.int64)
    inside = (degree >= 0) & (degree < DEGREES)
    gaps = np.diff(top.start, append=top.start[-1] + top.duration[-1])
    values = np.abs(gaps[:, None] - np.array(VALUES)).argmin(1)
    slots = np.rint(2 * top.start).astype(np.int64) % SLOTS
    return Melody(key // 12, degree[inside], slots[inside], values[inside])


def _scale_from_tonic(key: int) -> list[int]:
    return sorted((pitch_class - key) % 12 for pitch_class in scale(key))


def degree_to_pitch(degree: int, tonic: int, mode: int) -> int:
    """Return the MIDI number of a degree."""
    return LOWEST + tonic + 12 * (degree // 7) + _scale_from_tonic(tonic + 12 * mode)[degree % 7]


@dataclass(frozen=True)
class Chains:
    """Fitted chains, as probabilities.

    Attributes
    ----------
    steps
        Shape (2, DEGREES, DEGREES): mode, degree, next degree.
    values
        Shape (SLOTS, len(VALUES)): place in the bar, note value.
    usual
        Shape (2, DEGREES): mode, degree, whatever came before: the baseline.
    """

    steps: NDArray[np.float32]
    values: NDArray[np.float32]
    usual: NDArray[np.float32]

    @classmethod
    def fit(cls, melodies: Iterable[Melody], smoothing: float) -> Chains:
        """Count what follows what; ``smoothing`` is added to each count."""
        steps = np.full((2, DEGREES, DEGREES), smoothing)
        values = np.full((SLOTS, len(VALUES)), smoothing)
        usual = np.full((2, DEGREES), smoothing)
        for melody in melodies:
            np.add.at(steps[melody.mode], (melody.degrees[:-1], melody.degrees[1:]), 1)
            np.add.at(values, (melody.slots, melody.values), 1)
            np.add.at(usual[melody.mode], melody.degrees, 1)
        return cls(*(_normalised(counts) for counts in (steps, values, usual)))

    def save(self, folder: Path) -> None:
        """Write the file of a version."""
        save_file({"steps": self.steps, "values": self.values, "usual": self.usual}, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> Chains:
        """Read the file of a version."""
        return cls(**load_file(folder / WEIGHTS))


def _normalised(counts: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(counts / counts.sum(-1, keepdims=True), np.float32)


def draw(probabilities: NDArray[np.float32], temperature: float, rng: np.random.Generator) -> int:
    """Draw an index; the temperature is the power's inverse."""
    p = probabilities.astype(np.float64) ** (1 / temperature)
    return int(np.searchsorted(np.cumsum(p / p.sum()), rng.random(), side="right").clip(0, len(p) - 1))
