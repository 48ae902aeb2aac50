"""Approximate search of a large catalogue: a graph of near tracks (HNSW [1]_, by usearch) instead of scoring all.

It serves the methods whose score is a product of factors. A track gets one more factor, ``sqrt(longest**2 - |y|**2)``,
and a listener 0 there: all tracks are then of one length, so that the nearest by angle have the largest products [2]_.
The graph only names candidates: they are scored exactly, so what an answer says of a track is the same either way; only
a track may be missed. How many are, is measured when the graph is made (``recall``).

References
----------
.. [1] Y. Malkov, D. Yashunin, *Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable
   Small World Graphs*, 2018.
.. [2] Y. Bachrach et al., *Speeding Up the Xbox Recommender System Using a Euclidean Transformation for Inner-Product
   Spaces*, RecSys 2014.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SEARCH: Final = "tracks.usearch"
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 32, 128, 1200
"""Edges of a track, and how many tracks are looked at to add one and to find some: what recall is paid with."""

MOST: Final = 4000
"""Candidates that are searched for at most: an answer that needs more scores all tracks."""


class TrackSearch:
    """The graph of a catalogue.

    Parameters
    ----------
    index
        The graph; its keys are rows.
    tracks : ndarray, shape (tracks, factors)
        The factors.
    """

    def __init__(self, index: Any, tracks: NDArray[np.float32]) -> None:
        self._index, self._tracks = index, tracks
        index.expansion_search = EXPANSION_SEARCH

    @classmethod
    def build(cls, tracks: NDArray[np.float32], threads: int = 0) -> TrackSearch:
        """Make the graph, on all cores unless the number of threads is given."""
        from usearch.index import Index  # only here and below: a version without a graph loads without it

        squares = (tracks**2).sum(axis=1, keepdims=True)
        lengthened = np.hstack([tracks, np.sqrt(squares.max() - squares)])
        index = Index(
            ndim=lengthened.shape[1], metric="cos", dtype="f16", connectivity=CONNECTIVITY, expansion_add=EXPANSION_ADD
        )
        index.add(np.arange(len(tracks)), lengthened / np.sqrt(squares.max()), threads=threads)
        return cls(index, tracks)

    def save(self, folder: Path) -> None:
        """Write the graph."""
        self._index.save(str(folder / SEARCH))

    @classmethod
    def load(cls, folder: Path, tracks: NDArray[np.float32]) -> TrackSearch | None:
        """Map the graph of a version into memory, which its instances share; None if it has none."""
        if not (folder / SEARCH).is_file():
            return None
        from usearch.index import Index

        return cls(Index.restore(str(folder / SEARCH), view=True), tracks)

    def scores(self, listener: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Return the exact scores of about the ``count`` best tracks for some factors, -inf elsewhere, (tracks,)."""
        asked = np.append(listener, 0.0) / max(float(np.linalg.norm(listener)), 1e-9)
        rows = np.asarray(self._index.search(asked.astype(np.float32), count, threads=1).keys, dtype=np.int64)
        scores = np.full(len(self._tracks), -np.inf, dtype=np.float32)
        scores[rows] = self._tracks[rows] @ listener
        return scores

    def recall(self, listeners: NDArray[np.float32], count: int = 50) -> float:
        """Return the part of the ``count`` best tracks that a search finds, the mean over listeners."""
        found = []
        for listener in listeners:
            best = np.argsort(-(self._tracks @ listener))[:count]
            found.append(np.isfinite(self.scores(listener, count)[best]).mean())
        return float(np.mean(found))
