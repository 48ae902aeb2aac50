"""What a recommender knows: a catalogue of tracks, and who played what how often.

The same folder layout serves training and serving: ``catalogue.json.gz`` (names, tags) and ``plays.npz`` (listeners,
plays). Plays are counts > 0, times are seconds since 1970-01-01 UTC. A "track" is whatever the data counts: in the
Last.fm demo it is an artist.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

CATALOGUE = "catalogue.json.gz"
PLAYS = "plays.npz"


@dataclass(frozen=True)
class Catalogue:
    """The tracks, in the order that every array of a model follows.

    Attributes
    ----------
    ids, titles, artists
        One entry a track. For a catalogue of artists, title and artist are both the artist's name.
    tag_names
        Every tag, in the order of the columns of ``tags``.
    tags : csr_matrix, shape (tracks, tags)
        How often a tag was given to a track.
    features : ndarray, shape (tracks, features)
        Musical features of the tracks, NaN where not known; no columns if there are none.
    """

    ids: Sequence[str]
    titles: Sequence[str]
    artists: Sequence[str]
    tag_names: Sequence[str]
    tags: sp.csr_matrix
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def index(self) -> dict[str, int]:
        """Track id → row."""
        return {track_id: row for row, track_id in enumerate(self.ids)}

    @cached_property
    def artist_index(self) -> dict[str, NDArray[np.int32]]:
        """Artist, in lower case → rows of the tracks."""
        return _rows_by_name(self.artists)

    @cached_property
    def tag_index(self) -> dict[str, NDArray[np.int32]]:
        """Tag, in lower case → rows of the tracks that have it."""
        columns = self.tags.tocsc()
        return {
            name.casefold(): columns.indices[columns.indptr[c] : columns.indptr[c + 1]]
            for c, name in enumerate(self.tag_names)
        }

    @cached_property
    def tag_vectors(self) -> sp.csr_matrix:
        """TF-IDF of the tags, rows of length 1 (0 for a track without tags), shape (tracks, tags)."""
        counts = self.tags.copy()
        counts.data = 1 + np.log(counts.data)
        having = np.bincount(self.tags.indices, minlength=len(self.tag_names))
        weighted = sp.csr_matrix(counts.multiply(np.log((1 + len(self)) / (1 + having))), dtype=np.float32)
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sp.csr_matrix(sp.diags_array(1 / np.maximum(length, 1e-9)) @ weighted, dtype=np.float32)

    @cached_property
    def tag_order(self) -> NDArray[np.int32]:
        """The columns of ``tags``, those of each row in order of use, most used first."""
        rows = np.repeat(np.arange(len(self)), np.diff(self.tags.indptr))
        order: NDArray[np.int32] = self.tags.indices[np.lexsort((self.tags.indices, -self.tags.data, rows))]
        return order

    def tags_of(self, row: int, most: int = 5) -> list[str]:
        """Return the tags of a track, most used first."""
        start, end = self.tags.indptr[row], self.tags.indptr[row + 1]
        return [self.tag_names[column] for column in self.tag_order[start : min(start + most, end)].tolist()]

    def similarity(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return how alike tracks are, shape (rows, rows), 0-1: cosine of their tags, 1 for the same artist."""
        vectors = self.tag_vectors[rows]
        alike = np.asarray((vectors @ vectors.T).todense(), dtype=np.float32)
        names = np.array([self.artists[row] for row in rows])
        alike[(names[:, None] == names[None, :]) & (names != "")[:, None]] = 1.0
        return alike

    def save(self, folder: Path) -> None:
        """Write ``catalogue.json.gz``."""
        tags = self.tags
        tracks = [
            [
                self.ids[row],
                self.titles[row],
                self.artists[row],
                tags.indices[tags.indptr[row] : tags.indptr[row + 1]].tolist(),
                tags.data[tags.indptr[row] : tags.indptr[row + 1]].astype(int).tolist(),
            ]
            for row in range(len(self))
        ]
        content = {"tracks": tracks, "tag_names": list(self.tag_names), "features": self.features.shape[1]}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        (folder / CATALOGUE).write_bytes(gzip.compress(text, 9, mtime=0))
        if self.features.size:
            np.save(folder / "features.npy", self.features)

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Read what ``save`` wrote."""
        content: dict[str, Any] = json.loads(gzip.decompress((folder / CATALOGUE).read_bytes()))
        tracks = content["tracks"]
        indptr = np.cumsum([0] + [len(track[3]) for track in tracks])
        indices = np.array([tag for track in tracks for tag in track[3]], dtype=np.int32)
        counts = np.array([count for track in tracks for count in track[4]], dtype=np.float32)
        shape = (len(tracks), len(content["tag_names"]))
        features = (
            np.load(folder / "features.npy") if content["features"] else np.zeros((len(tracks), 0), dtype=np.float32)
        )
        return cls(
            ids=[track[0] for track in tracks],
            titles=[track[1] for track in tracks],
            artists=[track[2] for track in tracks],
            tag_names=content["tag_names"],
            tags=sp.csr_matrix((counts, indices, indptr), shape=shape),
            features=features,
        )


@dataclass(frozen=True)
class Dataset:
    """A catalogue and the plays of its tracks.

    Attributes
    ----------
    catalogue
        The tracks.
    listeners
        Listener ids, one a row of ``plays``; empty if they are not to be known.
    plays : csr_matrix, shape (listeners, tracks)
        How often a listener played a track.
    times : ndarray, shape (stored entries of plays,)
        Time of the last play, 0 where not known.
    taggings : ndarray, shape (taggings, 3)
        Listener (-1 where not known), track and tag of every tag that was given. Only for training: it is not saved.
    """

    catalogue: Catalogue
    listeners: Sequence[str]
    plays: sp.csr_matrix
    times: NDArray[np.float64]
    taggings: NDArray[np.int32]

    @cached_property
    def listener_index(self) -> dict[str, int]:
        """Listener id → row."""
        return {listener: row for row, listener in enumerate(self.listeners)}

    @cached_property
    def audience(self) -> NDArray[np.int64]:
        """How many listeners each track has, shape (tracks,)."""
        return np.bincount(self.plays.indices, minlength=len(self.catalogue))

    def history(self, row: int) -> History:
        """Return what a listener played."""
        part = slice(self.plays.indptr[row], self.plays.indptr[row + 1])
        return History.merge(self.plays.indices[part], self.plays.data[part], self.times[part])

    def histories(self) -> list[History]:
        """Return what every listener played."""
        return [self.history(row) for row in range(self.plays.shape[0])]

    def with_entries(self, keep: NDArray[np.bool_]) -> Dataset:
        """Return the same with only some of the stored plays.

        A tag that a listener gave to a track whose play is left out goes with it, or it would tell of the play.
        """
        rows = np.repeat(np.arange(self.plays.shape[0]), np.diff(self.plays.indptr))
        indptr = np.append(0, np.cumsum(keep))[self.plays.indptr]
        plays = sp.csr_matrix((self.plays.data[keep], self.plays.indices[keep], indptr), shape=self.plays.shape)
        tracks = self.plays.shape[1]
        left_out = rows[~keep].astype(np.int64) * tracks + self.plays.indices[~keep]
        stay = ~np.isin(self.taggings[:, 0].astype(np.int64) * tracks + self.taggings[:, 1], left_out)
        taggings = self.taggings[stay]
        catalogue = replace(self.catalogue, tags=count_tags(taggings, self.catalogue.tags.shape))
        return Dataset(catalogue, self.listeners, plays, self.times[keep], taggings)

    def save(self, folder: Path) -> None:
        """Write ``catalogue.json.gz`` and ``plays.npz``."""
        self.catalogue.save(folder)
        np.savez_compressed(
            folder / PLAYS,
            listeners=np.array(self.listeners, dtype=np.str_),
            counts=np.diff(self.plays.indptr).astype(np.int32),
            tracks=self.plays.indices.astype(np.int32),
            plays=self.plays.data.astype(np.float32),
            times=self.times if self.times.any() else np.zeros(0),
        )

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read what ``save`` wrote."""
        catalogue = Catalogue.load(folder)
        with np.load(folder / PLAYS) as arrays:
            indptr = np.concatenate([[0], np.cumsum(arrays["counts"])])
            shape = (len(indptr) - 1, len(catalogue))
            plays = sp.csr_matrix((arrays["plays"], arrays["tracks"], indptr), shape=shape)
            times = arrays["times"] if arrays["times"].size else np.zeros(plays.nnz)
            return cls(catalogue, arrays["listeners"].tolist(), plays, times, np.zeros((0, 3), dtype=np.int32))


@dataclass(frozen=True)
class History:
    """What one listener played.

    Attributes
    ----------
    tracks : ndarray of int32
        Rows of the catalogue, each once, the one played last at the end.
    plays : ndarray of float32
        How often, > 0.
    """

    tracks: NDArray[np.int32]
    plays: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.tracks)

    def followed_by(self, tracks: NDArray[np.int32]) -> History:
        """Return the history with further tracks, each played once."""
        return History(np.append(self.tracks, tracks), np.append(self.plays, np.ones(len(tracks), np.float32)))

    @classmethod
    def merge(cls, tracks: NDArray[Any], plays: NDArray[Any], times: NDArray[Any]) -> History:
        """Sort plays by time, keeping the given order where times are equal or not known, and add up each track's."""
        order = np.argsort(times, kind="stable")[::-1]
        distinct, last, place = np.unique(np.asarray(tracks)[order], return_index=True, return_inverse=True)
        total = np.bincount(place, weights=np.asarray(plays)[order], minlength=len(distinct))
        by_time = np.argsort(-last, kind="stable")
        return cls(distinct[by_time].astype(np.int32), total[by_time].astype(np.float32))


def count_tags(taggings: NDArray[np.int32], shape: tuple[int, int]) -> sp.csr_matrix:
    """Return how often each tag was given to each track."""
    ones = np.ones(len(taggings), dtype=np.float32)
    counts = sp.coo_matrix((ones, (taggings[:, 1], taggings[:, 2])), shape=shape).tocsr()
    counts.sort_indices()
    return counts


def ordered_tracks(data: Dataset, rng: np.random.Generator) -> list[NDArray[np.int32]]:
    """Return every listener's tracks in order of time; those of equal times have none and are shuffled."""
    found = []
    for start, end in zip(data.plays.indptr[:-1], data.plays.indptr[1:], strict=True):
        order = rng.permutation(end - start)
        order = order[np.argsort(data.times[start:end][order], kind="stable")]
        found.append(data.plays.indices[start:end][order])
    return found


def histories_to_matrix(histories: Sequence[History], tracks: int) -> sp.csr_matrix:
    """Return the plays of some histories as a matrix, shape (histories, tracks)."""
    indptr = np.cumsum([0] + [len(history) for history in histories])
    indices = np.concatenate([history.tracks for history in histories]) if histories else np.zeros(0, np.int32)
    plays = np.concatenate([history.plays for history in histories]) if histories else np.zeros(0, np.float32)
    return sp.csr_matrix((plays, indices, indptr), shape=(len(histories), tracks))


def _rows_by_name(names: Sequence[str]) -> dict[str, NDArray[np.int32]]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name.casefold(), []).append(row)
    return {name: np.array(found, dtype=np.int32) for name, found in rows.items()}
