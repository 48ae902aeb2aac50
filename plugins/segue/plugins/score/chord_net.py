"""Which chord sounds in each cell: a small convolutional network that sees every transposition alike.

Pitch classes are an axis that wraps around, and each layer spans all twelve of them; so the network reads a progression
in F# as it reads it in C, and needs no transposed copies of its training songs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.cells import DOWNBEAT, WEAK, Cells
from segue.music.chords import template_evidence
from segue.music.theory import NO_CHORD, QUALITY_NAMES
from torch import Tensor, nn

CHANNELS: Final = 9
HIGHEST: Final = 6
"""The channel of the highest note."""
_BY_REGISTER: Final = np.eye(36)[12 * np.digitize(np.arange(128), (52, 66)) + np.arange(128) % 12]
"""Which register's pitch class each pitch is, shape (128, 36); a middle one begins at 52, a high one at 66."""
_STRETCH: Final = 1024
_SEEN: Final = 30
"""Cells before and after one that the network sees."""
_TEMPLATES: Final = 0.15
_SUSPENDED: Final = 1.0
KEY_WEIGHT: Final = 0.2
"""How much the local key says which chords are likely. This and ``_SUSPENDED`` were chosen on validation songs."""
CHANGE_COST: Final = (0.5, 0.8, 1.2, 2.5)
"""Cost of a change at a downbeat, a strong beat, a beat and between beats, that goes with the network."""


def cell_features(cells: Cells) -> NDArray[np.float32]:
    """Describe each cell by pitch class, shape (9, cells, 12).

    The channels: how much of the cell it sounds in a low, a middle and a high register, its share of all sounding time,
    whether it is struck, is the lowest, is the highest, and whether the cell is on a beat and begins a bar.
    """
    count = len(cells)
    parts = (cells.sounding @ _BY_REGISTER).reshape(count, 3, 12)
    registers, total = np.minimum(parts, 1.0).swapaxes(0, 1), parts.sum(axis=1)
    lowest, highest = np.zeros((2, count, 12))
    for found, pitch in ((lowest, cells.bass), (highest, cells.top)):
        heard = np.flatnonzero(pitch >= 0)
        found[heard, pitch[heard] % 12] = 1
    share = total / np.maximum(total.sum(axis=1, keepdims=True), 1e-6)
    levels = [np.broadcast_to(on[:, None], (count, 12)) for on in (cells.level != WEAK, cells.level == DOWNBEAT)]
    channels = [*registers, share, cells.onsets, lowest, highest, *levels]
    return np.stack([np.asarray(channel, np.float32) for channel in channels])


class _Block(nn.Module):
    """All twelve pitch classes, then five cells at a distance."""

    def __init__(self, inside: int, outside: int, apart: int) -> None:
        super().__init__()
        self.pitch = nn.Conv2d(inside, outside, (1, 12))
        self.time = nn.Conv2d(outside, outside, (5, 1), dilation=(apart, 1), padding=(2 * apart, 0))
        self.adds = inside == outside

    def forward(self, x: Tensor) -> Tensor:
        wrapped = torch.cat([x, x[..., :-1]], dim=3)  # B, C, T, 23
        y = torch.relu(self.time(torch.relu(self.pitch(wrapped))))  # B, C, T, 12
        return x + y if self.adds else y


class ChordNet(nn.Module):
    """Four blocks that see 61 cells."""

    def __init__(self, width: int = 32, dropout: float = 0.1) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [_Block(CHANNELS, width, 1), _Block(width, width, 2), _Block(width, width, 4), _Block(width, width, 8)]
        )
        self.qualities = nn.Conv2d(width, len(QUALITY_NAMES), 1)
        self.silence = nn.Linear(width, 1)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the 133 chords, shape (batch, cells, 133), of features (batch, 9, cells, 12)."""
        for block in self.blocks:
            x = self.dropout(block(x))
        chords = self.qualities(x).permute(0, 2, 1, 3).flatten(2)  # B, T, 132
        return torch.cat([chords, self.silence(x.mean(dim=3).transpose(1, 2))], dim=2)  # B, T, 133


@torch.inference_mode()
def chord_evidence(net: Callable[[Tensor], Tensor], cells: Cells) -> NDArray[np.float64]:
    """Return the evidence for each chord in each cell, shape (cells, 133): the network's and a little of templates.

    ``net`` is a ``ChordNet``, or what computes the same.
    """
    inputs = torch.from_numpy(cell_features(cells))[None]
    # Stretches, each with all that the network sees around them, need a bounded memory.
    parts = []
    for start in range(0, len(cells), _STRETCH):
        before = min(start, _SEEN)
        logits = net(inputs[:, :, start - before : start + _STRETCH + _SEEN])[0]
        parts.append(logits[before : before + _STRETCH])
    logits = torch.cat(parts)
    evidence = torch.log_softmax(logits, dim=1).double().numpy()
    for quality in ("sus4", "sus2"):  # rare labels, which smoothing makes likelier than they are
        first = 12 * QUALITY_NAMES.index(quality)
        evidence[:, first : first + 12] -= _SUSPENDED
    evidence[cells.bass < 0, :NO_CHORD] -= 2.0  # a silent cell may lie inside a chord, but does not speak for it
    return np.asarray(evidence + _TEMPLATES * template_evidence(cells))
