"""Shares recomputed from the definition of each method, with none of its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from segue.plugin_api.python_model import Item
from segue.plugins.recommend.algorithms import find_scorer
from segue.plugins.recommend.dataset import Dataset
from segue.plugins.recommend.model import RecommendModel, save_scorer
from segue.v1.recommend_pb2 import RecommendRequest


def weights_of(data: Dataset, log_plays: float) -> NDArray[np.float64]:
    dense = data.plays.toarray().astype(np.float64)
    return np.where(dense > 0, 1 + log_plays * np.log(np.maximum(dense, 1)), 0.0)


def ease_matrix(data: Dataset) -> NDArray[np.float64]:
    weights = weights_of(data, 0.2)
    inverse = np.linalg.inv(weights.T @ weights + 300.0 * np.eye(weights.shape[1]))
    matrix = -inverse / np.diag(inverse)
    np.fill_diagonal(matrix, 0)
    return matrix


def cosine_matrix(data: Dataset) -> NDArray[np.float64]:
    weights = weights_of(data, 0.0)
    length = np.sqrt((weights**2).sum(axis=0))
    matrix = (weights.T @ weights / (np.outer(length, length) + 2.0)) ** 0.7
    np.fill_diagonal(matrix, 0)
    return matrix


CASES: dict[str, tuple[Any, float, dict[str, Any]]] = {
    "ease dual": (ease_matrix, 0.2, {"regularisation": 300.0, "max_listeners": 10000}),
    "ease primal": (ease_matrix, 0.2, {"regularisation": 300.0, "max_listeners": 10000}),
    "item-knn": (cosine_matrix, 0.0, {"shrinkage": 2.0, "power": 0.7, "log_plays": 0.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_shares_match_an_independent_computation(case: str, data: Dataset, tmp_path: Path) -> None:
    matrix_of, log_plays, settings = CASES[case]
    if case == "ease dual":  # fewer listeners than tracks
        keep = np.zeros(data.plays.nnz, dtype=bool)
        keep[: data.plays.indptr[40]] = True
        plays = data.with_entries(keep).plays[:40]
        data = Dataset(data.catalogue, data.listeners[:40], plays, data.times[keep], data.taggings)
    method = find_scorer(case.split()[0])
    scorer = method(method.Settings(**settings))
    scorer.fit(data, seed=0)
    if case.startswith("ease"):
        assert type(scorer.form).__name__ == ("_Dual" if case == "ease dual" else "_Primal")  # type: ignore[attr-defined]
    save_scorer(scorer, data, tmp_path)
    model = RecommendModel()
    model.load(tmp_path, "cpu")
    answer = model.answer([Item(RecommendRequest(listener_id="listener-7"), {"causes": 1000}, 0)])[0]
    matrix, played = matrix_of(data), weights_of(data, log_plays)[7]
    index = data.catalogue.index
    for track in answer.recommendations:  # type: ignore[union-attr]
        assert track.causes_exact
        parts = played * matrix[:, index[track.track_id]]
        positive = np.maximum(parts, 0).sum()
        # The primal EASE ships its weights in half precision.
        tolerance = 1e-3 if case == "ease primal" else 1e-4
        assert track.score == pytest.approx(parts.sum(), rel=tolerance, abs=1e-4)
        for cause in track.causes:
            assert cause.contribution == pytest.approx(parts[index[cause.track_id]], rel=tolerance, abs=1e-4)
            assert cause.share == pytest.approx(max(parts[index[cause.track_id]], 0) / positive, abs=1e-4)
