"""Tempo and beats in sound. Strengths are sampled ``FRAMES_PER_SECOND`` times a second.

References
----------
D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36, 2007: the beats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.beats import best_path
from segue.plugins.audio.levels import FEWEST_NOTES, autocorrelation, level_features
from segue.plugins.audio.scorer import Scorer
from segue.plugins.audio.transcriber import FRAMES_PER_SECOND as POSTERIORS_PER_SECOND
from segue.plugins.audio.transcriber import HeardNotes, Posteriors

FRAMES_PER_SECOND: Final = 62.5
_LOW_BANDS, _LOW_KEYS = 20, 28
SLOWEST, FASTEST = 34.0, 240.0
"""Quarter notes a minute."""
_USUAL: Final = 0.6
_OCTAVES: Final = 0.8
_LONGEST_LAG: Final = 8.0  # seconds
RATIOS: Final = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 2.0, 3.0, 4.0)
_STEADY_SECONDS: Final = 0.03


def onset_strength(mel: NDArray[np.float32], heard: Posteriors) -> NDArray[np.float32]:
    """Say how strongly something begins in each frame.

    Parameters
    ----------
    mel : ndarray, shape (frames, 96)
        Power mel spectrogram, 62.5 frames a second.
    heard
        What sounds and begins, 86.1 frames a second.

    Returns
    -------
    ndarray, shape (frames, 5)
        Onsets in the whole spectrum, onsets in the bass, notes, low notes, new pitch classes; each scaled so that its
        strong onsets are about 1.
    """
    level = np.log10(10_000 * mel + 1)
    rise = np.maximum(level[2:] - level[:-2], 0)
    rise = np.concatenate([np.zeros((2, rise.shape[1]), np.float32), rise])
    begins = np.maximum(heard.onset - 0.1, 0)
    octaves = np.pad(heard.active, ((0, 0), (9, 11))).reshape(len(heard.active), 9, 12)  # from C0 to B8
    chroma = _smooth(octaves.max(axis=1), 9)
    fresh = np.maximum(chroma[4:] - chroma[:-4], 0).sum(axis=1)
    notes = [begins.sum(axis=1), begins[:, :_LOW_KEYS].sum(axis=1), np.r_[np.zeros(2), fresh, np.zeros(2)]]
    at = np.arange(len(mel)) / FRAMES_PER_SECOND * POSTERIORS_PER_SECOND
    columns = [rise.mean(axis=1), rise[:, :_LOW_BANDS].mean(axis=1)]
    columns += [np.interp(at, np.arange(len(note)), note) for note in notes]
    strength = _smooth(np.stack(columns, axis=1), 5)
    strong = np.percentile(strength, 98, axis=0) + 1e-3
    return np.asarray(np.minimum(strength / strong, 1.5), np.float32)


def _smooth(columns: NDArray[np.float32] | NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    window = np.hanning(frames + 2)[1:-1]
    window /= window.sum()
    return np.stack([np.convolve(column, window, "same") for column in columns.T], axis=1)


@dataclass(frozen=True)
class Periods:
    """Periods that may be the beat.

    Attributes
    ----------
    seconds : ndarray, shape (n,)
        Their lengths.
    regular
        The most regular of them, where usual lengths are preferred: the best guess without learning.
    """

    seconds: NDArray[np.float64]
    regular: float


def find_periods(strength: NDArray[np.float32]) -> Periods | None:
    """Find the most regular period and its relatives; None if nothing is regular."""
    lags = int(_LONGEST_LAG * FRAMES_PER_SECOND)
    alike = np.stack([autocorrelation(channel, lags) for channel in strength.T.astype(np.float64)], axis=1)
    alike = np.maximum(alike, 0)
    if not alike[1:].any():
        return None
    together = alike.mean(axis=1)
    periods = 60 / np.exp(np.arange(np.log(SLOWEST), np.log(FASTEST), 0.004))
    comb = np.mean([_at(together, periods * n) for n in range(1, 9)], axis=0)
    comb *= np.exp(-0.5 * (np.log2(periods / _USUAL) / _OCTAVES) ** 2)
    best = float(periods[comb.argmax()])
    related = best * np.array(RATIOS)
    related = related[(related >= 60 / FASTEST) & (related <= 60 / SLOWEST)]
    return Periods(related, best)


def _at(alike: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(seconds * FRAMES_PER_SECOND, np.arange(len(alike)), alike, right=0.0)


@dataclass(frozen=True)
class Beats:
    """Beats.

    Attributes
    ----------
    seconds : ndarray, shape (n,)
        Where they fall, ascending; n is at least 2.
    confidence
        Probability of their level (half, whole, double), 0-1.
    """

    seconds: NDArray[np.float64]
    confidence: float


def find_beats(strength: NDArray[np.float32], notes: HeardNotes, chooser: Scorer) -> Beats | None:
    """Find the beats; None if nothing is regular or fewer than four fit.

    Parameters
    ----------
    strength : ndarray, shape (frames, 5)
        From ``onset_strength``.
    notes
        The notes heard, which tell what is counted; with few of them the most regular period is.
    chooser
        Scores periods by ``level_features``.
    """
    periods = find_periods(strength)
    if periods is None:
        return None
    period, confidence = _choose(periods, notes, chooser)
    together = strength[:, [0, 1, 2, 3]].mean(axis=1).astype(np.float64)
    frames = period * FRAMES_PER_SECOND
    found = best_path(together, frames, np.arange(max(int(0.6 * frames), 1), int(1.6 * frames) + 1))
    seconds = _between_frames(found, together) / FRAMES_PER_SECOND
    return Beats(_steadied(seconds), confidence) if len(seconds) >= 4 else None


def _choose(periods: Periods, notes: HeardNotes, chooser: Scorer) -> tuple[float, float]:
    """Return a period in seconds and its probability."""
    if len(notes) < FEWEST_NOTES:
        return periods.regular, 1 / len(periods.seconds)
    order = np.argsort(notes.start, kind="stable")
    scores = chooser(level_features(notes.start[order], notes.pitch[order], periods.seconds))
    share = np.exp(scores - scores.max())
    share /= share.sum()
    return float(periods.seconds[share.argmax()]), float(share.max())


def _between_frames(found: NDArray[np.int64], strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where between the frames the strength is highest near each; those at the ends are left out."""
    inner = found[(found > 0) & (found < len(strength) - 1)]
    left, middle, right = strength[inner - 1], strength[inner], strength[inner + 1]
    bend = left - 2 * middle + right
    return np.asarray(
        inner + np.where(bend < -1e-6, np.clip(0.5 * (left - right) / np.minimum(bend, -1e-6), -0.5, 0.5), 0)
    )


def _steadied(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay the beats on a straight line if they hardly leave it, else smooth them over their neighbours."""
    number = np.arange(len(seconds))
    line = np.polyval(np.polyfit(number, seconds, 1), number)
    if np.sqrt(np.mean((seconds - line) ** 2)) < _STEADY_SECONDS:
        return np.asarray(line)
    gaps = np.diff(seconds)
    padded = np.pad(gaps, 2, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return np.asarray(seconds[0] + np.r_[0, np.cumsum(middle * gaps.sum() / middle.sum())])
