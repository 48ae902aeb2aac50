"""Popularity: the same tracks for everybody, by number of listeners. The baseline that every report shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from segue.plugins.recommend.algorithms.base import Scorer
from segue.plugins.recommend.dataset import Dataset, History


class Popularity(Scorer):
    """Score = number of listeners."""

    name = "popularity"
    exact = False
    needs_history = False

    def fit(self, data: Dataset, seed: int) -> None:
        """Count the listeners of each track."""
        self.audience = data.audience.astype(np.float32)

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Return the number of listeners, whatever the history."""
        return np.tile(self.audience, (len(histories), 1))

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return zeros: no play of the listener causes anything."""
        return np.zeros((len(tracks), len(history)), dtype=np.float32)
