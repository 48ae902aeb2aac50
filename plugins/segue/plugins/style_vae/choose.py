"""Chooses the accompaniment among its candidates so that the piece gets the figures that are asked for.

First where something begins, so that so many sixteenths are struck; then which notes there, by one number that tells
how full it is (more notes, then longer ones; fewer, then shorter ones) and one that lifts or lowers all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.style_vae.bars import PER_QUARTER, SLOTS, Floats, Ints
from segue.plugins.style_vae.candidates import WRITTEN, Candidates
from segue.plugins.style_vae.source import Source

_ROUNDS: Final = 14
_TILT: Final = 24.0
"""Most that an octave can be favoured over the next."""
_FULLEST: Final = 6
"""Most notes that one slot begins."""
_FAINT: Final = -9.0
"""Logit under which a note is not added to others."""
_SHORTEST: Final = 0.3
"""Least that a length is multiplied by."""
_LONGEST: Final = 8.0
_ALONE: Final = 1.05
"""Notes together above which a melody is no longer alone."""
_KICK: Final = (35, 36, 38, 40)
_DEPTH: Final = np.array([3, 0, 1, 0, 2, 0, 1, 0, 2.5, 0, 1, 0, 2, 0, 1, 0])


@dataclass(frozen=True)
class Chosen:
    """What was chosen.

    Attributes
    ----------
    rows : ndarray of int
        Of the candidates.
    length : ndarray
        Of each, in sixteenths.
    drums : ndarray of int
        Indices of the piece's notes of drums that stay.
    """

    rows: Ints
    length: Floats
    drums: Ints


def choose(source: Source, offer: Candidates, struck: float, together: float, pitch: float) -> Chosen:
    """Choose notes.

    Parameters
    ----------
    source
        The piece.
    offer
        What to choose from.
    struck, together, pitch
        Share of the sixteenths in which something is to begin; notes that are to sound together; mean pitch.
    """
    alone = not len(source.notes) and together > _ALONE
    slots, drums = _places(source, offer, struck, alone)
    offer_rows = np.flatnonzero(slots[offer.place])
    if not len(offer_rows):
        return Chosen(offer_rows, offer.length[offer_rows], drums)
    table = _Table(source, offer, offer_rows)
    low, high = -_TILT, _TILT
    chosen = table.fill(0.0, together)
    for _ in range(_ROUNDS):
        tilt = (low + high) / 2
        chosen = table.fill(tilt, together)
        if table.mean_pitch(*chosen) < pitch:
            low = tilt
        else:
            high = tilt
    return Chosen(*chosen, drums)


def _places(source: Source, offer: Candidates, struck: float, alone: bool) -> tuple[NDArray[np.bool_], Ints]:
    """Return for each slot of all blocks whether the accompaniment may begin there, and the drums that stay."""
    count = len(source.blocks) * SLOTS
    best = np.full(count, -np.inf)
    np.maximum.at(best, offer.place, offer.score)
    fixed = source.blocks.struck.reshape(-1)
    block, slot, _ = source.timeline.place_of(source.piece.start[source.drums])
    drum_place = block * SLOTS + slot
    weight = _DEPTH[source.blocks.place.reshape(-1)[drum_place]]
    weight = weight + 2.0 * np.isin(source.piece.pitch[source.drums], _KICK)
    drum = np.full(count, -np.inf)
    np.maximum.at(drum, drum_place, weight)
    anchor = _anchors(source, best, fixed, alone)
    free = ~fixed & ~anchor
    worth = np.sort(np.maximum(best, drum)[free])[::-1]
    total = int(source.blocks.slots[_sounding(source)].sum())
    wanted = round(struck * total) - int((fixed | anchor).sum())
    wanted = int(np.clip(wanted, 0, np.isfinite(worth).sum()))
    least = worth[wanted - 1] if wanted else np.inf
    return (best >= least) & np.isfinite(best) | anchor, source.drums[(weight >= least) | fixed[drum_place]]


def _sounding(source: Source) -> NDArray[np.bool_]:
    """Mark the blocks in which something begins."""
    found = np.zeros(len(source.blocks), bool)
    found[source.timeline.place_of(source.piece.start)[0]] = True
    return found


def _anchors(source: Source, best: Floats, fixed: NDArray[np.bool_], alone: bool) -> NDArray[np.bool_]:
    """Mark one slot in each block that is accompanied: with the melody where it strikes, else the best.

    A melody that is alone and is to be so no longer gets one in each block in which it sounds.
    """
    worth = np.where(fixed, best + 100.0, best).reshape(-1, SLOTS)
    found = np.zeros(worth.shape, bool)
    rows = np.flatnonzero(_sounding(source)) if alone else np.unique(source.notes.block)
    found[rows, worth[rows].argmax(1)] = True
    return found.reshape(-1)


class _Table:
    """The candidates of the slots that were chosen, ready to be tried out."""

    def __init__(self, source: Source, offer: Candidates, rows: Ints) -> None:
        self.rows, self.score, self.octave = rows, offer.score[rows], offer.octave[rows]
        self.place, self.pitch, self.length = offer.place[rows], offer.pitch[rows], offer.length[rows]
        timeline, piece = source.timeline, source.piece
        self.start = timeline.start[offer.block[rows]] + offer.slot[rows] / PER_QUARTER
        own = offer.note[rows] != WRITTEN
        self.start[own] = timeline.to_quarters(piece.start[offer.note[rows][own]])
        self.room = np.maximum((source.chord_end.reshape(-1)[self.place] - self.start) * PER_QUARTER, 1.0)
        tune = piece.select(source.melody)
        self.tune_start, self.tune_end = timeline.to_quarters(tune.start), timeline.to_quarters(tune.end)
        self.tune_pitch = tune.pitch

    def fill(self, tilt: float, together: float) -> tuple[Ints, Floats]:
        """Choose so that so many notes sound together; returns rows of the candidates and lengths in sixteenths."""
        order = self._ranked(tilt)
        low, high = 0.0, 3.0
        for _ in range(_ROUNDS):
            fullness = (low + high) / 2
            picked, length = self._at(order, fullness)
            if self._together(picked, length) < together:
                low = fullness
            else:
                high = fullness
        picked, length = self._at(order, high)
        return self.rows[picked], length

    def _ranked(self, tilt: float) -> tuple[Ints, Ints]:
        """Return the best candidate of each slot, and the others in the order in which they would be added."""
        score = self.score + tilt * (self.octave - 2)
        order = np.lexsort((-score, self.place))
        place = self.place[order]
        first = np.r_[True, np.diff(place) > 0]
        rank = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        others = order[~first & (rank < _FULLEST) & (self.score[order] > _FAINT)]
        return order[first], others[np.argsort(-score[others], kind="stable")]

    def _at(self, order: tuple[Ints, Ints], fullness: float) -> tuple[Ints, Floats]:
        """Return candidates and lengths: from 0 to 1 lengths grow, to 2 notes are added, to 3 lengths grow again."""
        best, others = order
        extra = others[: round(np.clip(fullness - 1, 0, 1) * len(others))]
        picked = np.concatenate([best, extra])
        length = self.length[picked]
        if fullness < 1:
            length = length * (_SHORTEST + (1 - _SHORTEST) * fullness)
        elif fullness > 2:
            grown = np.minimum(length * _LONGEST ** (fullness - 2), np.maximum(self.room[picked], length))
            length = grown
        return picked, self._trimmed(picked, length)

    def _trimmed(self, picked: Ints, length: Floats) -> Floats:
        """End each note where its pitch is struck again."""
        start, pitch = self.start[picked], self.pitch[picked]
        order = np.lexsort((start, pitch))
        gap = np.full(len(order), np.inf)
        same = pitch[order][1:] == pitch[order][:-1]
        gap[:-1] = np.where(same, np.diff(start[order]), np.inf)
        found = length.copy()
        found[order] = np.minimum(length[order], np.maximum(gap * PER_QUARTER, 0.25))
        return found

    def _together(self, picked: Ints, length: Floats) -> float:
        start = np.r_[self.tune_start, self.start[picked]]
        end = np.r_[self.tune_end, self.start[picked] + length / PER_QUARTER]
        moments = np.r_[start, end]
        order = np.argsort(moments, kind="stable")
        sounding = np.cumsum(np.r_[np.ones(len(start)), -np.ones(len(start))][order])[:-1]
        heard = np.diff(moments[order])[sounding > 0].sum()
        return float((end - start).sum() / max(heard, 1e-9))

    def mean_pitch(self, rows: Ints, length: Floats) -> float:
        """Return the mean pitch of melody and accompaniment, weighted by length."""
        at = np.searchsorted(self.rows, rows)
        tune = (self.tune_end - self.tune_start) * PER_QUARTER
        total = (self.pitch[at] * length).sum() + (self.tune_pitch * tune).sum()
        return float(total / (length.sum() + tune.sum()))
