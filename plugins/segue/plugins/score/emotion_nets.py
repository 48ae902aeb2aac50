"""Three small networks that hear emotion: convolutions on a piano roll, a GRU and a Transformer on notes."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from torch import Tensor, nn

QUADRANTS: Final = ("happy", "tense", "sad", "calm")
"""In the order of ``EmotionQuadrant``: the excited pleasant and unpleasant, the calm unpleasant and pleasant."""
NOTE_FEATURES: Final = 7
NOTES: Final = 256
FRAMES: Final = 320
FRAMES_PER_SECOND: Final = 8
LOWEST, HIGHEST = 21, 109


def note_features(piece: Piece) -> NDArray[np.float32]:
    """Describe the notes of a piece as they are heard, in seconds, shape (notes, 7), values of the order of 1."""
    start, end = piece.beats_to_seconds(piece.start), piece.beats_to_seconds(piece.end)
    gap = np.diff(start, prepend=start[:1])
    columns = [
        (piece.pitch - 60) / 24,
        np.diff(piece.pitch, prepend=piece.pitch[:1]) / 12,
        np.log(end - start + 0.05),
        np.log(gap + 0.05),
        (piece.velocity - 64) / 32,
        gap < 0.05,
        (piece.pitch - piece.pitch.mean()) / 24,
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def piano_roll(piece: Piece) -> NDArray[np.float32]:
    """Draw velocity over time at eight frames a second, onsets apart, shape (2, 88, frames)."""
    start, end = piece.beats_to_seconds(piece.start), piece.beats_to_seconds(piece.end)
    first = np.floor((start - start.min(initial=0)) * FRAMES_PER_SECOND).astype(np.int64)
    last = np.ceil((end - start.min(initial=0)) * FRAMES_PER_SECOND).astype(np.int64)
    roll = np.zeros((2, HIGHEST - LOWEST, FRAMES), np.float32)
    inside = (piece.pitch >= LOWEST) & (piece.pitch < HIGHEST) & (first < FRAMES)
    for row, a, b, loud in zip(
        (piece.pitch[inside] - LOWEST).tolist(),
        first[inside].tolist(),
        last[inside].tolist(),
        (piece.velocity[inside] / 127).tolist(),
        strict=True,
    ):
        roll[0, row, a:b] = loud
        roll[1, row, a] = loud
    return roll


class RollNet(nn.Module):
    """Convolutions on a piano roll."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 16, (13, 5), (2, 2), (6, 2)), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, (5, 5), (2, 2), (2, 2)), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, (5, 5), (2, 2), (2, 2)), nn.BatchNorm2d(48), nn.ReLU(), nn.Dropout2d(0.2),
        )  # fmt: skip
        self.leave = nn.Linear(2 * 48, len(QUADRANTS))

    def forward(self, roll: Tensor) -> Tensor:
        """Return logits, shape (batch, 4), of rolls, shape (batch, 2, 88, frames)."""
        hidden = self.layers(roll)  # B, 48, 11, T
        pooled = torch.cat([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3))], dim=1)  # B, 96
        logits: Tensor = self.leave(pooled)
        return logits


class RecurrentNet(nn.Module):
    """A bidirectional GRU on notes."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.gru = nn.GRU(NOTE_FEATURES, width, 2, batch_first=True, bidirectional=True, dropout=0.3)
        self.dropout = nn.Dropout(0.3)
        self.leave = nn.Linear(4 * width, len(QUADRANTS))

    def forward(self, notes: Tensor) -> Tensor:
        """Return logits, shape (batch, 4), of note features, shape (batch, notes, 7)."""
        hidden = self.gru(notes)[0]
        logits: Tensor = self.leave(self.dropout(torch.cat([hidden.mean(dim=1), hidden.amax(dim=1)], dim=1)))
        return logits


class AttentionNet(nn.Module):
    """A Transformer on notes; their order shows in the gaps between them, and in a slow wave."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Linear(NOTE_FEATURES + 2, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.2, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.leave = nn.Linear(2 * width, len(QUADRANTS))

    def forward(self, notes: Tensor) -> Tensor:
        """Return logits, shape (batch, 4), of note features, shape (batch, notes, 7)."""
        place = torch.arange(notes.shape[1]) / 8
        wave = torch.stack([place.sin(), place.cos()], dim=1).expand(len(notes), -1, -1)
        hidden = self.layers(self.enter(torch.cat([notes, wave], dim=2)))
        logits: Tensor = self.leave(torch.cat([hidden.mean(dim=1), hidden.amax(dim=1)], dim=1))
        return logits
