"""Neighbours: tracks that the same listeners play (``item-knn``), or listeners who play the same (``user-knn``).

Both compare rows or columns of the same matrix X, whose entries are ``1 + log_plays * log(plays)``:

    cosine      a.b / (|a||b| + shrinkage)
    euclidean   n / (n + shrinkage) / (1 + |a - b|), n being the number of entries in common

between pairs with something in common, and keep the ``neighbours`` most similar. There is nothing else to learn: a
new play is a new entry of X. Similarities of tracks are raised to ``power``: below 1, many weak neighbours weigh more
beside a few strong ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.dataset import Dataset, History, histories_to_matrix

BLOCK = 1024
"""Columns compared at once: with ``neighbours``, what bounds the memory."""


class ItemSettings(base.Settings):
    """Settings of item-knn."""

    metric: Literal["cosine", "euclidean"] = Field(default="cosine", description="How tracks are compared.")
    shrinkage: float = Field(default=5.0, ge=0, description="Doubt about pairs with few common listeners.")
    power: float = Field(default=0.7, gt=0, le=4, description="Exponent of the similarities.")
    neighbours: int = Field(default=2000, ge=1, description="Most similar tracks kept for each track.")
    log_plays: float = Field(default=0.2, ge=0, description="How much more many plays weigh than one.")


class UserSettings(base.Settings):
    """Settings of user-knn."""

    metric: Literal["cosine", "euclidean"] = Field(default="cosine", description="How listeners are compared.")
    shrinkage: float = Field(default=5.0, ge=0, description="Doubt about pairs with few common tracks.")
    neighbours: int = Field(default=50, ge=1, description="Most similar listeners that are asked.")
    log_plays: float = Field(default=0.0, ge=0, description="How much more many plays weigh than one.")


def compare(a: sp.csr_matrix, b: sp.csr_matrix, metric: str, shrinkage: float) -> sp.csr_matrix:
    """Return the similarity of each row of ``a`` with each row of ``b``, where they have something in common."""
    product = (a @ b.T).tocsr()
    row = np.repeat(np.arange(a.shape[0]), np.diff(product.indptr))
    square_a, square_b = (np.asarray(m.multiply(m).sum(axis=1)).ravel() for m in (a, b))
    if metric == "cosine":
        data = product.data / (np.sqrt(square_a[row] * square_b[product.indices]) + shrinkage)
    else:
        common = (a.sign() @ b.sign().T).tocsr().data
        distance = np.sqrt(np.maximum(square_a[row] + square_b[product.indices] - 2 * product.data, 0))
        data = common / (common + shrinkage) / (1 + distance)
    return sp.csr_matrix((data.astype(np.float32), product.indices, product.indptr), shape=product.shape)


def keep_largest(matrix: sp.csr_matrix, count: int) -> sp.csr_matrix:
    """Keep the ``count`` largest entries of each row."""
    order = np.lexsort((matrix.indices, -matrix.data, np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))))
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    kept = np.sort(order[place < count])
    indptr = np.concatenate([[0], np.cumsum(np.minimum(np.diff(matrix.indptr), count))])
    return sp.csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)


class ItemKnn(base.Scorer):
    """Score of track i = sum over played tracks j of x_j * similarity(i, j) ** power."""

    name = "item-knn"
    Settings = ItemSettings
    grid: ClassVar = [
        {"metric": metric, "shrinkage": shrinkage, "power": power, "log_plays": log_plays}
        for metric in ("cosine", "euclidean")
        for shrinkage in (2.0, 5.0)
        for power in (0.5, 0.7, 1.0)
        for log_plays in (0.1, 0.2)
    ]
    settings: ItemSettings

    def fit(self, data: Dataset, seed: int) -> None:
        """Compare all tracks, a block at a time."""
        s = self.settings
        columns = base.weigh_all(data.plays, s.log_plays).T.tocsr()
        blocks = []
        for start in range(0, columns.shape[0], BLOCK):
            block = compare(columns[start : start + BLOCK], columns, s.metric, s.shrinkage)
            own = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr)) + start == block.indices
            block.data **= s.power
            block.data[own] = 0
            block.eliminate_zeros()
            blocks.append(keep_largest(block, s.neighbours))
        self.similarity = sp.vstack(blocks, format="csr")  # row: track; columns: its neighbours
        self.transposed = self.similarity.T.tocsr()

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Add up the similarities to what was played."""
        played = base.weigh_all(histories_to_matrix(histories, self.similarity.shape[0]), self.settings.log_plays)
        return np.asarray((played @ self.transposed).todense(), dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return each summand."""
        weights = base.weigh_all(histories_to_matrix([history], self.similarity.shape[0]), self.settings.log_plays).data
        similar = self.similarity[tracks][:, history.tracks].toarray()
        return np.asarray(similar * weights, dtype=np.float32)


class UserKnn(base.Scorer):
    """Score of track i = sum over the most similar listeners v of similarity(history, v) * x_vi."""

    name = "user-knn"
    Settings = UserSettings
    grid: ClassVar = [
        {"shrinkage": shrinkage, "neighbours": neighbours, "log_plays": log_plays}
        for shrinkage in (5.0, 10.0)
        for neighbours in (50, 100, 200)
        for log_plays in (0.0, 0.1)
    ]
    settings: UserSettings

    def fit(self, data: Dataset, seed: int) -> None:
        """Keep the plays."""
        self.plays = base.weigh_all(data.plays, self.settings.log_plays)

    def neighbours(self, histories: Sequence[History]) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        """Return the histories as weights, and their similarities to their nearest listeners."""
        s = self.settings
        rows = base.weigh_all(histories_to_matrix(histories, self.plays.shape[1]), s.log_plays)
        return rows, keep_largest(compare(rows, self.plays, s.metric, s.shrinkage), s.neighbours)

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Add up what the nearest listeners play."""
        return np.asarray((self.neighbours(histories)[1] @ self.plays).todense(), dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Split each similarity into the tracks in common: in proportion to their part of the product a.b."""
        rows, near = self.neighbours([history])
        listeners = self.plays[near.indices]  # (neighbours, tracks)
        common = listeners[:, history.tracks].toarray() * rows.data  # (neighbours, history)
        product = np.maximum(common.sum(axis=1), 1e-9)
        parts = common * (near.data / product)[:, None]
        return np.asarray(listeners[:, tracks].toarray().T @ parts, dtype=np.float32)
