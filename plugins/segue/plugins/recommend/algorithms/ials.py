"""Implicit ALS with frequency-scaled regularisation [1]_: two factor matrices, found by least squares in turns.

    loss = sum over plays of w (1 - x.y)**2  +  alpha sum over all pairs (x.y)**2
           + lambda (sum over listeners of (n + alpha T)|x|**2 + sum over tracks of (m + alpha L)|y|**2)

with w = 1 + log_plays * log(plays), n and m the plays of a listener and a track, T and L the numbers of tracks and
listeners. A listener who was not there in training is one such least-squares problem ("fold-in"); since its solution
is linear in the plays, each play's part of a score is exact.

References
----------
.. [1] S. Rendle, W. Krichene, L. Zhang, Y. Koren, *Revisiting the Performance of iALS on Item Recommendation
   Benchmarks*, RecSys 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.dataset import Dataset, History
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = NDArray[np.float32]
Group = tuple[NDArray[np.int64], NDArray[np.int32], Floats]
"""Rows with equally many plays, shape (R,), their columns, shape (R, n), and the weights, shape (R, n)."""

CHUNK = 1 << 18
"""Numbers gathered at once in a thread: what bounds the memory of a step beside the factors, and fits the cache."""

UPDATE_EPOCHS = 2
"""Turns of an update: one leaves the old tracks without a say of the new ones."""

TOLERANCE, MAX_STEPS, TINY = 1e-4, 100, 1e-30
"""When conjugate gradients stop: the largest residual of equations whose right side is 1, and the most steps."""


class IalsSettings(base.Settings):
    """Settings of iALS."""

    factors: int = Field(default=128, ge=1, le=1024, description="Length of the factors.")
    epochs: int = Field(default=10, ge=1, le=1000, description="Turns of solving listeners, then tracks.")
    regularisation: float = Field(default=0.01, gt=0, description="lambda: pull towards zero, for each play.")
    unobserved: float = Field(default=0.1, gt=0, description="alpha: weight of a pair that was not played.")
    log_plays: float = Field(default=0.1, ge=0, description="How much more many plays weigh than one.")


class Ials(base.FactorScorer):
    """Score = listener factors . track factors."""

    name = "ials"
    Settings = IalsSettings
    grid: ClassVar = [
        {"regularisation": regularisation, "unobserved": unobserved}
        for regularisation in (0.005, 0.01, 0.02)
        for unobserved in (0.05, 0.1, 0.2)
    ]
    settings: IalsSettings

    def fit(self, data: Dataset, seed: int) -> None:
        """Alternate until the epochs are over."""
        plays = data.plays
        rng = np.random.default_rng(seed)
        scale = 0.1 / np.sqrt(self.settings.factors)
        self.tracks = rng.normal(0, scale, (plays.shape[1], self.settings.factors)).astype(np.float32)
        self.alternate(plays, self.settings.epochs)
        self.prepare()

    def update(self, data: Dataset, seed: int, weights: Mapping[str, NDArray[Any]], tracks: Sequence[str]) -> None:
        """Solve all listeners given the known tracks, then all tracks, new ones among them; then both once more."""
        self.tracks = np.zeros((len(data.catalogue), self.settings.factors), dtype=np.float32)
        index = data.catalogue.index
        known = [(index[track], row) for row, track in enumerate(tracks) if track in index]
        here, there = np.array(known, dtype=np.int64).reshape(-1, 2).T
        self.tracks[here] = weights["tracks"][there]
        self.alternate(data.plays, UPDATE_EPOCHS)
        self.prepare()

    def alternate(self, plays: sp.csr_matrix, epochs: int) -> None:
        """Improve the factors, starting from those of the tracks."""
        listeners, tracks = plays.shape
        weights = base.weigh_all(plays, self.settings.log_plays)
        by_listener, by_track = (
            list(_rows_of_equal_length(side, self.settings.factors)) for side in (weights, weights.T.tocsr())
        )
        # The threads of the BLAS would fight with ours over systems that are far too small for them.
        with ThreadPoolExecutor(cpu_count()) as pool, threadpool_limits(1):
            for _ in range(epochs):
                found = self.solve(by_listener, listeners, self.tracks, tracks, pool)
                self.tracks = self.solve(by_track, tracks, found, listeners, pool)

    def solve(self, groups: list[Group], rows: int, fixed: Floats, others: int, pool: ThreadPoolExecutor) -> Floats:
        """Return the factors of one side, given those of the other, shape (rows, factors).

        For a row with weights W and played factors F the normal equations are ``(F'WF + D) x = F'w`` with D = ``alpha
        Y'Y + lambda (n + alpha others) I``, which is diagonal in the basis of the eigenvectors of Y'Y. By Woodbury
        ``x = D^-1 F'a`` where ``(W^-1 + F D^-1 F') a = 1``, a system of the n plays only. D outweighs the plays, so
        conjugate gradients need a handful of steps, and none of the matrices is ever built.
        """
        alpha, penalty = self.settings.unobserved, self.settings.regularisation
        values, basis = np.linalg.eigh(alpha * (fixed.T @ fixed))
        rotated = fixed @ basis
        result = np.zeros((rows, fixed.shape[1]), dtype=np.float32)

        def solve_group(group: Group) -> None:
            which, columns, w = group  # (R,), (R, n), (R, n)
            scale = 1 / (values + penalty * (columns.shape[1] + alpha * others))  # D^-1, (d,)
            played = rotated[columns]  # (R, n, d)
            across = played.transpose(0, 2, 1)  # (R, d, n)

            def times(p: Floats) -> Floats:
                return np.asarray(p / w + ((p[:, None, :] @ played * scale) @ across)[:, 0], dtype=np.float32)

            a = w.copy()
            residual = 1 - times(a)
            direction = w * residual
            size = (residual * direction).sum(axis=1, keepdims=True)  # (R, 1)
            for _ in range(MAX_STEPS):
                if np.abs(residual).max() <= TOLERANCE:
                    break
                ahead = times(direction)
                step = size / np.maximum((direction * ahead).sum(axis=1, keepdims=True), TINY)
                a += step * direction
                residual -= step * ahead
                before, size = size, (w * residual**2).sum(axis=1, keepdims=True)
                direction = w * residual + size / np.maximum(before, TINY) * direction
            result[which] = (a[:, None, :] @ played)[:, 0] * scale

        list(pool.map(solve_group, groups))
        return np.asarray(result @ basis.T, dtype=np.float32)

    def prepare(self) -> None:
        """Compute what a fold-in needs beside the factors."""
        self.gram = self.settings.unobserved * (self.tracks.T @ self.tracks)
        self.product = base.product_with(self.tracks, self.device)

    def normal_equations(self, history: History) -> tuple[Floats, Floats]:
        """Return the matrix A and the weighted factors B of one fold-in: ``A x = sum of the rows of B``."""
        played = self.tracks[history.tracks]  # (n, d)
        weighted = played * base.weigh(history.plays, self.settings.log_plays)[:, None]
        ridge = self.settings.regularisation * (len(history) + self.settings.unobserved * len(self.tracks))
        return weighted.T @ played + self.gram + ridge * np.eye(played.shape[1], dtype=np.float32), weighted

    def fold_in(self, histories: Sequence[History]) -> Floats:
        """Solve the normal equations of each history."""
        equations = [self.normal_equations(history) for history in histories]
        systems = np.stack([matrix for matrix, _ in equations])
        targets = np.stack([weighted.sum(axis=0) for _, weighted in equations])
        return np.linalg.solve(systems, targets[:, :, None])[:, :, 0]

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> Floats:
        """Return ``y_i' A^-1 w_j y_j`` for each track i and each played j: the score is their sum over j."""
        matrix, weighted = self.normal_equations(history)
        return np.linalg.solve(matrix, self.tracks[tracks].T).T @ weighted.T

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return the track factors, in half precision."""
        return {"tracks": self.tracks.astype(np.float16)}

    def restore(self, weights: Mapping[str, NDArray[Any]], data: Dataset) -> None:
        """Take the track factors."""
        self.tracks = weights["tracks"].astype(np.float32)
        self.prepare()


def _rows_of_equal_length(weights: sp.csr_matrix, factors: int) -> Iterator[Group]:
    lengths = np.diff(weights.indptr)
    for n in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == n)
        for some in np.array_split(rows, min(len(rows), -(-len(rows) * n * factors // CHUNK))):
            entries = weights.indptr[some][:, None] + np.arange(n)
            yield some, weights.indices[entries], weights.data[entries]
