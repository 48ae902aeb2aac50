from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from segue.plugins.recommend.algorithms.base import Scorer, Settings
from segue.plugins.recommend.dataset import Dataset, History
from segue.plugins.recommend.evaluation import evaluate, split


class Fixed(Scorer):
    """Ranks the catalogue in its own order."""

    name = "fixed"

    def fit(self, data: Dataset, seed: int) -> None:
        self.count = len(data.catalogue)

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        return np.tile(-np.arange(self.count, dtype=np.float32), (len(histories), 1))

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.zeros((len(tracks), len(history)), dtype=np.float32)


def test_metrics_by_hand(data: Dataset) -> None:
    scorer = Fixed(Settings())
    scorer.fit(data, seed=0)
    known = data.history(0).tracks
    unseen = [row for row in range(len(data.catalogue)) if row not in known]
    nobody = [np.zeros(0, np.int32)] * (data.plays.shape[0] - 1)
    found = evaluate(scorer, data, [np.array([unseen[0], unseen[2], unseen[30]]), *nobody])
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found["recall@20"] == pytest.approx(2 / 3)
    assert found["ndcg@20"] == pytest.approx((1 + 1 / np.log2(4)) / ideal)
    assert found["ndcg@100"] == pytest.approx((1 + 1 / np.log2(4) + 1 / np.log2(32)) / ideal)
    assert found["hr@10"] == 1
    assert found["coverage@20"] == pytest.approx(20 / len(data.catalogue))


def test_split_parts_are_disjoint_and_complete(data: Dataset) -> None:
    rest, held_out = split(data, 0.2, "random", seed=1)
    for row, tracks in enumerate(held_out):
        left = set(rest.history(row).tracks.tolist())
        assert left.isdisjoint(tracks.tolist())
        assert left | set(tracks.tolist()) == set(data.history(row).tracks.tolist())
        assert len(tracks) == 2
    again, _ = split(data, 0.2, "random", seed=1)
    assert (again.plays != rest.plays).nnz == 0


def test_temporal_split_holds_out_the_latest(data: Dataset) -> None:
    rest, held_out = split(data, 0.2, "temporal", seed=0)
    for row, tracks in enumerate(held_out):
        assert set(tracks.tolist()) == set(data.history(row).tracks[-2:].tolist())
        assert len(rest.history(row)) == len(data.history(row)) - 2
