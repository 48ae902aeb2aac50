"""Beats found in the notes alone, for files whose own beats mean nothing: performances, transcriptions.

References
----------
D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36, 2007.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece

FRAMES_PER_SECOND: Final = 50
MAX_FRAMES: Final = 200_000
_FASTEST, _SLOWEST = 0.28, 1.3
_USUAL: Final = 0.55
_OCTAVES: Final = 0.7
_TIGHTNESS: Final = 100.0
_LOW: Final = 52
_FEW_ONSETS: Final = 1.68
"""Moments per beat under which what was found is half a beat: chosen on validation songs of POP909."""


def track_beats(piece: Piece) -> NDArray[np.float64]:
    """Find the beats of a piece of at least two seconds and at most 66 minutes.

    Returns
    -------
    ndarray, shape (beats,)
        In seconds, ascending; empty if the piece is too short or too long, or nothing in it is regular.
    """
    start = piece.beats_to_seconds(piece.start)
    if not len(start) or not 2.0 <= np.ptp(start) <= MAX_FRAMES / FRAMES_PER_SECOND:
        return np.zeros(0)
    first = float(start.min())
    strength = _onset_strength(piece, start - first)
    period = _period(strength)
    if period == 0:
        return np.zeros(0)
    moments = len(np.unique(np.round(start, 2)))
    if moments * period / len(strength) < _FEW_ONSETS:
        period *= 2
    steps = np.arange(int(0.7 * period), int(1.4 * period) + 1)
    return first + best_path(strength, period, steps) / FRAMES_PER_SECOND


def _onset_strength(piece: Piece, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Say how strongly notes begin in each frame: long and low ones count more."""
    lasting = piece.beats_to_seconds(piece.end) - piece.beats_to_seconds(piece.start)
    weight = 0.3 + np.log1p(4 * np.minimum(lasting, 2.0)) + 0.8 * (piece.pitch < _LOW)
    frames = np.rint(start * FRAMES_PER_SECOND).astype(np.int64)
    strength = np.asarray(np.bincount(frames, weight, int(frames.max()) + FRAMES_PER_SECOND), np.float64)
    strength = np.minimum(strength, 1.5 * np.percentile(strength[strength > 0], 95))
    return np.asarray(np.sqrt(np.convolve(strength, [0.3, 0.8, 1.0, 0.8, 0.3], "same")))


def _period(strength: NDArray[np.float64]) -> float:
    """Return the beat's length in frames, by autocorrelation and a preference for the usual; 0 if there is none."""
    centred = strength - strength.mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    alike = np.fft.irfft(spectrum * np.conj(spectrum), size)[: 8 * FRAMES_PER_SECOND]
    if alike[0] <= 1e-9:
        return 0.0
    alike = np.maximum(alike / alike[0], 0)
    lags = np.arange(int(_FASTEST * FRAMES_PER_SECOND), int(_SLOWEST * FRAMES_PER_SECOND))
    comb = alike[lags[:, None] * np.arange(1, 5)].mean(axis=1)
    comb *= np.exp(-0.5 * (np.log2(lags / FRAMES_PER_SECOND / _USUAL) / _OCTAVES) ** 2)
    if comb.max() <= 1e-9:
        return 0.0
    near = lags[comb.argmax()] + np.arange(-0.6, 0.6, 0.02)
    multiples = np.arange(1, int(len(alike) / near[-1]))
    return float(near[np.interp(near[:, None] * multiples, np.arange(len(alike)), alike).sum(axis=1).argmax()])


def best_path(strength: NDArray[np.float64], period: float, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the frames that are strong and about a period apart, by dynamic programming.

    Parameters
    ----------
    strength : ndarray, shape (frames,)
        How likely a beat begins in each frame.
    period
        The beat's length in frames.
    steps : ndarray, shape (n,)
        Frames that may lie between two beats, ascending, at least 1.

    Returns
    -------
    ndarray, shape (beats,)
        Ascending; the last lies within a period of the end.
    """
    score, source = strength.copy(), np.full(len(strength), -1)
    cost = -_TIGHTNESS * strength.std() * np.log(steps / period) ** 2
    for frame in range(int(steps[0]), len(strength)):
        count = min(len(steps), frame - int(steps[0]) + 1)
        candidates = score[frame - steps[:count]] + cost[:count]
        best = int(candidates.argmax())
        if candidates[best] > 0:
            score[frame] += candidates[best]
            source[frame] = frame - steps[best]
    tail = min(int(period) + 1, len(score))
    frame = len(score) - tail + int(score[-tail:].argmax())
    path = []
    while frame >= 0:
        path.append(frame)
        frame = int(source[frame])
    return np.array(path[::-1], np.int64)
