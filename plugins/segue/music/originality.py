"""How far a piece repeats others: an index of short patterns of interval and rhythm.

A line is a track's melody, or the upper and lower edge of a track with chords. A pattern is five steps of a line, each
an interval and how the time to the next note changes; so transposition and tempo make no difference. Two lines share
a run where patterns agree one after the other.

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
from segue.music.piece import Piece

_STEPS: Final = 5
_TOGETHER: Final = 0.05
_WIDEST: Final = 12
_MOST_LINES: Final = 32
_COMMONPLACE: Final = 64
_COPIED_NOTES: Final = 9
_SAME_WORK: Final = 0.5
_GAP: Final = 16


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
        Number of a piece in the index, similarity 0-1 and longest run with it, the most similar first.
    """

    copied_fraction: float
    longest_run: int
    human_percentile: float
    sources: Sequence[tuple[int, float, int]]


def lines(piece: Piece) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return pitch and start of the notes of each line of a piece, drums left out, at most 32 lines."""
    found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    for index, info in enumerate(piece.tracks):
        own = piece.track == index
        if info.drums or own.sum() <= _STEPS or len(found) >= _MOST_LINES:
            continue
        start, pitch = piece.start[own], piece.pitch[own]
        struck = np.r_[True, np.diff(start) > _TOGETHER]
        first = np.flatnonzero(struck)
        edges = [np.maximum.reduceat(pitch, first), np.minimum.reduceat(pitch, first)]
        chords = len(first) < 0.9 * len(pitch)
        found += [(edge, start[first]) for edge in edges[: 1 + chords] if len(edge) > _STEPS]
    return found


def _patterns(pitch: NDArray[np.int64], start: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return a hash of the pattern that begins at each note, and whether it says anything."""
    gaps = np.diff(start)
    ratio = np.clip(np.rint(2 * np.log2(np.r_[gaps[1:] / np.maximum(gaps[:-1], 1e-3), 1.0])), -4, 4)
    steps = (np.clip(np.diff(pitch), -_WIDEST, _WIDEST) + _WIDEST) * 9 + ratio.astype(np.int64) + 4
    windows = np.lib.stride_tricks.sliding_window_view(steps, _STEPS)
    hashed = np.zeros(len(windows), np.uint64)
    for column in range(_STEPS):
        # The last ratio reaches to a note behind the pattern, so it does not count.
        value = windows[:, column] if column < _STEPS - 1 else windows[:, column] // 9
        hashed = (hashed ^ value.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    telling = (np.ptp(windows, axis=1) > 0) & (np.ptp(windows // 9, axis=1) > 0)
    return (hashed >> np.uint64(16)).astype(np.uint32), telling


def _all_patterns(
    pieces: Sequence[Piece],
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return hash, position and piece of each telling pattern, and how many notes the lines of each piece have."""
    hashes, positions, owners, notes = [np.zeros(0, np.uint32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    offset = 0
    for number, piece in enumerate(pieces):
        total = 0
        for pitch, start in lines(piece):
            hashed, telling = _patterns(pitch, start)
            hashes.append(hashed[telling])
            positions.append(offset + np.flatnonzero(telling))
            owners.append(np.full(int(telling.sum()), number))
            offset += len(pitch) + _GAP  # no run goes on from one line to the next
            total += len(pitch)
        notes.append(total)
    return np.concatenate(hashes), np.concatenate(positions), np.concatenate(owners), np.array(notes, np.int64)


class _Matches(NamedTuple):
    """Patterns of a piece that are in the index too.

    How often each pattern of the piece is in the index; then for each match: the number of the pattern, its place, the
    piece of the index that has it, and the notes of the run that it stands in.
    """

    counts: NDArray[np.int64]
    asked: NDArray[np.int64]
    place: NDArray[np.int64]
    owner: NDArray[np.int64]
    runs: NDArray[np.int64]

    def copied_shares(self, notes: int, pieces: int) -> NDArray[np.float64]:
        """Share of so many notes that stand in long runs shared with each of so many pieces, shape (pieces,)."""
        far = self.runs >= _COPIED_NOTES
        return np.minimum(_copied(self.place[far], self.owner[far], pieces) / max(notes, 1), 1.0)


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
    """

    def __init__(
        self,
        titles: Sequence[str],
        hashes: NDArray[np.uint32],
        positions: NDArray[np.int64],
        owners: NDArray[np.int64],
        human: NDArray[np.float64],
    ) -> None:
        self.titles = list(titles)
        self._hashes, self._positions, self._owners, self._human = hashes, positions, owners, human

    @classmethod
    def build(cls, pieces: Sequence[Piece], titles: Sequence[str]) -> OriginalityIndex:
        """Index pieces, and measure how far each copies others.

        Two pieces of which one has half its notes or more from the other are versions of one work: those are no others.
        """
        hashes, positions, owners, notes = _all_patterns(pieces)
        order = np.argsort(hashes, kind="stable")
        index = cls(titles, hashes[order], positions[order], owners[order], np.zeros(0))
        human = []
        for number in range(len(pieces)):
            own = owners == number
            shares = index._copied_shares(hashes[own], positions[own], int(notes[number]))
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
            begin, length = int(place.min()), int(np.ptp(place)) + 1 + _STEPS
            if length < notes:
                continue
            versions = self._copied_shares(self._hashes[own], place, length) >= _SAME_WORK
            at = begin + int(rng.integers(length - notes + 1))
            inside = (place >= at) & (place + _STEPS < at + notes)
            shares = self._copied_shares(self._hashes[own][inside], place[inside], notes)
            copied.append(shares[~versions].max(initial=0.0))
        return np.sort(np.array(copied))

    def _matches(self, hashes: NDArray[np.uint32], places: NDArray[np.int64]) -> _Matches:
        """Find the patterns that are in the index too."""
        left, right = (np.searchsorted(self._hashes, hashes, side) for side in ("left", "right"))
        counts = right - left
        count = np.where(counts > _COMMONPLACE, 0, counts)
        asked = np.repeat(np.arange(len(hashes)), count)
        row = np.repeat(left - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(count.sum())
        place = places[asked]
        runs = _runs(self._positions[row] - place, place) if len(row) else asked
        return _Matches(counts, asked, place, self._owners[row], runs)

    def _copied_shares(self, hashes: NDArray[np.uint32], places: NDArray[np.int64], notes: int) -> NDArray[np.float64]:
        """Share of so many notes that stand in long runs shared with each piece of the index, shape (pieces,)."""
        return self._matches(hashes, places).copied_shares(notes, len(self.titles))

    def save(self, path: Path) -> None:
        """Write the index as one safetensors file."""
        arrays = {
            "hashes": self._hashes,
            "positions": self._positions.astype(np.uint32),
            "owners": self._owners.astype(np.uint16 if len(self.titles) < 1 << 16 else np.uint32),
            "human": self._human.astype(np.float32),
        }
        path.write_bytes(save(arrays, {"titles": json.dumps(self.titles)}))

    @classmethod
    def load(cls, path: Path) -> OriginalityIndex:
        """Read what ``save`` wrote."""
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in ("hashes", "positions", "owners", "human")}
            titles = json.loads(file.metadata()["titles"])
        return cls(
            titles,
            arrays["hashes"],
            arrays["positions"].astype(np.int64),
            arrays["owners"].astype(np.int64),
            arrays["human"].astype(np.float64),
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
        hashes, places, _, notes = _all_patterns([piece])
        found = self._matches(hashes, places)
        if not len(found.asked):
            return Likeness(0.0, 0, 0.0, ())
        similarity = _similarities(found.owner, found.asked, 1 / (1.0 + found.counts), len(self.titles))
        longest = np.zeros(len(self.titles), np.int64)
        np.maximum.at(longest, found.owner, found.runs)
        nearest = [int(n) for n in np.argsort(-similarity, kind="stable")[:most] if similarity[n] > 0]
        fraction = float(found.copied_shares(int(notes[0]), len(self.titles)).max())
        percentile = float(np.searchsorted(self._human, fraction, side="left") / max(len(self._human), 1))
        sources = [(n, float(similarity[n]), int(longest[n])) for n in nearest]
        return Likeness(fraction, int(longest.max()), percentile, sources)


def _runs(diagonal: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each match, the notes of the run it stands in: matches at one distance, one place after the other.

    Patterns that say nothing are not in the index; a hole of up to two places does not end a run.
    """
    order = np.lexsort((place, diagonal))
    breaks = (np.diff(diagonal[order]) != 0) | (np.diff(place[order]) > 3)
    run = np.r_[0, np.cumsum(breaks)]
    ordered = place[order]
    first, last = np.full(run[-1] + 1, np.iinfo(np.int64).max), np.zeros(run[-1] + 1, np.int64)
    np.minimum.at(first, run, ordered)
    np.maximum.at(last, run, ordered)
    lengths = np.empty(len(place), np.int64)
    lengths[order] = (last - first + 1 + _STEPS)[run]
    return lengths


def _similarities(
    owner: NDArray[np.int64], asked: NDArray[np.int64], rarity: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Share of the piece's patterns that each source has too, rare ones counting more."""
    pairs = np.unique(owner * len(rarity) + asked)
    shared = np.bincount(pairs // len(rarity), rarity[pairs % len(rarity)], count)
    return np.asarray(shared / rarity.sum())


def _copied(place: NDArray[np.int64], owner: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Notes of the patterns at some places, by the piece that they are shared with; shape (count,)."""
    span = np.arange(_STEPS + 1)
    notes = np.unique((owner[:, None] << 32) + (place[:, None] + span))
    return np.bincount(notes >> 32, minlength=count)
