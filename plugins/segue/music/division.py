"""The grid that a piece was meant for: its phase, its drift, its subdivisions, its swing and how loosely it is played.

Times are beats. A piece is folded to one beat and explained by a mixture: positions of the beat, simple ones more
probable, each hit tightly or loosely. The mixture is fitted by expectation maximisation; the way the playing drifts
against the grid, and whether a beat of a track is divided by two or by three, are found by dynamic programming.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Division = Literal["auto", "eighth", "sixteenth", "triplet"]

BINS: Final = 480
TIGHTEST, TIGHT, LESS_TIGHT = 0.002, 0.005, 0.012
"""Standard deviation in beats of the well placed notes: least, expected, most; 0.002 is 1 ms at 120."""
LOOSEST: Final = 0.12
PRIOR: Final[dict[float, float]] = {
    0.0: 0.45, 1 / 2: 0.25, 1 / 4: 0.1, 3 / 4: 0.12, 1 / 3: 0.012, 2 / 3: 0.02,
    1 / 6: 0.0008, 5 / 6: 0.0008, 1 / 8: 0.0004, 3 / 8: 0.0004, 5 / 8: 0.0004, 7 / 8: 0.0004,
}  # fmt: skip
"""Probability of a note on each position of a beat, before the piece is heard."""
FREE: Final = 0.02
"""Share of notes that follow no grid: ornaments, rubato."""
DRIFT_STEPS: Final = 48
_AROUND: Final = 12
_JUMP, _TO_AND_FRO, _FELT = 0.05, 3.0, 0.15


@dataclass(frozen=True)
class Grid:
    """A fitted grid.

    Attributes
    ----------
    positions, shares
        Places in a beat, ascending from 0, and the share of the notes that each holds.
    tight
        Standard deviation in beats of the well placed notes.
    loose, loose_share
        Reach in beats of the loosely placed notes, about their largest distance, and their share, 0-1.
    swing
        Place of the second eighth where it swings, else None.
    score
        Log-likelihood of a note, mean, in nats; 0 is what a piece without any grid gets.
    """

    positions: Floats
    shares: Floats
    tight: float
    loose: float
    loose_share: float
    swing: float | None
    score: float

    def share_of(self, position: float | None) -> float:
        """Share of the notes that one of the positions holds."""
        return float(self.shares[self.positions == position].sum())

    def share_at(self, beats: Floats) -> Floats:
        """Share of the notes that the grid place at each time holds."""
        distance = np.abs(_around(beats[:, None] - self.positions))
        return np.asarray(self.shares[distance.argmin(axis=1)])

    def log_density(self, offset: Floats) -> Floats:
        """Log-density of notes at signed distances in beats from where they belong."""
        tight, loose = _tight(offset, self.tight), _loose(offset, self.loose)
        return np.asarray(np.log((1 - self.loose_share) * tight + self.loose_share * loose + 1e-9))


def _tight(offset: Floats, deviation: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (offset / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi)))


def _loose(offset: Floats, reach: float) -> Floats:
    """Flat in the middle and steep at the edge: a player who aims at a note rarely lands half-way to the next."""
    return np.asarray(np.exp(-((offset / reach) ** 4)) / (1.8128 * reach))


def fold(beats: Floats) -> Floats:
    """Histogram of times over one beat, shape (BINS,)."""
    return np.bincount(np.rint(beats * BINS).astype(np.int64) % BINS, minlength=BINS).astype(np.float64)


def _around(offset: Floats) -> Floats:
    """Signed distance on a circle of one beat, in [-0.5, 0.5)."""
    return np.asarray((offset + 0.5) % 1.0 - 0.5)


def fit(histogram: Floats, division: Division = "auto", swing: float | None = None, *, search: bool = True) -> Grid:
    """Fit positions, looseness and swing to a folded piece.

    Parameters
    ----------
    histogram
        From ``fold``.
    division
        ``"auto"`` weighs all positions; another name allows only its own.
    swing
        Place of the second eighth to take.
    search
        Whether to look for one, where none is given, in ``"auto"``.
    """
    positions, prior = _positions(division, swing)
    grid = _expectation_maximisation(histogram, positions, prior, swing)
    if search and swing is None and division == "auto" and histogram.sum() >= 16:
        other = np.abs(positions - 5 / 8) > 1e-6  # the place that swing would take
        straight = _expectation_maximisation(histogram, positions[other], prior[other], None)
        swung = max((fit(histogram, division, place) for place in np.arange(0.56, 0.72, 0.02)), key=lambda g: g.score)
        gain = (swung.score - straight.score) * histogram.sum()
        if gain > 6 + 0.02 * histogram.sum() and swung.share_of(swung.swing) > swung.share_of(0.5):
            return swung
    return grid


def _positions(division: Division, swing: float | None) -> tuple[Floats, Floats]:
    prior = dict(PRIOR)
    if division == "eighth":
        prior = {place: PRIOR[place] for place in (0.0, 0.5)}
    elif division == "sixteenth":
        prior = {place: PRIOR[place] for place in (0.0, 0.25, 0.5, 0.75)}
    elif division == "triplet":
        prior = {place: PRIOR[place] for place in (0.0, 1 / 3, 2 / 3)}
    if swing is not None:
        prior.pop(2 / 3, None)
        prior[float(swing)] = 0.1
    places = np.array(sorted(prior))
    weights = np.array([prior[place] for place in places.tolist()])
    return places, weights / weights.sum()


def _expectation_maximisation(histogram: Floats, positions: Floats, prior: Floats, swing: float | None) -> Grid:
    total = max(histogram.sum(), 1.0)
    struck = np.flatnonzero(histogram)
    histogram = histogram[struck]
    offsets = _around(struck[:, None] / BINS - positions)  # (bins, positions)
    shares, tight, loose, loose_share = prior.copy(), TIGHT, 0.08, 0.3
    strength = 4.0 + 0.05 * total
    density = np.ones(len(struck))
    for _ in range(20):
        firm = (1 - loose_share) * shares * _tight(offsets, tight)
        slack = loose_share * shares * _loose(offsets, loose)
        density = (1 - FREE) * (firm + slack).sum(axis=1) + FREE
        weight = (histogram * (1 - FREE) / density)[:, None]
        firm, slack = firm * weight, slack * weight
        counts = (firm + slack).sum(axis=0) + strength * prior
        shares = counts / counts.sum()
        loose_share = float(np.clip((slack.sum() + 0.3) / (firm.sum() + slack.sum() + 1.0), 0.005, 0.995))
        square = ((firm * offsets**2).sum() + 5 * TIGHT**2) / (firm.sum() + 5)
        tight = float(np.clip(np.sqrt(square), TIGHTEST, LESS_TIGHT))
        fourth = 4 * ((slack * offsets**4).sum() + 2 * 0.06**4) / (slack.sum() + 2)
        loose = float(np.clip(fourth**0.25, 0.025, LOOSEST))
    return Grid(positions, shares, tight, loose, loose_share, swing, float(histogram @ np.log(density) / total))


@lru_cache(maxsize=1)
def _phase_tables() -> list[Floats]:
    """Log-density of bin b under a grid shifted by p bins, each of shape (BINS, BINS): [b, p], from tight to loose."""
    places = np.array([place for place, share in PRIOR.items() if share > 0.01])
    weights = np.array([share for share in PRIOR.values() if share > 0.01])
    offsets = _around(np.arange(BINS)[:, None] / BINS - places)
    shifted = (np.arange(BINS)[:, None] - np.arange(BINS)) % BINS
    kernels = (_tight(offsets, 0.01), _loose(offsets, 0.05), _loose(offsets, 0.1))
    return [np.log(0.9 * kernel @ (weights / weights.sum()) + 0.1)[shifted] for kernel in kernels]


def drift(beats: Floats) -> tuple[Floats, bool]:
    """Follow how the playing lies against the file's beats.

    Parameters
    ----------
    beats
        Times of notes, ascending.

    Returns
    -------
    phase : ndarray, shape (notes,)
        For each note the beats by which the grid it belongs to is late. The same number for all notes unless a path
        that moves explains the piece far better than one that stands, and 0 unless another number does.
    slow : bool
        True if it moves as a player drifts from a click: slowly, not in jumps as where a recording was cut, nor to and
        fro as in free tempo.
    """
    if len(beats) < 8:
        return np.zeros(len(beats)), False
    bins = np.rint(beats * BINS).astype(np.int64) % BINS
    histogram = fold(beats)
    tables = _phase_tables()
    table = max(tables, key=lambda table: float((histogram @ table).max()))
    scores = histogram @ table  # (BINS,)
    enough = 8 + 0.03 * len(beats)
    best = int(np.argmax(scores))
    best = 0 if scores[best] < scores[0] + enough else (best + BINS // 2) % BINS - BINS // 2
    whole = np.floor(beats).astype(np.int64)
    paths = [_path(whole, kernel[:, :: BINS // DRIFT_STEPS][bins]) for kernel in (tables[1], table)]
    path, likelihood = max(paths, key=lambda found: found[1])
    if likelihood - scores.max() > 25 + 0.1 * len(beats):
        turns = np.abs(np.diff(path))
        slow = turns.max() < _JUMP and turns.sum() < _TO_AND_FRO * np.ptp(path) and np.ptp(path) > _FELT
        return _refined(beats, path), bool(slow)
    return (_refined(beats, np.full(len(beats), best / BINS)) if best else np.zeros(len(beats))), False


def _path(beat: NDArray[np.int64], scores: Floats) -> tuple[Floats, float]:
    """Viterbi over the phases of successive beats; the path for each note, and its log-likelihood."""
    rows, index = np.unique(beat, return_inverse=True)
    emission = np.zeros((len(rows), DRIFT_STEPS))
    np.add.at(emission, index, scores)
    steps = np.abs(_around((np.arange(DRIFT_STEPS)[:, None] - np.arange(DRIFT_STEPS)) / DRIFT_STEPS)) * DRIFT_STEPS
    moves = -np.minimum(np.where(steps > 0, 1.5 + 0.75 * steps**2, 0.0), 12.0)
    value = emission[0]
    back = np.zeros((len(rows), DRIFT_STEPS), np.int64)
    for row in range(1, len(rows)):
        options = value + moves  # [to, from]
        back[row] = options.argmax(axis=1)
        value = options[np.arange(DRIFT_STEPS), back[row]] + emission[row]
    state = int(value.argmax())
    likelihood = float(value[state])
    states = np.empty(len(rows), np.int64)
    for row in range(len(rows) - 1, -1, -1):
        states[row] = state
        state = int(back[row, state])
    turned = np.unwrap(states / DRIFT_STEPS, period=1.0)
    turned -= np.round(np.median(turned))
    return turned[index], likelihood


def _refined(beats: Floats, phase: Floats) -> Floats:
    """Put the phase into the middle of the notes around it: it was found in coarse steps."""
    positions = np.array([0.0, 0.25, 0.5, 0.75])
    offsets = _around((beats - phase)[:, None] - positions)
    offset = np.take_along_axis(offsets, np.abs(offsets).argmin(axis=1)[:, None], axis=1)[:, 0]
    if np.ptp(phase) == 0:
        near = np.abs(offset) < 0.04
        phase = phase + (np.median(offset[near]) if near.any() else 0.0)
        sixteenths = np.rint(phase * 4) / 4
        return np.where(np.abs(phase - sixteenths) < 0.012, sixteenths, phase)
    near = np.abs(offset) < 0.1
    sums = np.cumsum(np.concatenate(([0.0], np.where(near, phase + offset, 0.0))))
    counts = np.cumsum(np.concatenate(([0], near)))
    low = np.maximum(np.arange(len(beats)) - _AROUND, 0)
    high = np.minimum(np.arange(len(beats)) + _AROUND + 1, len(beats))
    found = counts[high] - counts[low]
    return np.where(found > 0, (sums[high] - sums[low]) / np.maximum(found, 1), phase)


def place(beats: Floats, track: NDArray[np.int64], grid: Grid) -> Floats:
    """Say where each note belongs: for each beat of each track, a division by two or by three, then the nearest place.

    Parameters
    ----------
    beats
        Times of notes relative to the grid's phase.
    track
        Track of each note.

    Returns
    -------
    ndarray, shape (notes,)
        The places, in beats.
    """
    whole = np.floor(beats)
    offset = (beats - whole)[:, None] - np.append(grid.positions, 1.0)  # (notes, positions)
    shares = np.append(grid.shares, grid.shares[0])
    cost = grid.log_density(offset) + np.log(shares + 1e-12)
    families = _families(np.append(grid.positions, 1.0))
    scores = np.stack(
        [np.logaddexp.reduce(cost[:, family], axis=1) - np.log(shares[family].sum()) for family in families], axis=1
    )
    prior = np.array([np.log(shares[family].sum()) for family in families])
    key = track * (whole.max(initial=0.0) + 2) + whole
    rows, index = np.unique(key, return_inverse=True)
    emission = np.zeros((len(rows), len(families)))
    np.add.at(emission, index, scores)
    state = _sticky_path(emission + (prior - prior.max()) * 0.5)[index]
    allowed = np.stack(families)[state]
    choice = np.where(allowed, cost, -np.inf).argmax(axis=1)
    return np.asarray(whole + np.append(grid.positions, 1.0)[choice])


def _families(positions: Floats) -> list[NDArray[np.bool_]]:
    """Masks of the positions that divide a beat by two and by three; swing goes with either."""

    def near(divisor: int) -> NDArray[np.bool_]:
        return np.asarray(np.abs(positions * divisor - np.rint(positions * divisor)) < 1e-6)

    other = ~(near(8) | near(6))
    families = [near(8) | other, near(6) | other]
    return families if (near(6) & ~near(2)).any() else families[:1]


def _sticky_path(emission: Floats) -> NDArray[np.int64]:
    """Viterbi over rows with the same cost for every change of state."""
    change = 2.0
    count = emission.shape[1]
    rows = emission.tolist()
    value, back = rows[0] if rows else [], []
    for row in rows[1:]:
        top = max(range(count), key=value.__getitem__)
        source = [s if value[s] >= value[top] - change else top for s in range(count)]
        value = [max(value[s], value[top] - change) + row[s] for s in range(count)]
        back.append(source)
    states = np.zeros(len(rows), np.int64)
    if rows:
        state = max(range(count), key=value.__getitem__)
        states[-1] = state
        for at in range(len(rows) - 2, -1, -1):
            state = back[at][state]
            states[at] = state
    return states
