"""How often tracks are played by the same listeners: the whole algorithm."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

MAX_TRACKS: Final = 2000
"""The most played ones are kept, so that a version stays below 10 MB."""
WEIGHTS: Final = "similarity.safetensors"
TRACKS: Final = "tracks.json"


@dataclass(frozen=True)
class CoOccurrence:
    """A fitted model.

    Attributes
    ----------
    tracks
        Track ids, the most played first.
    titles
        Their titles.
    similarity
        Shape (tracks, tracks), 0-1, nothing on the diagonal: how much the row speaks for the column.
    listeners
        Shape (tracks,): how many play each.
    """

    tracks: Sequence[str]
    titles: Sequence[str]
    similarity: NDArray[np.float32]
    listeners: NDArray[np.float32]

    @classmethod
    def fit(cls, plays: Sequence[Collection[str]], titles: Mapping[str, str], shrinkage: float) -> CoOccurrence:
        """Count who plays what together.

        Parameters
        ----------
        plays
            The tracks of each listener.
        titles
            Track id → title.
        shrinkage
            Listeners added to each count, so that two tracks of one listener are not taken for twins [1]_.

        References
        ----------
        .. [1] R. Bell, Y. Koren, "Scalable Collaborative Filtering with Jointly Derived Neighborhood Interpolation
           Weights", ICDM 2007.
        """
        counts: dict[str, int] = {}
        for own in plays:
            for track in own:
                counts[track] = counts.get(track, 0) + 1
        tracks = sorted(counts, key=lambda track: (-counts[track], track))[:MAX_TRACKS]
        index = {track: number for number, track in enumerate(tracks)}
        played = np.zeros((len(plays), len(tracks)), np.float32)
        for row, own in enumerate(plays):
            played[row, [index[track] for track in own if track in index]] = 1
        together = played.T @ played
        listeners = together.diagonal().copy()
        np.fill_diagonal(together, 0)
        similarity = together / (np.sqrt(np.outer(listeners, listeners)) + shrinkage)
        return cls(tracks, [titles.get(track, track) for track in tracks], similarity, listeners)

    @cached_property
    def index(self) -> dict[str, int]:
        """Track id → row."""
        return {track: number for number, track in enumerate(self.tracks)}

    def contributions(self, history: Sequence[int]) -> NDArray[np.float32]:
        """Return what each track of a history says for every track, shape (history, tracks)."""
        rows: NDArray[np.float32] = self.similarity[list(history)]
        return rows

    def scores(self, history: Sequence[int]) -> NDArray[np.float32]:
        """Return the score of every track, shape (tracks,); the most played lead where the history says nothing."""
        popular = self.listeners / max(float(self.listeners.max()), 1.0)
        total: NDArray[np.float32] = self.contributions(history).sum(0) + np.float32(1e-6) * popular
        return total

    def save(self, folder: Path) -> None:
        """Write the files of a version."""
        half = np.asarray(self.similarity, np.float16)
        save_file({"similarity": half, "listeners": self.listeners}, folder / WEIGHTS)
        (folder / TRACKS).write_text(json.dumps({"tracks": list(self.tracks), "titles": list(self.titles)}) + "\n")

    @classmethod
    def load(cls, folder: Path) -> CoOccurrence:
        """Read the files of a version."""
        tensors, names = load_file(folder / WEIGHTS), json.loads((folder / TRACKS).read_text())
        return cls(names["tracks"], names["titles"], tensors["similarity"].astype(np.float32), tensors["listeners"])
