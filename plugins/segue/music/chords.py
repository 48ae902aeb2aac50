"""Chords: which sounds in each cell, by evidence and a cost of changing.

The evidence is either that of ``template_evidence`` (chord tones, lowest note, how common the chord is) or of a
trained model with the same shape; ``decode`` is the same for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.cells import BEAT, Cells
from segue.music.theory import NO_CHORD, QUALITIES, chord_pitch_classes, rotated

CHANGE_COST: Final = (3.0, 3.0, 4.0, 6.0)
"""Cost of a change at a downbeat, a strong beat, a beat and between beats, that goes with templates."""
_TONE: Final = (1.0, 0.85, 0.85, 0.7)
_OTHER: Final = 0.02
_BASS: Final = (0.7, 0.12, 0.1, 0.04)
_BASS_OTHER: Final = 0.01
_BASS_WEIGHT: Final = 0.5
_PRIOR: Final = (0.0, 0.0, -0.25, -0.35, -0.125, -0.15, -0.125, -0.2, -0.25, -0.2, -0.2)
"""How much rarer a quality is than a triad, in nats for each pitch class that sounds."""


_FIRST, _ON_BEAT = 3, 2
"""How much a bass counts that begins a chord, and one on a beat: chosen on the development third of When in Rome."""
_FIRM: Final = 2
"""Cells that a bass stays for at least, to be that of an inversion."""
_SAME_REGISTER: Final = 9
"""Semitones above the lowest bass of a chord that another may lie."""
_TONES: Final = np.array([[name in chord_pitch_classes(chord) for name in range(12)] for chord in range(NO_CHORD + 1)])


@dataclass(frozen=True)
class Chords:
    """Chords one after the other, without gaps.

    Attributes
    ----------
    cell : ndarray of int, shape (chords + 1,)
        First cell of each, and the number of cells.
    chord : ndarray of int, shape (chords,)
        Index of the chord (``segue.music.theory``).
    bass : ndarray of int, shape (chords,)
        Pitch class that is lowest for the longest time, -1 in silence.
    confidence : ndarray, shape (chords,)
        Probability of the chord given what sounds, 0-1.
    """

    cell: NDArray[np.int64]
    chord: NDArray[np.int64]
    bass: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.chord)

    def part(self, first: int, last: int) -> Chords:
        """Return the chords that sound from one cell to before another."""
        own = slice(int(np.searchsorted(self.cell, first, "right")) - 1, int(np.searchsorted(self.cell, last)))
        cell = np.r_[first, self.cell[own][1:], last] - first
        return Chords(cell, self.chord[own], self.bass[own], self.confidence[own])


@cache
def _templates() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log probabilities of sounding and of lowest pitch classes for each chord, each of shape (132, 12)."""
    tones, bass = np.full((2, len(QUALITIES), 12), _OTHER)
    bass[:] = _BASS_OTHER
    for row, intervals in enumerate(QUALITIES.values()):
        tones[row, list(intervals)] = _TONE[: len(intervals)]
        bass[row, list(intervals)] = _BASS[: len(intervals)]
    return tuple(rotated(np.log(t / t.sum(axis=1, keepdims=True))) for t in (tones, bass))  # type: ignore[return-value]


def template_evidence(cells: Cells) -> NDArray[np.float64]:
    """Return the log likelihood of each chord in each cell, shape (cells, 133), up to a constant for each cell."""
    tones, lowest = _templates()
    chroma, bass = cells.chroma, cells.bass
    heard = bass >= 0
    evidence = np.zeros((len(cells), NO_CHORD + 1))
    evidence[:, :NO_CHORD] = chroma @ tones.T + np.repeat(_PRIOR, 12) * chroma.sum(axis=1, keepdims=True)
    evidence[heard, :NO_CHORD] += _BASS_WEIGHT * lowest.T[bass[heard] % 12]
    evidence[:, NO_CHORD] = np.where(heard, evidence.min(axis=1), 1.0)
    return evidence


def decode(
    cells: Cells, evidence: NDArray[np.float64], change_cost: tuple[float, float, float, float] = CHANGE_COST
) -> Chords:
    """Find the best path through the chords: Viterbi's with one cost for any change, linear in chords.

    Parameters
    ----------
    cells
        The piece.
    evidence : ndarray, shape (cells, 133)
        Log likelihood of each chord in each cell.
    change_cost
        Cost of a change at a downbeat, a strong beat, a beat and between beats, in nats.
    """
    path = _viterbi(evidence, -np.array(change_cost)[cells.level])
    cell = np.r_[0, np.flatnonzero(np.diff(path)) + 1, len(path)]
    chord = path[cell[:-1]]
    share = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    own = share[np.arange(len(path)), path] / share.sum(axis=1)
    return Chords(cell, chord, _bass_of(cells, cell), np.add.reduceat(own, cell[:-1]) / np.diff(cell))


def _viterbi(evidence: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.int64]:
    score = np.empty_like(evidence)
    score[0] = evidence[0]
    best = []
    for before, now, seen, cost in zip(score, score[1:], evidence[1:], change[1:].tolist(), strict=False):
        best.append(int(before.argmax()))
        np.maximum(before, before[best[-1]] + cost, now)
        now += seen
    stays = score[:-1] >= (score[range(len(best)), best] + change[1:])[:, None]
    path = np.empty(len(evidence), np.int64)
    path[-1] = score[-1].argmax()
    for row in range(len(best) - 1, -1, -1):
        path[row] = path[row + 1] if stays[row, path[row + 1]] else best[row]
    return path


def _bass_of(cells: Cells, cell: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pitch class that is the lowest for the longest time in each stretch; the first cell counts twice."""
    bass = cells.bass
    votes = np.zeros((len(cells), 12))
    heard = bass >= 0
    votes[heard, bass[heard] % 12] = 1
    votes[cell[:-1]] *= 2
    totals = np.add.reduceat(votes, cell[:-1])
    return np.where(totals.any(axis=1), totals.argmax(axis=1), -1)


def by_inversion(chords: Chords, cells: Cells) -> Chords:
    """Name the bass of each chord, and divide chords where another of their tones goes to the bass and stays.

    It stays if it is there from a beat on, for a beat or more. Else the bass is what is lowest for the longest time,
    on beats and where the chord begins most of all. What is struck above a bass that has been left, as after the bass
    of a waltz, is no bass.
    """
    named = _heard_bass(chords, cells)
    bass, sounding = cells.bass, np.r_[chords.cell[:-1], np.flatnonzero(np.diff(cells.bass)) + 1]
    first = np.unique(sounding)  # where a chord or a bass begins
    last = np.r_[first[1:], len(cells)]
    number = np.searchsorted(chords.cell, first, "right") - 1
    low = bass[first]
    tone = (low >= 0) & _TONES[chords.chord[number], low % 12]
    firm = tone & (last - first >= _FIRM) & (cells.level[first] <= BEAT)
    lowest = np.full(len(chords), 128)
    np.minimum.at(lowest, number[firm], low[firm])
    firm &= low - lowest[number] <= _SAME_REGISTER
    if not firm.any():
        return replace(chords, bass=named)
    first, number, name = first[firm], number[firm], low[firm] % 12
    divides = np.r_[False, (number[1:] == number[:-1]) & (name[1:] != name[:-1])]
    several = np.isin(number, number[divides])
    begins = several & (divides | np.r_[True, number[1:] != number[:-1]])
    opening = begins & ~divides
    named[number[opening]] = name[opening]
    cell = np.r_[chords.cell[:-1], first[divides]]
    source = np.r_[np.arange(len(chords)), number[divides]]
    order = np.argsort(cell, kind="stable")
    basses = np.r_[named, name[divides]][order]
    rows = source[order]
    return Chords(np.r_[cell[order], chords.cell[-1]], chords.chord[rows], basses, chords.confidence[rows])


def _heard_bass(chords: Chords, cells: Cells) -> NDArray[np.int64]:
    """Return the pitch class of the bass of each chord, -1 in silence."""
    number, low = np.repeat(np.arange(len(chords)), np.diff(chords.cell)), cells.bass
    lowest = np.full(len(chords), 128)
    np.minimum.at(lowest, number[low >= 0], low[low >= 0])
    near = (low >= 0) & (low - lowest[number] <= _SAME_REGISTER)
    counts = np.where(cells.level <= BEAT, _ON_BEAT, 1)
    counts[chords.cell[:-1]] *= _FIRST
    votes = np.bincount(12 * number[near] + low[near] % 12, counts[near], 12 * len(chords)).reshape(-1, 12)
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1)


def find_chords(cells: Cells) -> Chords:
    """Find the chords of a piece by templates, without a trained model."""
    return decode(cells, template_evidence(cells))
