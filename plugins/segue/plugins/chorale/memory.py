"""What a piece has said before: the longest earlier passage that ended as the music does now, and how it went on.

Chorales repeat their opening lines. An exact match is a stronger hint than any state that a network can keep, and it
costs one comparison for each earlier beat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from segue.music.bar_lines import PER_BEAT

SHORTEST_LAG = 16


def lags(capacity: int, per_beat: int = PER_BEAT) -> NDArray[np.int64]:
    """Return the distances, in frames, at which a piece of some length is compared with itself: whole beats."""
    shortest = SHORTEST_LAG * per_beat // PER_BEAT
    return np.arange(shortest, max(capacity, shortest + 1), per_beat)


def new_runs(pieces: int, capacity: int, per_beat: int = PER_BEAT) -> NDArray[np.int64]:
    """Return the state of ``recall`` before the first frame, shape (pieces, lags, 5)."""
    return np.zeros((pieces, len(lags(capacity, per_beat)), 5), np.int64)


def recall(
    history: NDArray[np.int64], now: NDArray[np.int64], runs: NDArray[np.int64], per_beat: int = PER_BEAT
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find how each piece may go on at frame ``now``, the first that is not yet written.

    Parameters
    ----------
    history
        Tokens, shape (pieces, capacity, 4), written before ``now``.
    now
        Shape (pieces,).
    runs
        Lengths of the matches that ended one frame earlier, by lag; shape (pieces, lags, 5).
    per_beat
        Frames in a beat.

    Returns
    -------
    runs
        The same, one frame on.
    lengths
        Frames of the longest match of all voices together and of each alone, shape (pieces, 5). The nearest of equals.
    tokens
        What followed it then, shape (pieces, 5, 4).
    """
    rows = np.arange(len(history))[:, None]
    distance = lags(history.shape[1], per_beat)[: runs.shape[1]]
    last = np.maximum(now - 1, 0)[:, None]
    before = last - distance
    same = history[rows, np.maximum(before, 0)] == history[rows, last]
    same &= (before >= 0)[..., None]
    equal = np.concatenate([same.all(-1, keepdims=True), same], -1)
    runs = (runs + 1) * equal
    best = runs.argmax(1)
    lengths = np.take_along_axis(runs, best[:, None], 1)[:, 0]
    source = np.maximum(now[:, None] - distance[best], 0)
    return runs, lengths, history[rows, source]
