"""First-order Markov chain: what came right after the last track. The baseline of the sequence networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.dataset import Dataset, History, ordered_tracks


class MarkovSettings(base.Settings):
    """Settings of the Markov chain."""

    smoothing: float = Field(default=5.0, gt=0, description="Plays' worth of belief in plain popularity.")


class Markov(base.Scorer):
    """Score of i after j = (times i came right after j + smoothing p_i) / (times j was followed + smoothing)."""

    name = "markov"
    Settings = MarkovSettings
    settings: MarkovSettings

    def fit(self, data: Dataset, seed: int) -> None:
        """Count which track came after which."""
        tracks = len(data.catalogue)
        self.share = (data.audience / max(data.plays.nnz, 1)).astype(np.float32)
        pairs = [(row[:-1], row[1:]) for row in ordered_tracks(data, np.random.default_rng(seed))]
        before, after = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
        ones = np.ones(len(before), dtype=np.float32)
        self.follows = sp.coo_matrix((ones, (before, after)), shape=(tracks, tracks)).tocsr()

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Return the probability of each track after the last one."""
        counts = self.follows[[history.tracks[-1] for history in histories]].toarray()
        belief = self.settings.smoothing
        return np.asarray((counts + belief * self.share) / (counts.sum(axis=1, keepdims=True) + belief), np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Give everything to the last track."""
        parts = np.zeros((len(tracks), len(history)), dtype=np.float32)
        parts[:, -1] = self.scores([history])[0][tracks]
        return parts
