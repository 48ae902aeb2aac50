"""Which notes are the melody: a recurrent network over the notes of a piece.

A note is told by its pitch and rhythm and by its neighbours; neither track nor instrument nor velocity is seen, so that
the network can't learn where one data set keeps its melodies.
"""

from __future__ import annotations

from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.reading import Reading
from segue.music.rhythm import place_onsets
from segue.plugins.score.recurrence import Recurrence
from torch import Tensor, nn

CLASSES: Final = ("melody", "bridge", "accompaniment")
_TOGETHER: Final = 0.05
_FAR: Final = 24
_AROUND: Final = 8
FEATURES: Final = 20
_STRETCH, _CONTEXT, _AT_ONCE = 256, 64, 64


def note_features(reading: Reading) -> NDArray[np.float32]:
    """Describe each pitched note of a piece, shape (notes, 20), values of the order of 1."""
    piece, cells = reading.pitched, reading.cells
    pitch, start = piece.pitch, piece.start
    group_start = np.r_[True, np.diff(start) > _TOGETHER]
    group = np.cumsum(group_start) - 1
    moments = start[group_start]
    gaps = np.diff(moments)
    size = np.bincount(group)
    higher, lower = _neighbours(group, pitch)
    edges = cells.edges
    cell = np.clip(np.searchsorted(edges, start + 1e-6, side="right") - 1, 0, len(cells) - 1)
    top, bass = cells.top, cells.bass
    line = np.where(top >= 0, top, np.median(pitch)).astype(float)
    kernel = np.ones(2 * _AROUND + 1)
    smooth = np.convolve(line, kernel, "same") / np.convolve(np.ones(len(line)), kernel, "same")
    before, after = _nearest(group, pitch, -1), _nearest(group, pitch, 1)
    onsets = place_onsets(reading)
    within = onsets.within[~reading.piece.is_drum]
    columns = [
        (pitch - 60) / 24,
        np.log(piece.duration + 0.05),
        np.log(np.r_[gaps, 4.0] + 0.05)[group],
        np.log(np.r_[4.0, gaps] + 0.05)[group],
        np.log(piece.duration / (np.r_[gaps, 4.0][group] + 0.05) + 0.05),
        np.sin(2 * np.pi * within),
        np.cos(2 * np.pi * within),
        np.sin(4 * np.pi * within),
        np.cos(4 * np.pi * within),
        np.log(size[group]),
        higher == _FAR,
        lower == _FAR,
        higher / 12,
        lower / 12,
        np.minimum(top[cell] - pitch, _FAR) / 12,
        np.minimum(pitch - bass[cell], 48) / 24,
        (pitch - smooth[cell]) / 12,
        before / 6,
        after / 6,
        np.sign(before) == np.sign(after),
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _neighbours(group: NDArray[np.int64], pitch: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how far the next higher and next lower of the notes struck together are, 24 if there is none."""
    order = np.lexsort((pitch, group))
    same = np.diff(group[order]) == 0
    step = np.where(same, np.minimum(np.diff(pitch[order]), _FAR), _FAR)
    higher, lower = np.empty_like(pitch), np.empty_like(pitch)
    higher[order], lower[order] = np.r_[step, _FAR], np.r_[_FAR, step]
    return higher, lower


def _nearest(group: NDArray[np.int64], pitch: NDArray[np.int64], way: int) -> NDArray[np.int64]:
    """Return the interval to the nearest pitch of the moment before (-1) or after (1), 24 if there is none."""
    keys = np.unique(group * 128 + pitch)
    wanted = (group + way) * 128 + pitch
    above = np.searchsorted(keys, wanted)
    found = []
    for index in (above, above - 1):
        key = keys[np.clip(index, 0, len(keys) - 1)]
        near = (key // 128 == group + way) & (index >= 0) & (index < len(keys))
        found.append(np.where(near, np.clip(key % 128 - pitch, -_FAR, _FAR), _FAR))
    return np.where(np.abs(found[0]) <= np.abs(found[1]), found[0], found[1])


class MelodyNet(nn.Module):
    """A bidirectional GRU that says for each note how likely it is of each class."""

    def __init__(self, width: int = 64, layers: int = 2, dropout: float = 0.2) -> None:
        super().__init__()
        self.enter = nn.Linear(FEATURES, width)
        self.gru: Any = nn.GRU(width, width, layers, batch_first=True, bidirectional=True, dropout=dropout)
        self.leave = nn.Linear(2 * width, len(CLASSES))

    def fold(self) -> Self:
        """Follow both directions at once: half the time, and nothing more to learn."""
        self.gru = Recurrence(self.gru)
        return self

    def forward(self, notes: Tensor) -> Tensor:
        """Return logits, shape (batch, notes, 3), of note features, shape (batch, notes, 20)."""
        hidden, _ = self.gru(torch.relu(self.enter(notes)))
        logits: Tensor = self.leave(hidden)
        return logits


@torch.inference_mode()
def class_probabilities(net: MelodyNet, reading: Reading) -> NDArray[np.float64]:
    """Return the probability of each class for each pitched note, shape (notes, 3)."""
    if not len(reading.pitched):
        return np.zeros((0, len(CLASSES)))
    notes = torch.from_numpy(note_features(reading))
    count = len(notes)
    # Stretches side by side take a fraction of the time of one long sequence; each sees its neighbours' edges.
    firsts = torch.arange(0, count, _STRETCH)
    rows = firsts[:, None] + torch.arange(-_CONTEXT, _STRETCH + _CONTEXT)
    parts = [net(notes[part])[:, _CONTEXT:-_CONTEXT] for part in torch.split(rows.clamp(0, count - 1), _AT_ONCE)]
    logits = torch.cat(parts).flatten(0, 1)[:count]
    return np.asarray(torch.softmax(logits, dim=1).double().numpy())
