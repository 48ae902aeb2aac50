"""Hybrid: iALS, EASE and content in one score, each divided by the usual spread of its scores over the catalogue.

A track that nobody played has no factors for iALS. It gets those that its tags predict: a ridge regression from content
vectors to factors, over the tracks that were played, each weighing as many times as it has listeners. So a new track
takes part from its first day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.algorithms.content import Content, ContentSettings
from segue.plugins.recommend.algorithms.ease import Ease, EaseSettings
from segue.plugins.recommend.algorithms.ials import Ials, IalsSettings
from segue.plugins.recommend.dataset import Dataset, History

SAMPLE = 200
"""Listeners whose scores tell the usual spread."""


class HybridSettings(base.Settings):
    """Settings of hybrid: the weights of its members, and theirs."""

    ials_weight: float = Field(default=1.0, ge=0, description="Weight of iALS.")
    ease_weight: float = Field(default=0.1, ge=0, description="Weight of EASE.")
    content_weight: float = Field(default=0.2, ge=0, description="Weight of content.")
    ridge: float = Field(default=10.0, gt=0, description="Regularisation of the map from content to factors.")
    ials: IalsSettings = Field(default_factory=IalsSettings, description="Settings of iALS; given, it is not tuned.")
    ease: EaseSettings = Field(default_factory=EaseSettings, description="Settings of EASE; given, it is not tuned.")
    content: ContentSettings = Field(default_factory=ContentSettings, description="Settings of content.")


class Hybrid(base.Scorer):
    """Score = sum over members of weight * score / spread."""

    name = "hybrid"
    parts: ClassVar = ("ials", "ease", "content")
    Settings = HybridSettings
    grid: ClassVar = [
        {"ease_weight": ease, "content_weight": content} for ease in (0.0, 0.1, 0.3) for content in (0.0, 0.1, 0.2, 0.3)
    ]
    settings: HybridSettings

    def __init__(self, settings: HybridSettings, device: str = "cpu") -> None:
        super().__init__(settings, device)
        self.ials = Ials(settings.ials, device)
        weighted: list[tuple[base.Scorer, float]] = [
            (self.ials, settings.ials_weight),
            (Ease(settings.ease, device), settings.ease_weight),
            (Content(settings.content, device), settings.content_weight),
        ]
        self.members = [(member, weight) for member, weight in weighted if weight > 0]

    def fit(self, data: Dataset, seed: int) -> None:
        """Fit the members and join them."""
        for member, _ in self.members:
            member.fit(data, seed)
        self.join(data, seed)

    def update(self, data: Dataset, seed: int, weights: Mapping[str, NDArray[Any]], tracks: Sequence[str]) -> None:
        """Update the members, and join them again."""
        for member, _ in self.members:
            member.update(data, seed, base.weights_of(member.name, weights), tracks)
        self.join(data, seed)

    def join(self, data: Dataset, seed: int) -> None:
        """Give the unplayed tracks their factors, and measure the spreads."""
        if self.settings.ials_weight:
            self.add_unplayed(data)
        rows = np.random.default_rng(seed).permutation(data.plays.shape[0])[:SAMPLE]
        histories = [data.history(row) for row in rows]
        spreads = [member.scores(histories).std(axis=1).mean() for member, _ in self.members]
        self.scales = np.array([w / max(s, 1e-9) for (_, w), s in zip(self.members, spreads, strict=True)], np.float32)

    def add_unplayed(self, data: Dataset) -> None:
        """Predict the factors of tracks without listeners from their content."""
        vectors = Content(self.settings.content).vectors(data.catalogue)
        weight = sp.diags_array(data.audience.astype(np.float32))
        system = (vectors.T @ weight @ vectors).toarray()
        system[np.diag_indices_from(system)] += self.settings.ridge
        content_to_factors = np.linalg.solve(system, vectors.T @ (weight @ self.ials.tracks))
        unplayed = data.audience == 0
        self.ials.tracks[unplayed] = vectors[unplayed] @ content_to_factors
        self.ials.prepare()

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Add up the members' scores."""
        parts = (member.scores(histories) * scale for (member, _), scale in zip(self.members, self.scales, strict=True))
        return np.asarray(sum(parts), dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Add up the members' contributions."""
        parts = (
            member.contributions(history, tracks) * scale
            for (member, _), scale in zip(self.members, self.scales, strict=True)
        )
        return np.asarray(sum(parts), dtype=np.float32)

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return the members' weights by ``member.name``, and the scales."""
        named = {f"{m.name}.{name}": array for m, _ in self.members for name, array in m.weights().items()}
        return named | {"scales": self.scales}

    def restore(self, weights: Mapping[str, NDArray[Any]], data: Dataset) -> None:
        """Restore the members."""
        for member, _ in self.members:
            member.restore(base.weights_of(member.name, weights), data)
        self.scales = weights["scales"]
