"""Keys: local ones by a hidden Markov model over chords, the key of the piece by all that points to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.cells import CELL_BEATS, Cells
from segue.music.chords import Chords
from segue.music.piece import Piece
from segue.music.theory import NO_CHORD, QUALITY_NAMES, chord_in_key, key_profile

_NOTE_WEIGHT: Final = 0.7
_CHORD_WEIGHT: Final = 0.7
_LENGTH_POWER: Final = 0.4
_LONGEST: Final = 2.0
_STAY: Final = 0.975
_PROFILE_FLOOR: Final = 0.003
_END: Final = 8
_BLUES: Final = 3.0
"""Nats for each chord that the tonic of a blues gains: its sevenths are those of two or three other keys."""
_MOSTLY, _EACH = 0.7, 0.15
"""Share of a blues that sevenths at home in it last, and those on its first and on its fourth degree at least."""
_NOWHERE, _NEVER = 0.002, 20.0
"""Share of the piece below which a key is none of its local ones, and the nats that this costs it as the main one."""
_TOGETHER: Final = 0.05
# Fitted on the development third of the When in Rome pieces and 220 training songs of POP909, and rounded.
_TIME, _HISTOGRAM, _FIRST_BASS, _LAST_BASS, _LAST_EIGHTH, _FIRST_EIGHTH = 0.1, 10.0, 0.5, 0.7, 0.1, 0.1


@dataclass(frozen=True)
class Keys:
    """The key of a piece and of its parts.

    Attributes
    ----------
    probability : ndarray, shape (24,)
        Of each key being that of the piece; they add to 1.
    cell : ndarray of int, shape (regions + 1,)
        First cell of each stretch in one key, and the number of cells.
    key : ndarray of int, shape (regions,)
        Key of each stretch, 0-23.
    confidence : ndarray, shape (regions,)
        Mean probability of that key in the stretch.
    posterior : ndarray, shape (cells, 24)
        Probability of each local key in each cell.
    """

    probability: NDArray[np.float64]
    cell: NDArray[np.int64]
    key: NDArray[np.int64]
    confidence: NDArray[np.float64]
    posterior: NDArray[np.float64]

    @classmethod
    def of(cls, cells: Cells, posterior: NDArray[np.float64]) -> Keys:
        """Sum up the local keys' probabilities, shape (cells, 24), of a piece or of a part of one."""
        path = posterior.argmax(axis=1)
        cell = np.r_[0, np.flatnonzero(np.diff(path)) + 1, len(path)]
        own = posterior[np.arange(len(path)), path]
        confidence = np.add.reduceat(own, cell[:-1]) / np.diff(cell)
        return cls(_of_the_piece(cells, posterior), cell, path[cell[:-1]], confidence, posterior)

    @property
    def best(self) -> int:
        """The key of the piece."""
        return int(self.probability.argmax())

    def per_cell(self) -> NDArray[np.int64]:
        """Return the local key of each cell."""
        return np.repeat(self.key, np.diff(self.cell))


@cache
def _shapes(profile: str) -> NDArray[np.float64]:
    """Return the 24 keys' profiles with mean 0 and length 1, shape (24, 12)."""
    profiles = key_profile(profile)
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    return np.asarray(profiles / np.linalg.norm(profiles, axis=1, keepdims=True))


@cache
def _log_profiles() -> NDArray[np.float64]:
    """Return the log probability of each pitch class in each key, shape (24, 12)."""
    profiles = key_profile() + _PROFILE_FLOOR
    return np.asarray(np.log(profiles / profiles.sum(axis=1, keepdims=True)))


@cache
def _change() -> NDArray[np.float64]:
    """Probability of one local key after another, shape (24, 24): near ones on the circle of fifths are likelier."""
    keys = np.arange(24)
    major = (keys + 3 * (keys // 12)) % 12  # of the same signature
    steps = (major[:, None] - major) * 7 % 12
    steps = np.minimum(steps, 12 - steps)
    parallel = (keys[:, None] % 12 == keys % 12) & (keys[:, None] != keys)
    near = np.exp(-np.where(parallel, np.minimum(steps, 3), steps).astype(float))
    np.fill_diagonal(near, 0)
    table: NDArray[np.float64] = _STAY * np.eye(24) + (1 - _STAY) * near / near.sum(axis=1, keepdims=True)
    return table


def histogram_scores(weights: NDArray[np.float64], profile: str = "albrecht") -> NDArray[np.float64]:
    """Correlate pitch-class weights with the 24 keys' profiles.

    Parameters
    ----------
    weights : ndarray, shape (12,)
        Sounding time of each pitch class, in any unit.
    profile
        Name in ``segue.music.theory.KEY_PROFILES``.

    Returns
    -------
    ndarray, shape (24,)
        Pearson's r; 0 throughout if the weights are all equal.

    References
    ----------
    C. L. Krumhansl, *Cognitive Foundations of Musical Pitch*, 1990, ch. 4.
    """
    centred = weights - weights.mean()
    size = np.sqrt(centred @ centred)
    return _shapes(profile) @ (centred / size) if size > 1e-9 else np.zeros(24)


def guess_key(piece: Piece) -> int:
    """Guess the key of a piece by its histogram and its first and last bass notes: no chords, no local keys.

    It takes some hundredths of a millisecond and is right about as often as ``find_keys``.

    Returns
    -------
    int
        0-11 major, 12-23 minor; 0 without pitched notes.
    """
    notes = piece.without_drums()
    if not len(notes):
        return 0
    weights = np.asarray(np.bincount(notes.pitch % 12, notes.duration, 12), np.float64)
    score = _HISTOGRAM * histogram_scores(weights)
    end = notes.end
    score[int(notes.pitch[notes.start <= notes.start[0] + _TOGETHER].min()) % 12 :: 12] += _FIRST_BASS
    score[int(notes.pitch[end >= end.max() - _TOGETHER].min()) % 12 :: 12] += _LAST_BASS
    return int(score.argmax())


def find_keys(cells: Cells, chords: Chords) -> Keys:
    """Find the key of a piece and its local keys.

    Each chord is one observation: its notes against the key profiles, and how common the chord is in the key. A long
    chord counts more than a short one, but less than in proportion.
    """
    lengths = np.diff(chords.cell)
    chroma = cells.chroma
    notes = np.add.reduceat(chroma, chords.cell[:-1]) / lengths[:, None]
    fit = _NOTE_WEIGHT * notes @ _log_profiles().T
    fit += _CHORD_WEIGHT * chord_in_key()[:, chords.chord].T
    if (tonic := _blues(chords)) is not None:
        fit[:, tonic] += _BLUES
    posterior = _smooth(fit * (np.minimum(lengths * CELL_BEATS, _LONGEST) ** _LENGTH_POWER)[:, None])
    return Keys.of(cells, np.repeat(posterior, lengths, axis=0))


def _blues(chords: Chords) -> int | None:
    """Return the tonic of a blues: sevenths on the first, fourth and fifth degrees, from the first to the first."""
    sounding = chords.chord != NO_CHORD
    roots, lengths = chords.chord[sounding] % 12, np.diff(chords.cell)[sounding]
    if not len(roots) or roots[0] != roots[-1]:
        return None
    tonic = int(roots[0])
    sevenths = chords.chord[sounding] // 12 == QUALITY_NAMES.index("7")
    home = np.isin((roots - tonic) % 12, (0, 5, 7))
    own, fourth = (lengths[sevenths & (roots == (tonic + step) % 12)].sum() for step in (0, 5))
    enough = lengths[sevenths & home].sum() > _MOSTLY * lengths.sum()
    return tonic if enough and min(own, fourth) > _EACH * lengths.sum() else None


def _of_the_piece(cells: Cells, per_cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh time spent in each key, the histogram, the first and last bass notes, beginning and end."""
    score = _TIME * np.log(per_cell.mean(axis=0) + 1e-3)
    score += _HISTOGRAM * histogram_scores(cells.chroma.sum(axis=0))
    bass = cells.bass[cells.bass >= 0]
    if len(bass):
        score[bass[0] % 12 :: 12] += _FIRST_BASS
        score[bass[-1] % 12 :: 12] += _LAST_BASS
    part = max(1, len(per_cell) // _END)
    score += _LAST_EIGHTH * np.log(per_cell[-part:].mean(axis=0) + 1e-3)
    score += _FIRST_EIGHTH * np.log(per_cell[:part].mean(axis=0) + 1e-3)
    local = per_cell.mean(axis=0)
    nowhere = local < min(_NOWHERE, local.max())
    if nowhere[score.argmax()]:  # between two far keys lies one that is neither
        score[nowhere] -= _NEVER
    share = np.exp(score - score.max())
    return np.asarray(share / share.sum())


def _smooth(fit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the posterior of each key at each chord by the forward-backward algorithm, shape (chords, 24)."""
    likelihood = np.exp(fit - fit.max(axis=1, keepdims=True))
    change = _change()
    forward = np.empty_like(likelihood)
    prior = np.full(24, 1 / 24)
    for row, seen in enumerate(likelihood):
        now = prior * seen
        forward[row] = now / now.sum()
        prior = forward[row] @ change
    backward = np.ones_like(likelihood)
    for row in range(len(likelihood) - 2, -1, -1):
        back = change @ (likelihood[row + 1] * backward[row + 1])
        backward[row] = back / back.sum()
    posterior = forward * backward
    return np.asarray(posterior / posterior.sum(axis=1, keepdims=True))
