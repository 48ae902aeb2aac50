"""What the sliders set: four figures of a piece, three of a block, and the scale of 0 to 1 on which they are asked for.

A slider is a quantile of the training music: 0.3 asks for what three tenths of its pieces stay below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.rhythm import polyphony
from segue.plugins.style_vae.bars import ROWS, SLOTS, Blocks, Timeline, lowest_pitch

NAMES: Final = ("rhythmic_intensity", "polyphony", "register", "loudness")
INTENSITY, POLYPHONY, REGISTER, LOUDNESS = range(4)
_POINTS: Final = 65
_UNKNOWN: Final = 0.5
"""Register of a block in which nothing sounds."""

Floats = NDArray[np.float64]


def measure(piece: Piece, timeline: Timeline) -> Floats:
    """Measure a piece.

    Parameters
    ----------
    piece
        The piece, with at least one note.
    timeline
        Where its bars are.

    Returns
    -------
    ndarray, shape (4,)
        Share of the sixteenths in which something begins [1]_, silent blocks left out; notes that sound together; mean
        pitch weighted by duration; mean velocity. Drums count for the first and the last. A piece without pitched
        notes has 0 notes together and the pitch 60.

    References
    ----------
    .. [1] S.-L. Wu and Y.-H. Yang, "MuseMorphose: Full-Song and Fine-Grained Piano Music Style Transfer With One
       Transformer VAE", 2021, section IV-C: rhythmic intensity; polyphony.
    """
    pitched = piece.without_drums()
    register = float(np.average(pitched.pitch, weights=pitched.duration)) if len(pitched) else 60.0
    block, slot, _ = timeline.place_of(piece.start)
    struck = len(np.unique(block * SLOTS + slot)) / timeline.slots[np.unique(block)].sum()
    return np.array([struck, polyphony(pitched), register, piece.velocity.mean()])


def measure_blocks(begins: NDArray[np.bool_], sounds: NDArray[np.bool_], blocks: Blocks) -> Floats:
    """Measure the accompaniment in each block, shape (blocks, 3); the register of silence is not a number."""
    struck = begins.any(2).sum(1) / blocks.slots
    heard = sounds.any(2).sum(1)
    total = sounds.sum((1, 2))
    pitch = lowest_pitch(blocks.root)[:, :, None] + np.arange(ROWS)
    with np.errstate(invalid="ignore"):
        register = (sounds * pitch).sum((1, 2)) / total
    return np.stack([struck, total / np.maximum(heard, 1), register], axis=1)


@dataclass(frozen=True)
class Scale:
    """Quantiles of some figures in the training music.

    Attributes
    ----------
    table : ndarray, shape (figures, points)
        Ascending values at equally spaced quantiles from 0 to 1.
    """

    table: Floats

    @classmethod
    def fit(cls, figures: Floats, weights: Floats | None = None) -> Scale:
        """Take the quantiles of figures, shape (pieces, figures); what is not a number does not count."""
        rows = []
        for column in figures.T:
            known = ~np.isnan(column)
            order = np.argsort(column[known], kind="stable")
            weight = (np.ones(len(column)) if weights is None else weights)[known][order]
            at = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
            row = np.interp(np.linspace(0, 1, _POINTS), at, column[known][order])
            rows.append(np.maximum.accumulate(row) + np.arange(_POINTS) * 1e-9 * max(float(np.abs(row).max()), 1.0))
        return cls(np.stack(rows))

    def to_quantiles(self, figures: Floats) -> Floats:
        """Return where figures, shape (..., figures), stand, 0-1; in the middle where they are not numbers."""
        found = np.stack(
            [np.interp(figures[..., n], row, np.linspace(0, 1, _POINTS)) for n, row in enumerate(self.table)], axis=-1
        )
        return np.where(np.isnan(figures), _UNKNOWN, found)

    def to_value(self, figure: int, quantile: float) -> float:
        """Return the value of a figure at a quantile."""
        return float(np.interp(quantile, np.linspace(0, 1, _POINTS), self.table[figure]))

    def as_dict(self) -> dict[str, list[list[float]]]:
        """Return it for a JSON file."""
        return {"table": np.round(self.table, 6).tolist()}

    @classmethod
    def from_dict(cls, found: Mapping[str, Sequence[Sequence[float]]]) -> Scale:
        """Read what ``as_dict`` returned."""
        return cls(np.asarray(found["table"], np.float64))
