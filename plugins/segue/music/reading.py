"""A piece as it is read once for all aspects: each part is found when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.cells import Cells, cut
from segue.music.chords import CHANGE_COST, Chords, by_inversion, decode, template_evidence
from segue.music.grid import Grid, find_grid
from segue.music.keys import Keys, find_keys
from segue.music.melody import skyline
from segue.music.meter import BarFinder, accented_bars
from segue.music.piece import Piece
from segue.music.roman import settle_diminished
from segue.music.theory import chord_in_key


class Judged(NamedTuple):
    """What was meant by some notes: the likeliest other pitch, and the probability that its own is right, 0-1."""

    pitch: NDArray[np.int64]
    right: NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What has been found in a piece.

    Attributes
    ----------
    original
        The piece as it came.
    evidence
        What gives the log likelihood of each chord in each cell: templates, or a trained model.
    change_cost
        Cost of a change of chord by metrical level that goes with that evidence (``segue.music.chords.decode``).
    key_weight
        How much the local keys that a first reading suggests say which chords are likely; 0 reads once.
    choose_melody
        What gives the probability that each note of ``pitched`` is of the melody: a trained model; the skyline if None.
    judge_pitches
        What judges some notes, given by their indices, of a piece without drums: a trained model; None judges none.
    find_bars
        What finds the bars where the file's can't be trusted: accents, or a trained model.
    written
        True if the piece came as notation: nobody played it.
    """

    original: Piece
    evidence: Callable[[Cells], NDArray[np.float64]] = template_evidence
    change_cost: tuple[float, float, float, float] = CHANGE_COST
    key_weight: float = 0.0
    choose_melody: Callable[[Reading], NDArray[np.float64]] | None = None
    judge_pitches: Callable[[Piece, NDArray[np.int64]], Judged] | None = None
    find_bars: BarFinder = accented_bars
    written: bool = False

    @cached_property
    def grid(self) -> Grid:
        """Beats and bars."""
        return find_grid(self.original, self.find_bars)

    @cached_property
    def piece(self) -> Piece:
        """The piece with the bars that were found, if the file's were not right."""
        if self.grid.stated:
            return self.original
        meter, *changes = self.grid.meters
        downbeat = float(self.grid.beats[self.grid.downbeats[0]]) % meter.bar_beats
        pickup = (meter,) if downbeat >= 0.5 else ()
        return replace(self.original, meters=(*pickup, meter._replace(beat=downbeat), *changes))

    @cached_property
    def pitched(self) -> Piece:
        """The notes that have a pitch."""
        return self.piece.without_drums()

    @cached_property
    def cells(self) -> Cells:
        """What sounds in each cell of the grid."""
        return cut(self.original, self.grid)

    @cached_property
    def _draft(self) -> tuple[Chords, Keys]:
        """Chords as decoded, and the keys that they suggest."""
        evidence = self.evidence(self.cells)
        found = decode(self.cells, evidence, self.change_cost)
        keys = find_keys(self.cells, found)
        if self.key_weight:
            likely = self.key_weight * chord_in_key()[keys.per_cell()]
            found = decode(self.cells, evidence + likely, self.change_cost)
            keys = find_keys(self.cells, found)
        return found, keys

    @cached_property
    def chords(self) -> Chords:
        """Chords, their diminished sevenths named by where they lead."""
        found, keys = self._draft
        settled = settle_diminished(found.chord.tolist(), keys.per_cell()[found.cell[:-1]].tolist())
        return replace(found, chord=np.array(settled))

    @cached_property
    def inversions(self) -> Chords:
        """The chords, one that changes its bass divided: what numerals are read from."""
        return by_inversion(self.chords, self.cells)

    @cached_property
    def keys(self) -> Keys:
        """The key and the local keys."""
        found, keys = self._draft
        return keys if np.array_equal(found.chord, self.chords.chord) else find_keys(self.cells, self.chords)

    @cached_property
    def melody_probability(self) -> NDArray[np.float64]:
        """Probability that each note of ``pitched`` belongs to the melody; the skyline is sure of itself."""
        return self.choose_melody(self) if self.choose_melody else skyline(self.pitched).astype(np.float64)

    @property
    def melody(self) -> NDArray[np.bool_]:
        """True for each note of ``pitched`` that belongs to the melody."""
        return np.asarray(self.melody_probability >= 0.5)

    def excerpt(self, begin: float, end: float) -> Reading:
        """Return the reading of the notes that begin in a stretch, as parts of this one; nothing is found anew.

        Parameters
        ----------
        begin, end
            In beats; at least one pitched note must begin between them.
        """
        first, last = self._cell_at(np.array([begin, end - 1e-3]))
        cells = self.cells.part(first, last + 1)
        parts = {
            name: piece.select(slice(*np.searchsorted(piece.start, (begin, end))))
            for name, piece in (("original", self.original), ("piece", self.piece), ("pitched", self.pitched))
        }
        part = replace(self, original=parts["original"])
        # These are the names of cached properties, whose values are given here.
        vars(part).update(
            piece=parts["piece"],
            pitched=parts["pitched"],
            grid=self.grid,
            cells=cells,
            chords=self.chords.part(first, last + 1),
            keys=Keys.of(cells, self.keys.posterior[first : last + 1]),
            melody_probability=self.melody_probability[slice(*np.searchsorted(self.pitched.start, (begin, end)))],
        )
        return part

    def key_at(self, beats: NDArray[np.float64]) -> NDArray[np.int64]:
        """Local key at each beat."""
        return self.keys.per_cell()[self._cell_at(beats)]

    def chord_at(self, beats: NDArray[np.float64]) -> NDArray[np.int64]:
        """Chord at each beat."""
        return np.repeat(self.chords.chord, np.diff(self.chords.cell))[self._cell_at(beats)]

    def level_at(self, beats: NDArray[np.float64]) -> NDArray[np.int64]:
        """Metrical level at each beat, as ``Cells`` tells it."""
        return self.cells.level[self._cell_at(beats)]

    def _cell_at(self, beats: NDArray[np.float64]) -> NDArray[np.int64]:
        found = np.searchsorted(self.cells.edges, beats + 1e-6, side="right") - 1
        return np.clip(found, 0, len(self.cells) - 1)
