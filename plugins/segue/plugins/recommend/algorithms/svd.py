"""PureSVD [1]_: the matrix of plays, missing as zero, projected on its strongest singular vectors.

References
----------
.. [1] P. Cremonesi, Y. Koren, R. Turrin, *Performance of Recommender Algorithms on Top-N Recommendation Tasks*,
   RecSys 2010.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse.linalg import svds
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.dataset import Dataset, History, histories_to_matrix


class SvdSettings(base.Settings):
    """Settings of svd."""

    factors: int = Field(default=24, ge=1, le=1024, description="Singular vectors kept.")
    log_plays: float = Field(default=0.0, ge=0, description="How much more many plays weigh than one.")


class Svd(base.FactorScorer):
    """Score = history . V V', V being the right singular vectors."""

    name = "svd"
    Settings = SvdSettings
    grid: ClassVar = [
        {"factors": factors, "log_plays": log_plays} for factors in (16, 24, 32, 48, 64) for log_plays in (0.0, 0.2)
    ]
    settings: SvdSettings

    def fit(self, data: Dataset, seed: int) -> None:
        """Find the singular vectors."""
        rank = min(self.settings.factors, min(data.plays.shape) - 1)
        start = np.random.default_rng(seed).normal(size=min(data.plays.shape)).astype(np.float32)
        _, _, vectors = svds(base.weigh_all(data.plays, self.settings.log_plays), k=rank, v0=start)
        self.place(np.ascontiguousarray(vectors.T, dtype=np.float32))

    def place(self, tracks: NDArray[np.float32]) -> None:
        """Take the right singular vectors, shape (tracks, factors)."""
        self.tracks = tracks
        self.product = base.product_with(tracks, self.device)

    def fold_in(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Project the histories on the singular vectors."""
        played = base.weigh_all(histories_to_matrix(histories, len(self.tracks)), self.settings.log_plays)
        return np.asarray(played @ self.tracks, dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return ``v_i . v_j w_j``."""
        weights = base.weigh(history.plays, self.settings.log_plays)
        return self.tracks[tracks] @ (self.tracks[history.tracks] * weights[:, None]).T

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return the singular vectors, in half precision."""
        return {"tracks": self.tracks.astype(np.float16)}

    def restore(self, weights: Mapping[str, NDArray[Any]], data: Dataset) -> None:
        """Take the singular vectors."""
        self.place(weights["tracks"].astype(np.float32))
