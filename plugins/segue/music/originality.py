"""How far a piece repeats others: an index of short patterns of interval and rhythm.

Two lines share a run where patterns (``segue.music.patterns``) agree one after the other; patterns that are found in
more than 64 places say nothing.

References
----------
Z. Yin, F. Reuben, S. Stepney and T. Collins, "Deep learning's shallow gains: a comparative evaluation of algorithms
for automatic music generation", Machine Learning, 2023: the originality report and its human baseline.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save
from segue.music.patterns import STEPS, Patterns, patterns_of
from segue.music.piece import Piece

_COMMONPLACE: Final = 64
_COPIED_NOTES: Final = 9
_SAME_WORK: Final = 0.5
_PARTS_OF_BEAT: Final = 24
"""Starts are kept in so many parts of a beat."""


class Source(NamedTuple):
    """A known piece that another is like.

    Its number in the index, similarity 0-1, notes of the longest run in common, and from which beat to which that is:
    in the piece that was asked about (with its track there), and in the known one, where the index tells.
    """

    number: int
    similarity: float
    longest_run: int
    track: int
    here: tuple[float, float]
    there: tuple[float, float] | None


@dataclass(frozen=True)
class Likeness:
    """How a piece is like those of an index.

    Attributes
    ----------
    copied_fraction
        Share of the notes of its lines that stand in runs of nine notes or more shared with one other piece, 0-1.
    longest_run
        Notes of the longest run shared with one other piece.
    human_percentile
        Share of the index's own pieces that copy less from others, 0-1.
    sources
        Known pieces, the most similar first; the one that the longest run is shared with is always among them.
    """

    copied_fraction: float
    longest_run: int
    human_percentile: float
    sources: Sequence[Source]


class OriginalityIndex:
    """Patterns of many pieces, sorted by hash.

    Parameters
    ----------
    titles
        Title of each piece.
    hashes, positions, owners
        Of each pattern: its hash, ascending; where it is in all lines laid end to end; the number of its piece.
    human
        Copied fraction of each piece against all others but versions of itself, ascending.
    starts
        Start in beats of the note at each place of all lines laid end to end; None in an index that does not tell.
    """

    def __init__(
        self,
        titles: Sequence[str],
        hashes: NDArray[np.uint32],
        positions: NDArray[np.int64],
        owners: NDArray[np.int64],
        human: NDArray[np.float64],
        starts: NDArray[np.float64] | None = None,
    ) -> None:
        self._starts = starts
        self.titles = list(titles)
        self._hashes, self._positions, self._owners, self._human = hashes, positions, owners, human

    @classmethod
    def build(cls, pieces: Sequence[Piece], titles: Sequence[str]) -> OriginalityIndex:
        """Index pieces, and measure how far each copies others.

        Two pieces of which one has half its notes or more from the other are versions of one work: those are no others.
        """
        found = patterns_of(pieces)
        order = np.argsort(found.hashes, kind="stable")
        hashes, positions, owners = found.hashes[order], found.positions[order], found.owners[order]
        index = cls(titles, hashes, positions, owners, np.zeros(0), found.start)
        human = []
        for number in range(len(pieces)):
            own = found.owners == number
            places = found.positions[own]
            shares = index._copied_shares(
                index._matches(found.hashes[own], places), places, int(found.notes[number]), found.note
            )
            human.append(shares[shares < _SAME_WORK].max(initial=0.0))
        index._human = np.sort(np.array(human))
        return index

    def human_excerpts(self, notes: int, seed: int = 0) -> NDArray[np.float64]:
        """Measure how far excerpts of the index's own pieces copy others, versions of themselves left out.

        Parameters
        ----------
        notes
            Notes of an excerpt.
        seed
            Of where excerpts begin.

        Returns
        -------
        ndarray, shape (pieces,)
            Copied fraction of one excerpt of each piece that is long enough, ascending.
        """
        rng = np.random.default_rng(seed)
        copied = []
        for number in range(len(self.titles)):
            own = np.flatnonzero(self._owners == number)
            if not len(own):
                continue
            place = self._positions[own]
            begin, length = int(place.min()), int(np.ptp(place)) + 1 + STEPS
            if length < notes:
                continue
            versions = self._copied_shares(self._matches(self._hashes[own], place), place, length) >= _SAME_WORK
            at = begin + int(rng.integers(length - notes + 1))
            inside = (place >= at) & (place + STEPS < at + notes)
            shares = self._copied_shares(self._matches(self._hashes[own][inside], place[inside]), place[inside], notes)
            copied.append(shares[~versions].max(initial=0.0))
        return np.sort(np.array(copied))

    def _matches(self, hashes: NDArray[np.uint32], places: NDArray[np.int64]) -> _Matches:
        """Find each place of the index at which a pattern stands that is asked about."""
        left, right = (np.searchsorted(self._hashes, hashes, side) for side in ("left", "right"))
        counts = right - left
        count = np.where(counts > _COMMONPLACE, 0, counts)
        asked = np.repeat(np.arange(len(hashes)), count)
        row = np.repeat(left - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(count.sum())
        if not len(row):
            return _Matches(counts, asked, asked, asked, asked, asked)
        place = places[asked]
        diagonal = self._positions[row] - place
        return _Matches(counts, asked, self._owners[row], diagonal, *_runs(diagonal, place))

    def _copied_shares(
        self, found: _Matches, places: NDArray[np.int64], notes: int, note: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Share of so many notes that stand in long runs shared with each piece of the index, shape (pieces,).

        ``note`` is the number of the note at each place; each place has its own if it is None.
        """
        far = found.run >= _COPIED_NOTES
        place = places[found.asked[far]][:, None] + np.arange(STEPS + 1)
        copied = _copied(place if note is None else note[place], found.owner[far], len(self.titles))
        return np.minimum(copied / max(notes, 1), 1.0)

    def save(self, path: Path) -> None:
        """Write the index as one safetensors file."""
        arrays = {
            "hashes": self._hashes,
            "positions": self._positions.astype(np.uint32),
            "owners": self._owners.astype(np.uint16 if len(self.titles) < 1 << 16 else np.uint32),
            "human": self._human.astype(np.float32),
        }
        if self._starts is not None:
            parts = np.rint(np.minimum(self._starts * _PARTS_OF_BEAT, np.iinfo(np.uint16).max))
            arrays["starts"] = parts.astype(np.uint16)
        path.write_bytes(save(arrays, {"titles": json.dumps(self.titles)}))

    @classmethod
    def load(cls, path: Path) -> OriginalityIndex:
        """Read what ``save`` wrote."""
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            titles = json.loads(file.metadata()["titles"])
        return cls(
            titles,
            arrays["hashes"],
            arrays["positions"].astype(np.int64),
            arrays["owners"].astype(np.int64),
            arrays["human"].astype(np.float64),
            arrays["starts"] / _PARTS_OF_BEAT if "starts" in arrays else None,
        )

    def compare(self, piece: Piece, most: int = 5) -> Likeness:
        """Compare a piece with all pieces of the index.

        Parameters
        ----------
        piece
            Any piece; what has no line of six notes is like nothing.
        most
            How many sources to name.
        """
        own = patterns_of([piece])
        found = self._matches(own.hashes, own.positions)
        if not len(found.asked):
            return Likeness(0.0, 0, 0.0, ())
        similarity = _similarities(found.owner, found.asked, 1 / (1.0 + found.counts), len(self.titles))
        longest = np.zeros(len(self.titles), np.int64)
        np.maximum.at(longest, found.owner, found.run)
        nearest = [int(n) for n in np.argsort(-similarity, kind="stable")[:most] if similarity[n] > 0]
        if (copied := int(longest.argmax())) not in nearest and longest[copied] >= _COPIED_NOTES:
            nearest = [*nearest[: most - 1], copied]
        fraction = float(self._copied_shares(found, own.positions, int(own.notes[0]), own.note).max())
        percentile = float(np.searchsorted(self._human, fraction, side="left") / max(len(self._human), 1))
        sources = [self._source(own, found, n, float(similarity[n])) for n in nearest]
        return Likeness(fraction, int(longest.max()), percentile, sources)

    def _source(self, own: Patterns, found: _Matches, number: int, similarity: float) -> Source:
        """Say where the longest run that a piece shares with a known one is in both."""
        rows = np.flatnonzero(found.owner == number)
        row = rows[int(found.run[rows].argmax())]
        first, length = int(found.first[row]), int(found.run[row])
        there, last = first + int(found.diagonal[row]), first + length - 1
        known = None
        if self._starts is not None:
            known = (float(self._starts[there]), float(self._starts[there + length - 1]))
        track, here = int(own.track[first]), (float(own.start[first]), float(own.start[last]))
        return Source(number, similarity, length, track, here, known)


class _Matches(NamedTuple):
    """How often each pattern that was asked about is in the index, and its matches there.

    Of each match: the number of the pattern, the known piece, the places' distance, its run's notes and begin.
    """

    counts: NDArray[np.int64]
    asked: NDArray[np.int64]
    owner: NDArray[np.int64]
    diagonal: NDArray[np.int64]
    run: NDArray[np.int64]
    first: NDArray[np.int64]


def _runs(diagonal: NDArray[np.int64], place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each match, the notes of the run it stands in, and where that begins.

    A run is of matches at one distance, one place after the other.

    Patterns that say nothing are not in the index; a hole of up to two places does not end a run.
    """
    order = np.lexsort((place, diagonal))
    breaks = (np.diff(diagonal[order]) != 0) | (np.diff(place[order]) > 3)
    run = np.r_[0, np.cumsum(breaks)]
    ordered = place[order]
    first, last = np.full(run[-1] + 1, np.iinfo(np.int64).max), np.zeros(run[-1] + 1, np.int64)
    np.minimum.at(first, run, ordered)
    np.maximum.at(last, run, ordered)
    lengths, begins = np.empty(len(place), np.int64), np.empty(len(place), np.int64)
    lengths[order], begins[order] = (last - first + 1 + STEPS)[run], first[run]
    return lengths, begins


def _similarities(
    owner: NDArray[np.int64], asked: NDArray[np.int64], rarity: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Share of the piece's patterns that each source has too, rare ones counting more."""
    pairs = np.unique(owner * len(rarity) + asked)
    shared = np.bincount(pairs // len(rarity), rarity[pairs % len(rarity)], count)
    return np.asarray(shared / rarity.sum())


def _copied(notes: NDArray[np.int64], owner: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Count different notes, given as rows, by the piece that they are shared with; shape (count,)."""
    return np.bincount(np.unique((owner[:, None] << 32) + notes) >> 32, minlength=count)
