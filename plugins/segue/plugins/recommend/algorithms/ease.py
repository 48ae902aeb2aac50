"""EASE [1]_: the best linear model in which no track explains itself, in closed form.

With X the weights of plays, ``P = (X'X + lambda I)^-1`` and ``B_ji = -P_ji / P_ii`` (0 for j = i), the score of track i
is ``sum over played j of x_j B_ji``: the sum itself is the reason.

``P`` has a row for every track. With fewer listeners than tracks it is never built: by Woodbury ``lambda P = I - X'CX``
with ``C = (X X' + lambda I)^-1``, which has a row for every listener, so plays and C are the whole model ("dual"). With
fewer tracks than listeners B is built, and of each column the ``neighbours`` largest weights are kept ("primal").

References
----------
.. [1] H. Steck, *Embarrassingly Shallow Autoencoders for Sparse Data*, WWW 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from scipy.linalg import cho_factor, cho_solve
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.dataset import Dataset, History, histories_to_matrix

BLOCK = 4096
"""Tracks handled at once."""


class EaseSettings(base.Settings):
    """Settings of EASE."""

    regularisation: float = Field(default=300.0, gt=0, description="lambda: pull towards zero.")
    log_plays: float = Field(default=0.2, ge=0, description="How much more many plays weigh than one.")
    neighbours: int = Field(default=500, ge=1, description="Primal form: weights kept for each track.")
    max_listeners: int = Field(
        default=10000, ge=1, description="Dual form: with more listeners, learn from this many drawn at random."
    )


class Ease(base.Scorer):
    """Score of track i = sum over played tracks j of x_j * B_ji."""

    name = "ease"
    Settings = EaseSettings
    grid: ClassVar = [
        {"regularisation": regularisation, "log_plays": log_plays}
        for regularisation in (100.0, 200.0, 300.0, 500.0)
        for log_plays in (0.1, 0.2, 0.3)
    ]
    settings: EaseSettings

    def fit(self, data: Dataset, seed: int) -> None:
        """Solve in the smaller of the two forms."""
        plays = base.weigh_all(data.plays, self.settings.log_plays)
        limit = self.settings.max_listeners
        if plays.shape[1] <= min(plays.shape[0], limit):
            self.form: _Dual | _Primal = _Primal.fit(plays, self.settings.regularisation, self.settings.neighbours)
            return
        if plays.shape[0] > limit:
            plays = plays[np.sort(np.random.default_rng(seed).choice(plays.shape[0], limit, replace=False))]
        self.form = _Dual(plays, self.settings.regularisation)

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Return the histories' weights times B."""
        return self.form.scores(
            base.weigh_all(histories_to_matrix(histories, self.form.tracks), self.settings.log_plays)
        )

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return ``x_j B_ji``."""
        weights = base.weigh(history.plays, self.settings.log_plays)
        return np.asarray(self.form.columns(tracks, history.tracks) * weights, dtype=np.float32)

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return B of the primal form; the dual form is its data."""
        return self.form.weights() if isinstance(self.form, _Primal) else {}

    def restore(self, weights: Mapping[str, NDArray[Any]], data: Dataset) -> None:
        """Take B, or solve again in the dual form."""
        if weights:
            self.form = _Primal.restore(weights)
        else:
            self.fit(data, seed=0)


class _Dual:
    def __init__(self, plays: sp.csr_matrix, regularisation: float) -> None:
        self.plays, self.by_track = plays, plays.T.tocsr()
        self.tracks = plays.shape[1]
        gram = (plays @ plays.T).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += regularisation
        identity = np.eye(len(gram))
        self.inverse = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), identity, overwrite_b=True).astype(
            np.float32
        )
        # lambda P_ii = 1 - x_i' C x_i, x_i being the column of track i.
        self.diagonal = np.ones(self.tracks, dtype=np.float32)
        for start in range(0, self.tracks, BLOCK):
            block = self.by_track[start : start + BLOCK]
            self.diagonal[start : start + BLOCK] -= np.asarray(block.multiply(block @ self.inverse).sum(axis=1)).ravel()

    def scores(self, played: sp.csr_matrix) -> NDArray[np.float32]:
        smooth = ((played @ self.by_track) @ self.inverse) @ self.plays  # X C X' of the histories, dense
        own = played.toarray()
        return np.asarray(own - (own - smooth) / self.diagonal, dtype=np.float32)

    def columns(self, tracks: NDArray[np.int32], played: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return B_ji for each track i and each played j, shape (tracks, played)."""
        smooth = self.by_track[played] @ (self.by_track[tracks] @ self.inverse).T
        return np.where(tracks[:, None] == played, 0, smooth.T / self.diagonal[tracks, None])


class _Primal:
    def __init__(self, matrix: sp.csr_matrix) -> None:
        self.by_track = matrix  # row: track; columns: what explains it
        self.transposed = matrix.T.tocsr()
        self.tracks = matrix.shape[0]

    @classmethod
    def fit(cls, plays: sp.csr_matrix, regularisation: float, neighbours: int) -> _Primal:
        gram = (plays.T @ plays).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += regularisation
        inverse = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), np.eye(len(gram)), overwrite_b=True)
        matrix = (-inverse / np.diag(inverse)).T.astype(np.float32)
        np.fill_diagonal(matrix, 0)
        if neighbours < len(matrix) - 1:
            small = np.argpartition(np.abs(matrix), -neighbours, axis=1)[:, :-neighbours]
            np.put_along_axis(matrix, small, 0, axis=1)
        return cls(sp.csr_matrix(matrix))

    def scores(self, played: sp.csr_matrix) -> NDArray[np.float32]:
        return np.asarray((played @ self.transposed).todense(), dtype=np.float32)

    def columns(self, tracks: NDArray[np.int32], played: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.asarray(self.by_track[tracks][:, played].toarray(), dtype=np.float32)

    def weights(self) -> dict[str, NDArray[Any]]:
        matrix = self.by_track
        return {"data": matrix.data.astype(np.float16), "indices": matrix.indices, "indptr": matrix.indptr}

    @classmethod
    def restore(cls, weights: Mapping[str, NDArray[Any]]) -> _Primal:
        tracks = len(weights["indptr"]) - 1
        data = weights["data"].astype(np.float32)
        return cls(sp.csr_matrix((data, weights["indices"], weights["indptr"]), shape=(tracks, tracks)))
