"""Where the latent vectors of real melodies lie: what new ones are drawn from, and what a slider's position means.

A variational autoencoder whose prior is weighted lightly leaves holes where the prior expects music. New vectors are
therefore drawn from the normal distribution that fits the vectors of the training melodies, one for major and one for
minor (ex-post density estimation); with sliders, from that distribution given what the sliders say.

References
----------
P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black and B. Schoelkopf, "From Variational to Deterministic Autoencoders",
ICLR 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_STEPS: Final = np.linspace(0, 1, 21)
"""Positions of a slider at which its meaning is kept."""
_REACH: Final = 1.5
"""How much further from its middle a slider goes than real melodies do: the decoder does less than it is told."""


@dataclass(frozen=True)
class Space:
    """Latent vectors of training melodies, summed up.

    Attributes
    ----------
    mean : ndarray, shape (2, latent)
        In major and in minor.
    factor : ndarray, shape (2, latent, latent)
        Lower Cholesky factor of their covariance, the encoder's own uncertainty included.
    sliders : ndarray, shape (dimensions, 21)
        What each regularised dimension is where a slider stands at 0, .05, ... 1; empty where there are none.
    levels : ndarray, shape (dimensions, 21)
        What the attribute is there.
    """

    mean: NDArray[np.float64]
    factor: NDArray[np.float64]
    sliders: NDArray[np.float64]
    levels: NDArray[np.float64]

    @classmethod
    def fit(cls, mean: Any, log_variance: Any, minor: NDArray[np.int64], attributes: Any) -> Space:
        """Sum up encoded melodies.

        Parameters
        ----------
        mean, log_variance : ndarray, shape (melodies, latent)
        minor : ndarray of int, shape (melodies,)
        attributes : ndarray, shape (melodies, dimensions), or None
            What the first dimensions are regularised by.
        """
        means, factors = [], []
        for mode in (0, 1):
            rows = minor == mode if (minor == mode).sum() > mean.shape[1] else np.ones(len(minor), bool)
            own = mean[rows].astype(np.float64)
            spread = np.cov(own.T) + np.diag(np.exp(log_variance[rows].astype(np.float64)).mean(0))
            means.append(own.mean(0))
            factors.append(np.linalg.cholesky(spread + 1e-5 * np.eye(len(spread))))
        values = np.zeros((len(mean), 0)) if attributes is None else attributes
        regular = mean[:, : values.shape[1]].astype(np.float64)
        tables = [np.quantile(x, 0.005 + 0.99 * _STEPS, axis=0).T.reshape(-1, len(_STEPS)) for x in (regular, values)]
        return cls(np.stack(means), np.stack(factors), *tables)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return what is kept."""
        return {"mean": self.mean, "factor": self.factor, "sliders": self.sliders, "levels": self.levels}

    def moved(self, dimension: int, position: float, change: float) -> float:
        """Return where a slider stands for an attribute that is higher by ``change`` than where it stands now."""
        levels = self.levels[dimension]
        return float(np.interp(np.interp(position, _STEPS, levels) + change, levels, _STEPS))

    def draw(self, rng: np.random.Generator, minor: bool, spread: float) -> NDArray[np.float64]:
        """Draw a latent vector; ``spread`` is a factor of the standard deviation."""
        mean, factor = self.mean[int(minor)], self.factor[int(minor)]
        return np.asarray(mean + spread * factor @ rng.standard_normal(len(mean)))

    def condition(self, z: NDArray[np.float64], minor: bool, positions: Mapping[int, float]) -> NDArray[np.float64]:
        """Move a vector to where sliders stand, and what goes with it as in real melodies (a Gaussian's conditional).

        ``positions`` maps dimensions to 0-1.
        """
        if not positions:
            return z
        known = np.array(sorted(positions))
        covariance = self.factor[int(minor)] @ self.factor[int(minor)].T
        middle, target = (
            np.array([np.interp(at, _STEPS, self.sliders[d]) for d, at in zip(known, where, strict=True)])
            for where in (np.full(len(known), 0.5), [positions[d] for d in known])
        )
        target = middle + _REACH * (target - middle)
        gain = covariance[:, known] @ np.linalg.inv(covariance[np.ix_(known, known)])
        moved = z + gain @ (target - z[known])
        moved[known] = target
        return np.asarray(moved)
