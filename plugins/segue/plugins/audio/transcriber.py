"""From sound to notes: basic-pitch's network over windows of two seconds, then notes out of its posteriors.

References
----------
R. M. Bittner, J. J. Bosch, D. Rubinstein, G. Meseguer-Brocal, S. Ewert, "A lightweight instrument-agnostic model for
polyphonic note transcription and multipitch estimation", ICASSP 2022: the network, and the principle that an onset's
peak begins a note that lasts while its frames are active (section 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from segue.plugins.audio.onnx import open_network
from segue.plugins.audio.scorer import Scorer, probability

RATE: Final = 22_050
HOP: Final = 256
FRAMES_PER_SECOND: Final = RATE / HOP
LOWEST: Final = 21
PITCHES: Final = 88
WINDOW: Final = 43_844  # samples that the network takes
_FRAMES: Final = 172  # frames that it gives for them
_MARGIN: Final = 15  # frames at either end that a neighbouring window sees better
_STRIDE: Final = _FRAMES - 2 * _MARGIN

_ONSET: Final = 0.3
_FRAME: Final = 0.2
_GAP: Final = 8
_SHORTEST: Final = 4
"""Frames, like the gap; all four let much in, as what is found is judged afterwards."""
_BELOW: Final = (1, 12, 19, 24, 28, 31, 36)
"""Semitones to the keys of which a note may be a partial, and to a neighbour."""
_ABOVE: Final = (1, 12, 19, 24)
_NEAR: Final = 3
_BEGINNING: Final = 10


@dataclass(frozen=True)
class Posteriors:
    """What the network hears in each frame.

    Attributes
    ----------
    active : ndarray of float32, shape (frames, 88)
        Probability that each key of the piano, from A0 on, sounds.
    onset : ndarray of float32, shape (frames, 88)
        Probability that it begins.
    """

    active: NDArray[np.float32]
    onset: NDArray[np.float32]


@dataclass(frozen=True)
class HeardNotes:
    """Notes as columns of equal length, in order of start.

    Attributes
    ----------
    start, end
        In seconds.
    pitch
        MIDI numbers.
    strength
        Mean activity of the note's frames, 0-1.
    probability
        That it was played, 0-1.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    pitch: NDArray[np.int64]
    strength: NDArray[np.float64]
    probability: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)


def cut_windows(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut sound at 22,050 Hz into overlapping windows, a whole number of frames apart, shape (windows, 43844)."""
    stride = _STRIDE * HOP
    count = max(1, -(-len(samples) // stride))
    padded = np.zeros((count - 1) * stride + WINDOW, np.float32)
    lead = _MARGIN * HOP
    padded[lead : lead + len(samples)] = samples[: len(padded) - lead]
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::stride]


class Transcriber:
    """The network.

    Parameters
    ----------
    path
        ``nmp.onnx`` of basic-pitch.
    """

    def __init__(self, path: Path) -> None:
        self._session = open_network(path)

    def hear(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run windows of ``cut_windows`` as one batch.

        Returns
        -------
        ndarray, shape (windows, 2, 142, 88)
            For the middle of each window, so that they join: whether each key sounds, and whether it begins.
        """
        names = ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"]
        found = self._session.run(names, {self._session.get_inputs()[0].name: windows[:, :, None]})
        return np.asarray(np.stack(found, axis=1)[:, :, _MARGIN:-_MARGIN])


def join(heard: NDArray[np.float32], samples: int) -> Posteriors:
    """Join what was heard in all windows, in order, of a sound of so many samples."""
    frames = -(-samples // HOP)
    return Posteriors(*(heard[:, row].reshape(-1, PITCHES)[:frames] for row in (0, 1)))


def find_candidates(
    heard: Posteriors, onset_least: float = _ONSET, frame_least: float = _FRAME, gap: int = _GAP, least: int = _SHORTEST
) -> NDArray[np.int64]:
    """Find what may be notes: first frame, frame after the last, and key of each, in order; shape (n, 3).

    A peak of the onset posterior begins a note, which lasts until its frames have been inactive for a while or the
    key is struck again.

    Parameters
    ----------
    heard
        What the network hears.
    onset_least, frame_least
        Probability of an onset, and of an active frame, from which it counts.
    gap, least
        Inactive frames that end a note, and frames that a note lasts at least.
    """
    onset = heard.onset
    peaks = (onset >= onset_least) & (onset >= np.roll(onset, 1, 0)) & (onset > np.roll(onset, -1, 0))
    rows: list[tuple[int, int, int]] = []
    for key in range(PITCHES):
        starts = np.flatnonzero(peaks[:, key])
        active = np.flatnonzero(heard.active[:, key] >= frame_least)
        for start, limit in pairwise([*starts.tolist(), len(onset)]):
            within = active[np.searchsorted(active, start) : np.searchsorted(active, limit)]
            if not len(within) or within[0] > start + gap:
                continue
            breaks = np.flatnonzero(np.diff(within) > gap)
            end = int(within[breaks[0]] if len(breaks) else within[-1]) + 1
            if end - start >= least:
                rows.append((start, end, key))
    return np.array(sorted(rows), np.int64).reshape(-1, 3)


def note_features(heard: Posteriors, candidates: NDArray[np.int64]) -> NDArray[np.float32]:
    """Say what speaks for each candidate, shape (n, features): how it begins and lasts, and the keys it may echo."""
    start, end, key = candidates.T
    edge = max(_BELOW)
    onset = maximum_filter1d(np.pad(heard.onset, ((0, 0), (edge, edge))), 2 * _NEAR + 1, axis=0)
    active = np.pad(heard.active, ((0, 0), (edge, edge)))
    total = np.concatenate([np.zeros((1, active.shape[1])), np.cumsum(active, axis=0, dtype=np.float64)])
    place = key + edge

    def mean(first: NDArray[np.int64], last: NDArray[np.int64], where: NDArray[np.int64]) -> NDArray[np.float64]:
        first, last = np.clip(first, 0, len(active) - 1), np.clip(last, 1, len(active))
        return np.asarray((total[last, where] - total[first, where]) / np.maximum(last - first, 1))

    begun = np.minimum(start + _BEGINNING, end)
    own, own_active = onset[start, place], mean(start, begun, place)
    columns = [own, own**2, own_active, mean(start, end, place), np.log(end - start), mean(start - 6, start - 1, place)]
    columns += [key / PITCHES, (key / PITCHES) ** 2, np.clip(active[start].sum(axis=1) / 10, 0, 2)]
    for step in [*(-below for below in _BELOW), *_ABOVE]:
        other, other_active = onset[start, place + step], mean(start, begun, place + step)
        columns += [other, other_active, np.maximum(other - own, 0), np.maximum(other_active - own_active, 0)]
    return np.asarray(np.stack(columns, axis=1), np.float32)


def find_notes(heard: Posteriors, judge: Scorer) -> HeardNotes:
    """Turn posteriors into notes: those candidates that were more likely played than not."""
    candidates = find_candidates(heard)
    if not len(candidates):
        nothing = np.zeros(0)
        return HeardNotes(nothing, nothing, np.zeros(0, np.int64), nothing, nothing)
    chance = probability(judge(note_features(heard, candidates)))
    start, end, key = candidates[chance >= 0.5].T
    strength = [float(heard.active[a:b, k].mean()) for a, b, k in zip(start, end, key, strict=True)]
    return HeardNotes(
        start / FRAMES_PER_SECOND, end / FRAMES_PER_SECOND, key + LOWEST, np.array(strength), chance[chance >= 0.5]
    )
