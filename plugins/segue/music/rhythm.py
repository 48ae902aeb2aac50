"""Rhythm of a reading: where in the beat and bar notes begin, swing, syncopation, groove."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.reading import Reading

_STRAIGHT: Final = 4
_TRIPLET: Final = 3
_ON_BEAT: Final = 0.1
_MOST_OF_TIME: Final = 0.9
_STRUCK_TOGETHER: Final = 0.05
_SWING_RANGE: Final = (0.42, 0.75)


@dataclass(frozen=True)
class Onsets:
    """Where each note of a piece begins.

    Attributes
    ----------
    beat : ndarray of int, shape (notes,)
        Index of the grid's beat at or before it.
    within : ndarray, shape (notes,)
        How far into that beat, 0-1.
    """

    beat: NDArray[np.int64]
    within: NDArray[np.float64]

    @cached_property
    def distinct(self) -> NDArray[np.float64]:
        """The moments at which something begins, in beats of the grid, ascending."""
        return np.asarray(np.unique(np.round(self.beat + self.within, 3)))


def place_onsets(reading: Reading) -> Onsets:
    """Place the onsets of all notes, drums included, in the beats of the grid."""
    start, beats = reading.piece.start, reading.grid.beats
    beat = np.clip(np.searchsorted(beats, start + 1e-6, side="right") - 1, 0, len(beats) - 2)
    return Onsets(beat, (start - beats[beat]) / (beats[beat + 1] - beats[beat]))


def grid_deviation(
    within: NDArray[np.float64], divisions: tuple[int, int] = (_STRAIGHT, _TRIPLET)
) -> NDArray[np.float64]:
    """Distance of onsets, as parts of a beat, from the nearest sixteenth or triplet, or other even division of it."""
    distances = [np.abs(within * n - np.rint(within * n)) / n for n in divisions]
    return np.asarray(np.minimum(*distances))


def bar_patterns(piece: Piece) -> NDArray[np.bool_]:
    """Say in which sixteenths of each bar that is not silent something begins, shape (bars, sixteenths of a bar)."""
    bar, slot, slots = _slots(piece)
    bars = np.zeros((int(bar.max()) + 1, slots), bool)
    bars[bar, slot] = True
    return np.asarray(bars[bars.any(axis=1)])


def onset_profile(piece: Piece) -> NDArray[np.float64]:
    """Return the share of onsets in each sixteenth of a bar, from the downbeat on."""
    _, slot, slots = _slots(piece)
    return np.asarray(np.bincount(slot, minlength=slots) / len(slot))


def _slots(piece: Piece) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return bar and sixteenth of each note, and how many sixteenths the usual bar has."""
    starts = piece.bar_starts
    meters = piece.meter_map
    which = np.searchsorted([meter.beat for meter in meters], starts + 1e-6, side="right") - 1
    lengths = np.array([meter.bar_beats for meter in meters])[np.maximum(which, 0)]
    slots = int(np.clip(np.rint(_median(lengths) * _STRAIGHT), 1, 128))
    bar = np.clip(np.searchsorted(starts, piece.start + 1e-6, side="right") - 1, 0, len(starts) - 1)
    slot = np.maximum(np.rint((piece.start - starts[bar]) * _STRAIGHT), 0).astype(np.int64)
    return bar + slot // slots, slot % slots, slots


def groove_consistency(bars: NDArray[np.bool_]) -> float:
    """Mean share of positions in which neighbouring bars agree, 0-1; 1 for a single bar.

    References
    ----------
    S.-L. Wu and Y.-H. Yang, "The Jazz Transformer on the front line", ISMIR 2020: grooving pattern similarity.
    """
    return float((bars[1:] == bars[:-1]).mean()) if len(bars) > 1 else 1.0


def syncopation(reading: Reading, onsets: Onsets, line: NDArray[np.bool_] | None = None) -> float:
    """Share of onsets between beats that are held over the next beat without a new one there, 0-1.

    Parameters
    ----------
    reading, onsets
        The piece.
    line : ndarray of bool, shape (notes,)
        The notes that are looked at, as if there were no others; all if left out.
    """
    line = np.ones(len(reading.piece), bool) if line is None else line
    beat, within = onsets.beat[line], onsets.within[line]
    weak = (within > _ON_BEAT) & (within < 1 - _ON_BEAT)
    struck = np.zeros(len(reading.grid.beats), bool)
    struck[beat[within <= _ON_BEAT]] = struck[beat[within >= 1 - _ON_BEAT] + 1] = True
    held = reading.piece.end[line] > reading.grid.beats[beat + 1] + 0.05
    return float((weak & held & ~struck[beat + 1]).mean())


def swing(onsets: Onsets) -> float:
    """Median long-short ratio of beats that are divided in two, with one onset near or behind the middle.

    1 is straight, 2 is triplet swing; 1 where fewer than four beats are so divided.
    """
    moments = onsets.distinct
    beat = np.floor(moments + 0.02)
    within = moments - beat
    inner = (within > _ON_BEAT) & (within < 1 - _ON_BEAT)
    _, first, count = np.unique(beat[inner], return_index=True, return_counts=True)
    alone = within[inner][first[count == 1]]
    off = alone[(alone > _SWING_RANGE[0]) & (alone < _SWING_RANGE[1])]
    return _median(off / (1 - off)) if len(off) >= 4 else 1.0


def _median(values: NDArray[np.float64]) -> float:
    """What ``np.median`` finds, in a third of its time for some dozen values."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def polyphony(piece: Piece) -> float:
    """Mean number of notes that sound together, silence left out; 0 without notes."""
    if not len(piece):
        return 0.0
    sounding, lasting = _sounding(piece)
    return float(piece.duration.sum() / lasting[sounding > 0].sum())


def voices_at_once(piece: Piece) -> int:
    """Return how many notes sound together at most during nine tenths of the sounding time; 0 without notes."""
    if not len(piece):
        return 0
    sounding, lasting = _sounding(piece)
    time = np.bincount(np.maximum(sounding, 0), lasting)[1:]
    return 1 + int(np.searchsorted(np.cumsum(time), _MOST_OF_TIME * time.sum()))


def chordal(piece: Piece) -> float:
    """Share of the notes that begin together with one of another pitch; 0 without notes."""
    if not len(piece):
        return 0.0
    struck = np.cumsum(np.r_[True, np.diff(piece.start) > _STRUCK_TOGETHER]) - 1
    pitches = np.bincount(np.unique(struck * 128 + piece.pitch) // 128)
    return float((pitches[struck] > 1).mean())


def _sounding(piece: Piece) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many notes sound between one moment at which a note begins or ends and the next, and for how long."""
    moments = np.concatenate([piece.start, piece.end])
    order = np.argsort(moments, kind="stable")
    sounding = np.cumsum(np.repeat((1, -1), len(piece))[order])[:-1]
    return sounding, np.diff(moments[order])
