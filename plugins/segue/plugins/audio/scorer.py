"""A small network that scores rows of features: a line, and a hidden layer beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scorer:
    """Scores rows of features, F of them, through H hidden units.

    Attributes
    ----------
    mean, scale : ndarray, shape (F,)
        Features are centred and divided by these.
    line : ndarray, shape (F,)
        Weights of the features themselves.
    hidden, hidden_bias : ndarray, shape (F, H) and (H,)
        What the hidden units see.
    out : ndarray, shape (H,)
        Weights of the hidden units.
    bias : ndarray, shape (1,)
        Added to the score.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    line: NDArray[np.float32]
    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each row, shape (rows,)."""
        x = (features - self.mean) / self.scale
        return np.asarray(
            x @ self.line + np.tanh(x @ self.hidden + self.hidden_bias) @ self.out + self.bias, np.float64
        )

    def to_arrays(self, name: str) -> dict[str, NDArray[np.float32]]:
        """Return the arrays by name, to save."""
        return {f"{name}.{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.float32]], name: str) -> Scorer:
        """Make it of saved arrays."""
        return cls(*(arrays[f"{name}.{field.name}"] for field in fields(cls)))


def probability(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logistic function of scores."""
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -40, 40))))
