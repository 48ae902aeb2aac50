"""What a recommendation method is: fit on plays, score every track for any history, say which plays caused a score.

A method never sees a request. Filters, diversity, pages and sentences are the same for all (``ranking``, ``reasons``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from segue.plugins.recommend.dataset import Dataset, History


def weigh(plays: NDArray[Any], log_plays: float) -> NDArray[np.float32]:
    """Return counts of plays as weights, ``1 + log_plays * log(plays)``."""
    return np.asarray(1 + log_plays * np.log(np.maximum(plays, 1)), dtype=np.float32)


def weigh_all(plays: sp.csr_matrix, log_plays: float) -> sp.csr_matrix:
    """Return a matrix of plays as weights."""
    return sp.csr_matrix((weigh(plays.data, log_plays), plays.indices, plays.indptr), shape=plays.shape)


def weights_of(part: str, weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what ``part.name`` stands for in ``weights``, by ``name``."""
    start = f"{part}."
    return {name.removeprefix(start): array for name, array in weights.items() if name.startswith(start)}


def product_with(tracks: NDArray[np.float32], device: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what multiplies listener factors (B, d) with track factors (I, d) into scores (B, I), on the device."""
    if device == "cpu":
        return lambda listeners: listeners @ tracks.T
    import torch  # only here: a model on the CPU starts without it

    placed = torch.from_numpy(tracks).to(device).T
    return lambda listeners: np.asarray((torch.from_numpy(listeners).to(device) @ placed).cpu().numpy())


class Settings(BaseModel):
    """Settings of a method: what its fit depends on beside the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Watch:
    """Where a long fit shows its progress and keeps its state. This one does neither."""

    def epochs(self, name: str, total: int, state: Mapping[str, Any]) -> Iterable[int]:
        """Yield the epochs to be done; ``state`` holds what has ``state_dict`` and ``load_state_dict``."""
        return range(total)

    def log(self, name: str, value: float, step: int) -> None:
        """Note a figure of an epoch."""


class Scorer(ABC):
    """One method, fitted or loaded.

    Attributes
    ----------
    name
        Name of the algorithm.
    Settings
        Model of its settings; the defaults were tuned on the carve-out of HetRec Last.fm.
    grid
        What tuning tries, each a change of the defaults.
    exact
        True if ``contributions`` add up to the score.
    needs_history
        False if a listener of whom nothing is known can be answered.
    parts
        Names of methods that it is made of: what they learnt, named ``part.name``, is written to a file of each.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[Settings]] = Settings
    grid: ClassVar[Sequence[dict[str, Any]]] = ()
    exact: ClassVar[bool] = True
    needs_history: ClassVar[bool] = True
    parts: ClassVar[Sequence[str]] = ()

    def __init__(self, settings: Any, device: str = "cpu") -> None:
        self.settings = settings
        self.device = device
        self.watch = Watch()

    @abstractmethod
    def fit(self, data: Dataset, seed: int) -> None:
        """Learn from plays."""

    def update(self, data: Dataset, seed: int, weights: Mapping[str, NDArray[Any]], tracks: Sequence[str]) -> None:
        """Take in new plays and tracks, starting from a version's weights and the ids of its tracks.

        By default the method is fitted again: a closed form has no cheaper way, and needs none.
        """
        self.fit(data, seed)

    @abstractmethod
    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Score every track for each history, shape (histories, tracks); higher is better, all finite."""

    @abstractmethod
    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Split the scores of some tracks into the parts that each played track caused, shape (tracks, history)."""

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt, to be written. Nothing by default: the method is its data."""
        return {}

    def restore(self, weights: Mapping[str, NDArray[Any]], data: Dataset) -> None:
        """Take what ``weights`` returned; ``data`` is what the method was fitted on. By default it is fitted again."""
        self.fit(data, seed=0)


class FactorScorer(Scorer):
    """A method whose score is a product: factors of the listener . factors of the track.

    Attributes
    ----------
    tracks : ndarray, shape (tracks, factors)
        Factors of the tracks.
    product
        Multiplies factors of listeners with those of all tracks.
    """

    tracks: NDArray[np.float32]
    product: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    @abstractmethod
    def fold_in(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Return the factors of listeners, whether or not they were there in training, shape (histories, factors)."""

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Multiply the listeners' factors with those of all tracks."""
        return self.product(self.fold_in(histories))
