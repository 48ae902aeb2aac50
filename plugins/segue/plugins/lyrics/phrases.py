"""The lines that a melody asks for: its phrases, and how strongly each of their notes is stressed.

A phrase ends where the melody rests or holds a note, rather on a bar line than off it, and has about eight notes. The
best division of the whole melody is found by dynamic programming.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece

MOST_NOTES: Final = 14
_FEWEST_NOTES: Final = 3
_USUAL_NOTES: Final = 8
_REST, _HELD, _BAR = 1.5, 1.0, 0.2
_LENGTH_COST: Final = 0.03
_WHOLE_BAR, _OFF, _LONG = 1.0, -0.5, 0.4


@dataclass(frozen=True)
class Phrase:
    """A line to write.

    Attributes
    ----------
    notes
        Indices of its notes, one for each syllable.
    strengths
        Stress of each note, about -1 to 1.
    """

    notes: NDArray[np.int64]
    strengths: NDArray[np.float32]

    @property
    def syllables(self) -> int:
        """Syllables that its words have together."""
        return len(self.notes)


def find_phrases(melody: Piece) -> list[Phrase]:
    """Divide a melody of one voice into phrases of 3 to 14 notes (fewer only if it has fewer).

    Parameters
    ----------
    melody
        Notes in order, no two together.
    """
    count = len(melody)
    gain = _ending_gains(melody)
    best = np.full(count + 1, -np.inf)
    best[0] = 0.0
    came_from = np.zeros(count + 1, np.int64)
    for end in range(1, count + 1):
        for length in range(1, min(MOST_NOTES, end) + 1):
            short = max(_FEWEST_NOTES - length, 0)
            value = best[end - length] + gain[end - 1] - _LENGTH_COST * (length - _USUAL_NOTES) ** 2 - 2 * short
            if value > best[end]:
                best[end], came_from[end] = value, end - length
    cuts = [count]
    while cuts[-1]:
        cuts.append(int(came_from[cuts[-1]]))
    strengths = note_strengths(melody)
    edges = cuts[::-1]
    return [Phrase(np.arange(a, b), strengths[a:b]) for a, b in pairwise(edges)]


def _ending_gains(melody: Piece) -> NDArray[np.float64]:
    """Say how well a phrase ends with each note: rests and held notes for, bar lines a little."""
    after = np.append(melody.start[1:], melody.beats)
    spans = after - melody.start
    usual = max(float(np.median(spans)), 1e-6)
    rest = np.clip((after - melody.end) / usual, 0, 2)
    held = np.clip(np.log2(np.maximum(spans / usual, 1e-6)), -1, 2)
    bars = np.append(np.diff(melody.bar_of(melody.start)) > 0, True)
    return np.asarray(_REST * rest + _HELD * held + _BAR * bars)


def note_strengths(melody: Piece) -> NDArray[np.float32]:
    """Say how strongly each note is stressed, shape (notes,): a downbeat most, off the pulse least; length adds."""
    bars = melody.bar_starts[np.clip(melody.bar_of(melody.start) - 1, 0, len(melody.bar_starts) - 1)]
    into = melody.start - bars
    pulses = np.array([meter.pulse_beats for meter in melody.meter_at(melody.start)])
    lengths = np.array([meter.bar_beats for meter in melody.meter_at(melody.start)])
    on_pulse = np.abs(into / pulses - np.rint(into / pulses)) < 0.05
    half = on_pulse & (np.abs(into - lengths / 2) < 0.05)
    strengths = np.where(into < 0.05, _WHOLE_BAR, np.where(half, 0.7, np.where(on_pulse, 0.2, _OFF)))
    long = melody.duration > 1.5 * np.median(melody.duration)
    return np.asarray(strengths + _LONG * long, np.float32)
