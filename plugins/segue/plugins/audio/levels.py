"""What the notes say about which period is counted: the level of the tempo, half or whole or double.

It is learnt from notes that need not be made to sound, so that there are thousands of pieces to learn from.

References
----------
A. P. Klapuri, A. J. Eronen, J. T. Astola, "Analysis of the meter of acoustic musical signals", IEEE TASLP 14, 2006:
that the periodicities at multiples and parts of a period together tell whether it is the one that is counted.
R. Parncutt, "A perceptual model of pulse salience and metrical accent in musical rhythms", Music Perception 11, 1994:
that some lengths are counted more readily than others.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

FEWEST_NOTES: Final = 20
"""With fewer there is nothing to count by."""
_FRAMES_PER_SECOND: Final = 62.5
_LONGEST_LAG: Final = 12.0
_TOGETHER, _LONGEST_GAP = 0.05, 2.0  # seconds
_MEMORY, _BASS_MEMORY = 75, 63  # frames, odd
_USUAL: Final = 0.7
_SILENT: Final = 200
_NEW: Final = 2
_MULTIPLES: Final = (1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4, 6, 8)
_GAPS: Final = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 2)
_GAP_OCTAVES: Final = 0.12


def level_features(
    start: NDArray[np.float64], pitch: NDArray[np.int64], periods: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Say what the notes of a piece tell about each period that may be its beat.

    Parameters
    ----------
    start : ndarray, shape (notes,)
        When each note begins, in seconds from the beginning of the sound, ascending; at least one.
    pitch : ndarray, shape (notes,)
        MIDI numbers.
    periods : ndarray, shape (n,)
        In seconds.

    Returns
    -------
    ndarray, shape (n, features)
        How usual a period of this length is; how many moments, notes, bass notes and new harmonies it holds; how many
        gaps between moments are simple parts of it; and how alike the music is to itself parts and multiples of it
        later.
    """
    first = np.r_[True, np.diff(start) > _TOGETHER]
    moments = start[first]
    accents = _accents(start, pitch, first)
    seconds = float(start[-1]) + 1
    counts = [len(moments), len(start), float(accents[:, 2].sum()), float((accents[:, 3] >= _NEW).sum())]
    rates = [np.log2(count / seconds * periods + 0.05) for count in counts]
    usual = np.log2(periods / _USUAL)
    gaps = np.diff(moments) if len(moments) > 1 else np.array([seconds])
    columns = [usual, usual**2, np.abs(usual) ** 3, *rates, rates[0] ** 2, rates[2] ** 2, rates[3] ** 2]
    columns.append(np.log2(np.median(gaps) / periods))
    for part in _GAPS:
        columns.append((np.abs(np.log2(gaps[:, None] / (periods * part))) < _GAP_OCTAVES).mean(axis=0))
    for channel in accents.T:
        widened = np.convolve(channel, np.hanning(7)[1:-1], "same")
        alike = autocorrelation(widened, int(_LONGEST_LAG * _FRAMES_PER_SECOND))
        at = np.arange(len(alike)) / _FRAMES_PER_SECOND
        columns += [np.interp(periods * multiple, at, alike, right=0.0) for multiple in _MULTIPLES]
    return np.stack(columns, axis=1)


def _accents(start: NDArray[np.float64], pitch: NDArray[np.int64], first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Draw five kinds of accent over time: moments, notes, bass notes, new pitch classes, gaps after moments.

    Returns
    -------
    ndarray, shape (frames, 5)
    """
    moment = np.cumsum(first) - 1
    frame = np.rint(start[first] * _FRAMES_PER_SECOND).astype(np.int64)
    count = int(frame[-1]) + 2
    lowest = np.full(count, _SILENT)
    np.minimum.at(lowest, frame[moment], pitch)
    chroma = np.zeros((count, 12))
    chroma[frame[moment], pitch % 12] = 1
    bass = minimum_filter1d(lowest, _BASS_MEMORY, origin=_BASS_MEMORY // 2, mode="constant", cval=_SILENT)
    heard = maximum_filter1d(chroma, _MEMORY, axis=0, origin=_MEMORY // 2, mode="constant")
    before = np.concatenate([np.zeros((1, 12)), heard[:-1]])
    accents = np.zeros((count, 5))
    accents[frame, 0] = 1
    accents[frame, 1] = np.sqrt(np.bincount(moment))
    accents[frame, 2] = lowest[frame] <= bass[frame]
    accents[:, 3] = (chroma * (1 - before)).sum(axis=1)
    accents[frame, 4] = np.minimum(np.diff(np.r_[start[first], start[-1] + 1]), _LONGEST_GAP)
    return accents


def autocorrelation(values: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Return the autocorrelation at fewer than ``lags`` frames, 1 at no lag; of silence 0."""
    centred = values - values.mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    lags = min(lags, len(centred) - 1)
    alike = np.fft.irfft(spectrum * np.conj(spectrum), size)[:lags]
    alike *= len(centred) / np.arange(len(centred), len(centred) - lags, -1)
    return np.asarray(alike / alike[0]) if alike[0] > 1e-9 else np.zeros(lags)
