"""Content: tracks that are alike in their tags and their sound, whoever plays them. So a track nobody played is found.

A track is two vectors of length 1: the TF-IDF of its tags, and the principal components of its standardised musical
features (missing ones count as average). Two tracks are as similar as the cosines of both, weighed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.dataset import Catalogue, Dataset, History, histories_to_matrix


class ContentSettings(base.Settings):
    """Settings of content."""

    sound: float = Field(
        default=0.5, ge=0, le=1, description="Part of the musical features in the similarity, if there are any."
    )
    components: int = Field(default=16, ge=1, le=512, description="Principal components of the musical features.")
    log_plays: float = Field(default=0.2, ge=0, description="How much more many plays weigh than one.")


def principal_components(features: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return standardised features on their main axes, rows of length 1, 0 where nothing is known."""
    known = np.isfinite(features)
    safe = np.where(known, features, 0.0)
    amount = np.maximum(known.sum(axis=0), 1)
    mean = safe.sum(axis=0) / amount
    deviation = np.sqrt((np.where(known, features - mean, 0.0) ** 2).sum(axis=0) / amount)
    standard = np.where(known, (safe - mean) / np.maximum(deviation, 1e-9), 0.0)
    _, axes = np.linalg.eigh(standard.T @ standard)
    projected = standard @ axes[:, ::-1][:, :count]
    length = np.linalg.norm(projected, axis=1, keepdims=True)
    return np.asarray(projected / np.maximum(length, 1e-9), dtype=np.float32)


class Content(base.Scorer):
    """Score = mean similarity to what was played, by weight."""

    name = "content"
    Settings = ContentSettings
    grid: ClassVar = [{"sound": sound, "log_plays": log_plays} for sound in (0.2, 0.5) for log_plays in (0.0, 0.2)]
    settings: ContentSettings

    def vectors(self, catalogue: Catalogue) -> sp.csr_matrix:
        """Return one vector a track, whose products are the similarities, shape (tracks, tags + components)."""
        if not catalogue.features.shape[1]:
            return catalogue.tag_vectors
        sound = sp.csr_matrix(principal_components(catalogue.features, self.settings.components))
        weights = np.sqrt([1 - self.settings.sound, self.settings.sound])
        return sp.hstack([catalogue.tag_vectors * weights[0], sound * weights[1]], format="csr", dtype=np.float32)

    def fit(self, data: Dataset, seed: int) -> None:
        """Compute the vectors."""
        self.tracks = self.vectors(data.catalogue)
        self.transposed = self.tracks.T.tocsr()

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Compare every track with the mean of what was played."""
        played = base.weigh_all(histories_to_matrix(histories, self.tracks.shape[0]), self.settings.log_plays)
        total = np.maximum(np.asarray(played.sum(axis=1)), 1e-9)
        return np.asarray((played @ self.tracks @ self.transposed).toarray() / total, dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return each played track's similarity times its part of the total weight."""
        weights = base.weigh(history.plays, self.settings.log_plays)
        similar = (self.tracks[tracks] @ self.tracks[history.tracks].T).toarray()
        return np.asarray(similar * (weights / max(float(weights.sum()), 1e-9)), dtype=np.float32)
