"""Where the notes of a piece belong in time, and which of them an editor would move there.

A piece that is played loosely throughout is quantised throughout. In a piece that lies on its grid only the strays
move: notes off the grid among neighbours that are on it. What a player means is kept: swing, grace notes and other
ornaments, a figure that comes back the same, notes that leave the grid together, a phase of the whole piece, and a
drift so wide that the file's beats say nothing about the music. A grid that is named is meant: then a loose piece is
quantised even where its notes leave the grid together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import division as grid
from segue.music.division import Division, Grid
from segue.music.piece import Piece
from segue.music.strums import struck_with

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ON_GRID: Final = 0.02
"""Beats within which a note counts as on the grid: 10 ms at 120."""
STRAY: Final = 0.03
"""Beats from the grid at which a single note is worth an edit: 15 ms at 120."""
MEANT: Final = 0.7
"""Nats a note by which a grid must explain the ends of notes for it to be meant; sloppily placed ones reach 0.9."""
FEW: Final = 4
"""Notes that say too little about a grid."""
RARE: Final = 0.02
"""Share of the notes below which a place of the beat is rare in the piece."""
LOOSE_PIECE: Final = 0.6
"""A piece with a smaller share of its notes on the grid is quantised throughout."""
AS_ONE: Final = 0.2
"""Share of the notes off the grid that begin exactly with another; above, chords leave it as one, in free tempo."""
EXACT: Final = 0.0025
"""Beats within which notes begin exactly together."""
CHANCE, SURE = 2.5, 8.0
"""Times as many notes as by chance that leave the grid exactly together, and the standard errors, from which on a piece
is played in free tempo; a sloppily edited one stays below 2.5 and 4."""
TIGHT_COMPANY: Final = 0.7
"""Share of a stray's neighbours in its track that must lie on the grid."""
WIDEST_DRIFT: Final = 0.35
"""Beats of drift that can still be set right; beyond, the playing has left the file's beats behind."""
ROLL_STEP, GRACE = 0.03, 0.15
"""Beats between the notes of a rolled chord at least; beats within which a shorter note leans on the next one."""


@dataclass(frozen=True)
class Timing:
    """What was found.

    Attributes
    ----------
    start, duration
        Where each note belongs, in beats; as it is for a note that stays.
    moved, resized
        Notes whose start, or only whose length, an editor would change.
    target
        Place on the grid of each note, also of one that stays off it.
    off
        Notes that do not lie on the grid.
    phase
        Beats by which each note's grid lies behind the file's.
    grid
        The grid.
    flattened
        True if the playing drifts and is set right.
    loose
        True if the piece is quantised throughout.
    company
        For each note the share of its neighbours that lie on the grid.
    rare
        Notes at a place of the beat that is rare in the piece.
    """

    start: Floats
    duration: Floats
    moved: Mask
    resized: Mask
    target: Floats
    off: Mask
    phase: Floats
    grid: Grid
    flattened: bool
    loose: bool
    company: Floats
    rare: Mask

    @property
    def drift(self) -> float:
        """How far the playing drifts against the file's beats, in beats."""
        return float(np.ptp(self.phase)) if len(self.phase) else 0.0


def find(piece: Piece, division: Division = "auto") -> Timing:
    """Say where the notes of a piece belong; a strum goes with the note that it begins with."""
    first = struck_with(piece)
    alone = first == np.arange(len(piece))
    if alone.all():
        return _find(piece, division)
    row = (np.cumsum(alone) - 1)[first]
    kept = piece.select(alone)
    found = _find(kept, division)
    return replace(
        found,
        start=np.maximum(piece.start + (found.start - kept.start)[row], 0.0),
        duration=np.where(alone, found.duration[row], piece.duration),
        target=piece.start + (found.target - kept.start)[row],
        resized=found.resized[row] & alone,
        **{name: getattr(found, name)[row] for name in ("moved", "off", "phase", "company", "rare")},
    )


def _find(piece: Piece, division: Division) -> Timing:
    phase, slow = grid.drift(piece.start)
    fitted = grid.fit(grid.fold(piece.start - phase), division)
    if phase.any():
        plain = grid.fit(grid.fold(piece.start), division)
        if plain.swing is not None and plain.score > fitted.score:  # swing looks like a phase from afar
            phase, slow, fitted = np.zeros(len(piece)), False, plain
    beats = piece.start - phase
    belongs = grid.place(beats, piece.track, fitted)
    distance = beats - belongs
    tight = np.abs(distance) <= ON_GRID
    loose = bool(len(piece) > FEW and tight.mean() < LOOSE_PIECE and _together(piece, EXACT)[~tight].mean() < AS_ONE)
    loose &= division != "auto" or not _as_one(replace(piece, start=beats), belongs, ~tight)
    company = _company(piece, tight)
    stay = _ornaments(piece, distance)
    if not loose:
        stay |= ~tight & ((company < TIGHT_COMPANY) | _together(piece) | _rolled(piece) | _comes_back(piece, beats))
    steady = _steady(phase) if slow else phase
    flattened = bool(len(piece) and np.ptp(steady) < np.ptp(phase))
    target = belongs + steady
    goal = np.where(stay, piece.start + steady - phase, target)  # what stays off the grid still follows it
    moved = (np.abs(piece.start - goal) > (0.002 if loose else STRAY)) & (target >= 0)
    leaning = _leaning(piece, moved, stay)
    goal = np.where(leaning, piece.start + _of_next(piece, target - piece.start), goal)
    moved |= leaning
    start = np.where(moved, goal, piece.start)
    start = np.maximum(start, 0.0)
    duration, resized = _lengths(piece, start, moved, steady, fitted, loose, division)
    rare = fitted.share_at(belongs) < RARE
    return Timing(
        start, duration, moved, resized & ~moved, target, ~tight, phase, fitted, flattened, loose, company, rare
    )


def strays(piece: Piece, distance: Floats) -> Mask:
    """Say which notes of a piece that lies on its grid stray from it, as ``find`` does, whatever the grid.

    Parameters
    ----------
    piece
        The piece.
    distance : ndarray, shape (notes,)
        Beats of each note from its place.
    """
    tight = np.abs(distance) <= ON_GRID
    meant = (_company(piece, tight) < TIGHT_COMPANY) | _ornaments(piece, distance)
    return ~(tight | meant | _together(piece) | _rolled(piece) | _comes_back(piece, piece.start))


def drift(piece: Piece) -> float:
    """Return by how many beats the playing drifts from the file's, where ``find`` would set that right; else 0."""
    phase, slow = grid.drift(piece.start)
    return float(np.ptp(phase)) if slow and np.ptp(_steady(phase)) < np.ptp(phase) else 0.0


def sloppy(piece: Piece, distance: Floats) -> bool:
    """Say whether a piece is played loosely throughout, in no free tempo; parameters as of ``strays``."""
    off = np.abs(distance) > ON_GRID
    if len(piece) <= FEW or (~off).mean() >= LOOSE_PIECE or _together(piece, EXACT)[off].mean() >= AS_ONE:
        return False
    places = np.stack([np.rint(piece.start * parts) / parts for parts in (3, 4)])
    belongs = np.take_along_axis(places, np.abs(places - piece.start).argmin(axis=0)[None], axis=0)[0]
    return not _as_one(piece, belongs, off)


def _as_one(piece: Piece, belongs: Floats, off: Mask) -> bool:
    """Say whether more notes leave the grid exactly together than would if each strayed on its own."""
    _, place = np.unique(np.rint(belongs * 960), return_inverse=True)
    mates = np.bincount(place)[place] - 1
    reach = max(float(np.sqrt(3 * ((piece.start - belongs)[off] ** 2).mean())), ON_GRID) if off.any() else 1.0
    chance = (1 - (1 - EXACT / reach) ** mates)[off]  # each anywhere within that reach
    seen = float(_together(piece, EXACT)[off].sum())
    error = float(np.sqrt((chance * (1 - chance)).sum() + 1))
    return bool(seen > CHANCE * chance.sum() and seen - chance.sum() > SURE * error)


def _steady(phase: Floats) -> Floats:
    """The phase that the mended piece has: one for all, unless the drift is too wide to be set right."""
    if not len(phase) or np.ptp(phase) == 0:
        return phase
    middle = float(np.median(phase))
    middle = 0.0 if abs(middle) < 0.1 else middle
    return np.full(len(phase), middle) if np.abs(phase - middle).max() <= WIDEST_DRIFT else phase


def _by_track(piece: Piece) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the order of the notes by track, and in that order each one's row and its track's first and last + 1."""
    order = np.lexsort((piece.start, piece.track))
    track = piece.track[order]
    return order, np.arange(len(order)), np.searchsorted(track, track), np.searchsorted(track, track, "right")


def _company(piece: Piece, tight: Mask) -> Floats:
    """Share of the eight nearest notes of the same track that lie on the grid; of four where there are fewer."""
    order, row, first, last = _by_track(piece)
    good = tight[order].astype(float)
    sums = np.concatenate(([0.0], np.cumsum(good)))
    low, high = np.maximum(row - 4, first), np.minimum(row + 5, last)
    share = np.empty(len(order))
    share[order] = (sums[high] - sums[low] - good) / np.maximum(high - low - 1, FEW)
    return share


def _ornaments(piece: Piece, distance: Floats) -> Mask:
    """Notes off the grid that are short and lean on a longer one of their track just after them."""
    order, row, _, last = _by_track(piece)
    following = order[np.minimum(row + 1, len(order) - 1)] if len(order) else order
    found = np.zeros(len(order), bool)
    gap = piece.start[following] - piece.start[order]
    found[order] = (
        (row + 1 < last)
        & (gap > 0.01)
        & (gap < GRACE)
        & (piece.duration[order] < GRACE)
        & (piece.duration[following] > 1.5 * piece.duration[order])
        & (piece.pitch[following] != piece.pitch[order])
        & (np.abs(distance[order]) > ON_GRID)
    )
    return found


def _following(piece: Piece) -> NDArray[np.int64]:
    order, row, _, last = _by_track(piece)
    following = np.empty(len(order), np.int64)
    following[order] = order[np.minimum(row + 1, np.maximum(last - 1, 0))]
    return following


def _leaning(piece: Piece, moved: Mask, stay: Mask) -> Mask:
    """Grace notes whose main note moves: they go along."""
    if not len(piece):
        return moved
    following = _following(piece)
    near = (piece.start[following] - piece.start > 0.01) & (piece.start[following] - piece.start < GRACE)
    return stay & near & (piece.duration < GRACE) & moved[following]


def _of_next(piece: Piece, shift: Floats) -> Floats:
    return shift[_following(piece)] if len(piece) else shift


def _rolled(piece: Piece) -> Mask:
    """Notes of rolled chords: three or more of a track struck in quick order, all up or all down, and held."""
    order, row, _, last = _by_track(piece)
    found = np.zeros(len(order), bool)
    if len(order) < 3:
        return found
    start, step = piece.start[order], np.sign(np.diff(piece.pitch[order]))
    gap = np.diff(start)
    quick = (gap > ROLL_STEP) & (gap < GRACE) & (row[:-1] + 1 < last[:-1]) & (piece.end[order][:-1] > start[1:] + gap)
    twice = quick[:-1] & quick[1:] & (step[:-1] == step[1:]) & (step[1:] != 0)
    for shift in range(3):
        found[order[shift : len(order) - 2 + shift][twice]] = True
    return found


def _together(piece: Piece, within: float = 0.012) -> Mask:
    """Notes that begin within so many beats of another one."""
    times = np.sort(piece.start)
    return np.searchsorted(times, piece.start + within) - np.searchsorted(times, piece.start - within) > 1


def _comes_back(piece: Piece, beats: Floats) -> Mask:
    """Notes of a track that come back with the same pitch at the same place of another beat."""
    key = piece.track * 128 + piece.pitch
    fraction = beats % 1.0
    order = np.lexsort((fraction, key))
    same = (np.diff(key[order]) == 0) & (np.diff(fraction[order]) < 0.004)
    found = np.zeros(len(order), bool)
    found[order[1:]] |= same
    found[order[:-1]] |= same
    return found


def _lengths(
    piece: Piece, start: Floats, moved: Mask, steady: Floats, fitted: Grid, loose: bool, division: Division
) -> tuple[Floats, Mask]:
    """Say how long each note is to last, and which lengths change for their own sake.

    A note that moves takes its end along, unless the ends lie better on the grid where they are. In a piece that is
    quantised throughout the ends are too, where they show that a grid was meant.
    """
    carried = np.where(moved, start + piece.duration, piece.end)
    kept = np.where(piece.end - start > 0.05, piece.end, carried)
    if not moved.any():
        return piece.duration, moved
    fits = [grid.fit(grid.fold(ends - steady), division, fitted.swing, search=False) for ends in (carried, kept)]
    best = int(fits[1].score > fits[0].score + 0.1)
    ends = (carried, kept)[best]
    resized = np.zeros(len(piece), bool)
    if loose and fits[best].score > MEANT:
        belongs = grid.place(ends - steady, piece.track, fits[best]) + steady
        resized = (belongs - start > 0.05) & (np.abs(belongs - ends) > 0.002)
        ends = np.where(resized, belongs, ends)
    return np.where(moved | resized, ends - start, piece.duration), resized
