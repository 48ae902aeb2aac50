"""How many beats make a bar, and which begins one: from accents, where the file does not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece


class Bars(NamedTuple):
    """Bars over the beats of a piece.

    Attributes
    ----------
    downbeats : ndarray of int, shape (bars,)
        Indices of the beats that begin a bar, ascending.
    lengths : ndarray of int, shape (bars,)
        Beats in each bar; the last may go on after the last beat.
    strength
        How much the downbeats stand out, 0-1.
    """

    downbeats: NDArray[np.int64]
    lengths: NDArray[np.int64]
    strength: float


BarFinder = Callable[[Piece, NDArray[np.float64]], Bars]
"""What finds the bars of a piece whose beats are known, shape (beats,), at least two."""
_LENGTHS: Final = (4, 3)
_PREFERENCE: Final = {4: 0.05, 3: 0.0}


def accents(piece: Piece, beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say how accented each beat is, shape (beats,), mean 0: many, long and low onsets, and a change of harmony."""
    count = len(beats)
    beat = np.searchsorted(beats, piece.start + 0.1, side="right") - 1
    on_beat = (np.abs(piece.start - beats[np.clip(beat, 0, count - 1)]) < 0.15) & (beat >= 0)
    drums = piece.is_drum
    struck, pitched = on_beat, on_beat & ~drums
    onsets = np.log1p(np.bincount(beat[struck], minlength=count))
    longest = np.zeros(count)
    np.maximum.at(longest, beat[pitched], np.minimum(piece.duration[pitched], 4.0))
    low = pitched & (piece.pitch < np.percentile(piece.pitch, 35))
    lows = np.minimum(np.bincount(beat[low], minlength=count), 2)
    chroma = np.zeros((count, 12))
    inside = (beat >= 0) & ~drums
    np.add.at(chroma, (beat[inside], piece.pitch[inside] % 12), np.minimum(piece.duration[inside], 1.0))
    size = np.linalg.norm(chroma, axis=1) + 1e-9
    change = np.r_[0.0, 1 - (chroma[1:] * chroma[:-1]).sum(axis=1) / (size[1:] * size[:-1])]
    features = [onsets, np.log1p(longest), lows, change]
    return np.asarray(sum((f - f.mean()) / (f.std() + 1e-9) for f in features) / len(features))


def find_meter(piece: Piece, beats: NDArray[np.float64]) -> tuple[int, int, float]:
    """Find the metre.

    Returns
    -------
    length, first, strength
        Beats in a bar, index of the first downbeat, and how much the downbeats stand out, 0-1.
    """
    accent = accents(piece, beats)
    best = (4, 0, -np.inf)
    for length in _LENGTHS:
        if len(accent) < 2 * length:
            continue
        for first in range(length):
            own = np.zeros(len(accent), bool)
            own[first::length] = True
            contrast = float(accent[own].mean() - accent[~own].mean()) + _PREFERENCE[length]
            if contrast > best[2]:
                best = (length, first, contrast)
    strength = float(np.clip(best[2], 0, 1)) if np.isfinite(best[2]) else 0.0
    return best[0], best[1], strength


def accented_bars(piece: Piece, beats: NDArray[np.float64]) -> Bars:
    """Lay out bars of one length over beats, by the accents."""
    length, first, strength = find_meter(piece, beats)
    downbeats = np.arange(first, len(beats), length)
    return Bars(downbeats, np.full(len(downbeats), length), strength)
