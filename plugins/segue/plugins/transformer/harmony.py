"""The chords that a piece is composed over: on the grid, moved as the piece is, and what they make of the scores.

Where a chord begins, the lowest instrument that is free strikes its bass; notes outside the chord are unlikely, most of
all on a beat; and a note that the next chord doesn't have ends before it. Chords that nobody asked for, but were drawn
for the piece (``progressions``), count three quarters as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter
from segue.music.chord_symbols import AskedChord
from segue.music.theory import chord_pitch_classes
from segue.plugin_api import InvalidField
from segue.plugins.transformer.elements import FIELD_SIZES, GRID, PITCH, bar_steps

CELL: Final = GRID // 2
"""Steps in a cell: chords change at half beats."""
_INSIDE: Final = 2.0
_OUTSIDE_ON_BEAT, _OUTSIDE = -6.0, -3.0
"""Added to the scores of notes inside a chord, and outside it on a beat and elsewhere, in nats."""
_DRAWN: Final = 0.75
"""How much a chord that was drawn for the piece counts beside one that was asked for."""
_PITCH_CLASS: Final = np.r_[-1, np.arange(128) % 12, np.full(FIELD_SIZES[PITCH] - 129, -1)]
"""Of each pitch token; -1 for drums."""


@dataclass(frozen=True)
class Harmony:
    """Chords on the grid.

    Attributes
    ----------
    tones
        Whether each pitch class belongs to the chord, shape (bars, cells, 12); none does where no chord is asked for.
    bass
        Pitch class of the lowest note where a chord begins, -1 elsewhere; shape (bars, cells).
    asked
        Whether they were asked for.
    """

    tones: NDArray[np.bool_]
    bass: NDArray[np.int64]
    asked: bool = True

    def covers(self, bar: int, step: int) -> bool:
        """Say whether a chord is settled there."""
        return bool(self.tones[bar, step // CELL].any())

    def leaning(self, bar: int, step: int, key: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is added to the score of each pitch token; ``key`` is what the key adds, outside the chord."""
        inside = np.r_[self.tones[bar, step // CELL], False][_PITCH_CLASS]
        outside = _OUTSIDE if step % GRID else _OUTSIDE_ON_BEAT
        added = np.where(inside, _INSIDE, outside)
        if not self.asked:
            added = np.where(inside, _DRAWN * added, _DRAWN * added + key)
        return np.where(_PITCH_CLASS < 0, 0.0, added)

    def next_begin(self, bar: int, step: int) -> int | None:
        """Return the first step, from this one on, at which a chord begins in the bar."""
        begins = np.flatnonzero(self.bass[bar, -(-step // CELL) :] >= 0)
        return int(-(-step // CELL) + begins[0]) * CELL if len(begins) else None

    def bass_at(self, bar: int, step: int) -> NDArray[np.bool_]:
        """Return the pitch tokens that may be the lowest where a chord begins."""
        return np.asarray(self.bass[bar, step // CELL] == _PITCH_CLASS)

    def sounds_until(self, bar: int, step: int, pitch: int, lowest: bool) -> int:
        """Return how many steps a note may last: to where the first chord begins that doesn't have it.

        The lowest instrument's notes last no longer than their chord.
        """
        bars, cells = self.bass.shape
        later = np.arange(bar * cells + step // CELL + 1, bars * cells)
        begins = self.bass.reshape(-1)[later] >= 0
        if not lowest:
            begins &= ~self.tones.reshape(-1, 12)[later, _PITCH_CLASS[pitch]]
        stops = later[begins]
        end = int(stops[0]) if len(stops) else bars * cells
        return end * CELL - (bar * cells * CELL + step)


def to_harmony(chords: Sequence[AskedChord], bars: int, steps: int, shift: int) -> Harmony:
    """Put chords on the grid.

    Parameters
    ----------
    chords
        In order, ``start`` and ``end`` in beats.
    bars, steps
        Of the piece, and steps in a bar.
    shift
        Semitones by which the piece is moved.

    Raises
    ------
    InvalidField
        If a chord lasts beyond the piece, or is shorter than half a beat.
    """
    cells = steps // CELL
    tones, bass = np.zeros((bars * cells, 12), bool), np.full(bars * cells, -1, np.int64)
    for index, chord in enumerate(chords):
        first, last = (round(beat * GRID / CELL) for beat in (chord.start, chord.end))
        if last > bars * cells:
            end = bars * steps / GRID
            raise InvalidField(f"chords[{index}].span", f"ends at beat {chord.end:g}, the piece at {end:g}")
        if first == last:
            raise InvalidField(f"chords[{index}].span", "is shorter than half a beat, chords change at half beats here")
        if chord.bass is None:
            continue
        tones[first:last] = False
        tones[first:last, [(tone + shift) % 12 for tone in chord.tones]] = True
        bass[first] = (chord.bass + shift) % 12
    return Harmony(tones.reshape(bars, cells, 12), bass.reshape(bars, cells))


def drawn_harmony(plan: NDArray[np.int64], metre: Meter) -> Harmony:
    """Put the chords that were drawn for a piece on the grid.

    Parameters
    ----------
    plan : ndarray of int, shape (bars, 2)
        Two chords a bar, in C. The last is the tonic's bar, whose notes other rules choose.
    metre
        Of the piece; where half a bar is not on a beat, the first chord has the whole bar.
    """
    bars, cells = len(plan), bar_steps(metre) // CELL
    second = cells if metre.numerator % 2 else cells // 2
    chords = np.repeat(plan, (second, cells - second), axis=1).reshape(-1)
    tones = np.stack([np.isin(np.arange(12), chord_pitch_classes(chord)) for chord in chords.tolist()])
    begins = np.r_[True, chords[1:] != chords[:-1]]
    begins[-cells] = True
    tones[-cells:] = False
    bass = np.where(begins, chords % 12, -1)
    return Harmony(tones.reshape(bars, cells, 12), bass.reshape(bars, cells), asked=False)


def cadence(bars: int, steps: int, *, asked: bool) -> Harmony:
    """Return the dominant in the second half of the last bar but one, in C; nothing else is settled."""
    tones, bass = np.zeros((bars, steps // CELL, 12), bool), np.full((bars, steps // CELL), -1, np.int64)
    half = steps // CELL // 2
    tones[bars - 2, half:, [7, 11, 2]] = True
    bass[bars - 2, half] = 7
    return Harmony(tones, bass, asked)
