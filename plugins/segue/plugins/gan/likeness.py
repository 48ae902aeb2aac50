"""How hard composed phrases are to tell from real ones of their style.

References
----------
D. Lopez-Paz and M. Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017: the accuracy of the nearest neighbour,
.5 where nothing tells them apart. T. Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing
Generative Models", NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from segue.plugins.gan.roll import BAR, BARS, DRUMS, MELODY, ONSET, PER_BEAT, SOUND, TRACKS

_NEAR: Final = 3
"""How many neighbours away the edge of what is alike lies."""
_LEAST_SPREAD: Final = 0.05
_PAIRS: Final = ((0, 1), (0, 2), (2, 3))
"""Bars whose rhythms are compared."""


def likeness(real: Sequence[NDArray[np.bool_]], others: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Compare rolls, each of shape ``SHAPE``, with real ones of the same style, as many.

    Returns
    -------
    dict
        How often the nearest neighbour of a phrase is of its own kind, the share of the others that lie among the real
        ones (precision), and the share of the real ones that lie among the others (recall).
    """
    known, found = (np.stack([features(roll) for roll in rolls]) for rolls in (real, others))
    every = (np.concatenate([known, found]) - known.mean(0)) / (known.std(0) + _LEAST_SPREAD)
    far, size = cdist(every, every), len(known)
    np.fill_diagonal(far, np.inf)
    of_real = np.arange(len(every)) < size
    told = of_real[far.argmin(1)] == of_real
    across = far[size:, :size]
    return {
        "1-NN": float((told[:size].mean() + told[size:].mean()) / 2),
        "precision": float((across <= _edge(far[:size, :size])).any(1).mean()),
        "recall": float((across <= _edge(far[size:, size:])[:, None]).any(0).mean()),
    }


def _edge(far: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the neighbour of each phrase lies that still counts as near."""
    return np.asarray(np.sort(far, 1)[:, min(_NEAR, len(far)) - 1])


def features(roll: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Describe a phrase in 231 numbers of like size: rhythm, density, pitch and length, track by track."""
    found: list[NDArray[np.float64]] = []
    for track, kind in enumerate(TRACKS):
        begins, sounds = roll[track, ..., ONSET], roll[track, ..., SOUND]
        struck = begins.any(1).reshape(BARS, BAR)
        found += [struck.mean(0), begins.reshape(BARS, -1).sum(1) / 8]
        if track == DRUMS:
            found.append(np.log1p(begins.sum(0)) / 2)
            continue
        pitch = np.argwhere(begins)[:, 1]
        found.append(np.log1p(np.bincount((pitch + kind.lowest) % 12, minlength=12)) / 2)
        level, spread = (pitch.mean() / 12, pitch.std() / 6) if len(pitch) else (0.0, 0.0)
        voices = sounds.sum(1)
        length = sounds.sum() / max(len(pitch), 1) / PER_BEAT
        found.append(np.array([level, spread, voices.mean(), 2 * (voices > 0).mean(), length]))
        shared = [(struck[one] & struck[two]).sum() / max((struck[one] | struck[two]).sum(), 1) for one, two in _PAIRS]
        found.append(np.array(shared))
        if track == MELODY:
            steps = np.abs(np.diff(pitch))
            moves = [steps.mean() / 4, (steps == 0).mean(), 2 * (steps > 7).mean()] if len(steps) else np.zeros(3)
            found.append(np.array(moves))
    return np.concatenate(found)
