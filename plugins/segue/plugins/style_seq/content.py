"""What an accompaniment follows: chords, melody and the sound of the source, for each half beat of bars of 4/4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import QUALITIES, QUALITY_NAMES
from segue.plugins.style_seq.elements import fold, root_pitch

HALVES: Final = 8
"""Half beats in a bar."""
SILENT: Final = len(QUALITY_NAMES)
"""Quality where there is no chord; the root is then that of a chord beside it."""
UNTOLD_BASS: Final = 12
LOWEST, HIGHEST = -24, 36
"""The melody, in semitones above the root that is nearest to middle C."""
MELODY: Final = HIGHEST - LOWEST + 2
_BELONGS: Final = np.array([np.isin(np.arange(12), QUALITIES[name]) for name in QUALITY_NAMES] + [np.zeros(12, bool)])
"""Whether an interval above the root belongs to a chord, by quality; to silence nothing does."""
LIVELY: Final = 5
"""How much goes on in a bar: 1 to 4 are the quarters of the bars of a piece, from few notes to many; 0 is not told."""


@dataclass(frozen=True)
class Content:
    """The content of the bars of a piece.

    Attributes
    ----------
    root, quality, bass : ndarray of int, shape (bars, HALVES)
        Pitch class, index of the quality or ``SILENT``, and semitones of the bass above the root or ``UNTOLD_BASS``.
    melody : ndarray of int, shape (bars, HALVES)
        Pitch of the highest note of the melody, -1 where it is silent.
    chroma : ndarray of bool, shape (bars, HALVES, 12)
        Which pitch classes the accompaniment of the source sounds in each beat, twice a beat.
    lively : ndarray of int, shape (bars,)
        How much goes on in the accompaniment of the source, 0 to 4.
    """

    root: NDArray[np.int64]
    quality: NDArray[np.int64]
    bass: NDArray[np.int64]
    melody: NDArray[np.int64]
    chroma: NDArray[np.bool_]
    lively: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.root)

    def stretched(self, bars: int) -> Content:
        """Return the content of so many bars: what is beyond is left out, and the last bar comes again."""
        index = np.minimum(np.arange(bars), len(self) - 1)
        return Content(**{name: values[index] for name, values in vars(self).items()})

    def ringing(self) -> NDArray[np.int64]:
        """Return for how many half beats a pitch class can ring from each, shape (bars * HALVES, 12).

        A tone of the chord rings until a chord comes that it does not belong to, any other until the chord changes.
        """
        root, quality = self.root.reshape(-1), self.quality.reshape(-1)
        belongs = _BELONGS[quality[:, None], (np.arange(12) - root[:, None]) % 12]
        changes = np.r_[(np.diff(root) != 0) | (np.diff(quality) != 0), True]
        found = np.zeros((len(root) + 1, 12), np.int64)
        left = 0
        for half in range(len(root) - 1, -1, -1):
            left = 1 if changes[half] else left + 1
            found[half] = np.where(belongs[half], 1 + found[half + 1] * belongs[min(half + 1, len(root) - 1)], left)
        return found[:-1]

    def table(self, first: int, bars: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the content of some bars as the network reads it.

        Returns
        -------
        ndarray, shape (bars, HALVES + 1, 4)
            Root, quality, bass and melody as indices; the last row of a bar is the first half beat of the next.
        ndarray of bool, shape (bars, HALVES + 1, 12)
            Pitch classes above the root.
        """
        melody = np.where(self.melody < 0, 0, fold(self.melody - root_pitch(self.root), LOWEST, HIGHEST) - LOWEST + 1)
        found = np.stack([self.root, self.quality, self.bass, melody], 2).reshape(-1, 4)
        turned = np.take_along_axis(self.chroma, (self.root[..., None] + np.arange(12)) % 12, 2).reshape(-1, 12)
        index = (first + np.arange(bars))[:, None] * HALVES + np.arange(HALVES + 1)
        index = np.minimum(index, len(found) - 1)
        return found[index], turned[index]


def settle(chord: NDArray[np.int64], bass: NDArray[np.int64], bars: int) -> dict[str, NDArray[np.int64]]:
    """Return root, quality and bass of half beats; silence takes the root of the chord before it, or after.

    Parameters
    ----------
    chord, bass : ndarray, shape (bars * HALVES,)
        Index of the chord (``segue.music.theory``), and pitch class of the bass or -1.
    """
    heard = np.flatnonzero(chord < 12 * SILENT)
    root = np.zeros(len(chord), np.int64)
    if len(heard):
        root = chord[heard[np.maximum(np.searchsorted(heard, np.arange(len(chord)), side="right") - 1, 0)]] % 12
    low = np.where((bass < 0) | (chord >= 12 * SILENT), UNTOLD_BASS, (bass - root) % 12)
    parts = {"root": root, "quality": np.minimum(chord // 12, SILENT), "bass": low}
    return {name: values.reshape(bars, HALVES) for name, values in parts.items()}


def sounding(
    start: NDArray[np.float64], end: NDArray[np.float64], pitch: NDArray[np.int64], bars: int
) -> NDArray[np.bool_]:
    """Say which pitch classes sound in each beat, given twice, shape (bars, HALVES, 12)."""
    beats = bars * HALVES // 2
    found = np.zeros((beats + 1, 12), np.int64)
    first = np.clip(np.floor(start + 0.1), 0, beats).astype(np.int64)
    last = np.clip(np.maximum(np.ceil(end - 0.1), first + 1), 0, beats).astype(np.int64)
    np.add.at(found, (first, pitch % 12), 1)
    np.add.at(found, (last, pitch % 12), -1)
    return np.repeat((np.cumsum(found, 0)[:-1] > 0), 2, axis=0).reshape(bars, HALVES, 12)


def line(
    start: NDArray[np.float64], end: NDArray[np.float64], pitch: NDArray[np.int64], bars: int
) -> NDArray[np.int64]:
    """Return the highest pitch of a melody in each half beat, -1 in silence, shape (bars, HALVES)."""
    found = np.full(bars * HALVES, -1)
    first = np.clip(np.floor(2 * start + 0.2), 0, len(found)).astype(np.int64)
    last = np.clip(np.maximum(np.ceil(2 * end - 0.2), first + 1), 0, len(found)).astype(np.int64)
    for a, b, note in zip(first.tolist(), last.tolist(), pitch.tolist(), strict=True):
        found[a:b] = np.maximum(found[a:b], note)
    return found.reshape(bars, HALVES)


def liveliness(bar: NDArray[np.int64], bars: int) -> NDArray[np.int64]:
    """Return the quarter of the bars of a piece that each belongs to, by its notes, 1 to 4; shape (bars,)."""
    count = np.bincount(bar[(bar >= 0) & (bar < bars)], minlength=bars)
    edges = np.percentile(count, (25, 50, 75))
    return (
        np.asarray(1 + np.searchsorted(edges, count, side="left")) if edges[0] < edges[2] else np.zeros(bars, np.int64)
    )
