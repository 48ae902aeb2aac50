"""Three small networks that hear emotion: convolutions on a piano roll, a GRU and a Transformer on note tokens.

All three hear a piece moved to the key signature without sharps and flats, as its histogram of pitch classes suggests;
so that a few hundred clips are enough to learn what major and minor are like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.keys import histogram_scores
from segue.plugins.score.recurrence import Recurrence
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

QUADRANTS: Final = ("happy", "tense", "sad", "calm")
"""In the order of ``EmotionQuadrant``: the excited pleasant and unpleasant, the calm unpleasant and pleasant."""
TOKEN: Final = 19
NOTES: Final = 160
FRAMES: Final = 256
FRAMES_PER_SECOND: Final = 8
ROLL_SECONDS: Final = FRAMES / FRAMES_PER_SECOND
LOWEST, HIGHEST = 24, 108
_TOGETHER: Final = 0.05


def signature(piece: Piece) -> int:
    """Return the tonic of the major key whose signature the pitched notes of a piece suggest, 0-11."""
    weights = np.asarray(np.bincount(piece.pitch % 12, piece.duration, 12), np.float64)
    key = int(histogram_scores(weights).argmax())
    return (key + 3 * (key >= 12)) % 12


def note_tokens(piece: Piece) -> NDArray[np.float32]:
    """Describe the notes of a piece as they are heard, in seconds, shape (notes, 19), values of the order of 1.

    Pitch, interval, length, time since the note before, velocity, whether it is struck with the one before, pitch
    beside the mean pitch, and one of twelve degrees of the scale.
    """
    start, end = piece.beats_to_seconds(piece.start), piece.beats_to_seconds(piece.end)
    gap = np.diff(start, prepend=start[:1])
    columns = [
        (piece.pitch - 60) / 24,
        np.diff(piece.pitch, prepend=piece.pitch[:1]) / 12,
        np.log(end - start + _TOGETHER) / 2,
        np.log(gap + _TOGETHER) / 2,
        (piece.velocity - 64) / 32,
        gap < _TOGETHER,
        (piece.pitch - piece.pitch.mean()) / 24,
    ]
    degree = np.eye(12)[(piece.pitch - signature(piece)) % 12]
    return np.asarray(np.concatenate([np.stack(columns, axis=1), degree], axis=1), np.float32)


def piano_roll(piece: Piece) -> NDArray[np.float32]:
    """Draw velocity over the first 32 seconds at eight frames a second, onsets apart, shape (2, 84, 256)."""
    begin = piece.beats_to_seconds(piece.start[:1])
    first, last = (
        ((piece.beats_to_seconds(beats) - begin) * FRAMES_PER_SECOND).astype(np.int64)
        for beats in (piece.start, piece.end)
    )
    up = -((signature(piece) + 5) % 12 - 5)
    row = piece.pitch + up - LOWEST
    roll = np.zeros((2, HIGHEST - LOWEST, FRAMES), np.float32)
    inside = np.flatnonzero((row >= 0) & (row < HIGHEST - LOWEST) & (first < FRAMES))
    loud = (piece.velocity / 64).astype(np.float32)
    roll[1, row[inside], first[inside]] = loud[inside]
    lasting = np.minimum(last[inside], FRAMES - 1) - first[inside] + 1
    note = np.repeat(inside, lasting)
    frame = first[note] + np.arange(len(note)) - np.repeat(np.cumsum(lasting) - lasting, lasting)
    roll[0, row[note], frame] = loud[note]  # of notes that overlap, the last counts
    return roll


def _pooled(hidden: Tensor, dims: int | tuple[int, int]) -> Tensor:
    return torch.cat([hidden.mean(dim=dims), hidden.amax(dim=dims)], dim=1)


class RollNet(nn.Module):
    """Convolutions on a piano roll."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 16, (12, 4), (2, 2), (5, 1)), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, (6, 4), (2, 2), (2, 1)), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 48, (5, 4), (2, 2), (2, 1)), nn.BatchNorm2d(48), nn.ReLU(),
        )  # fmt: skip
        self.leave = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * 48, len(QUADRANTS)))

    def fold(self) -> None:
        """Fold what normalises into the convolutions: a quarter less to compute, and nothing more to learn."""
        layers: list[Any] = list(self.layers)
        stages = zip(layers[::3], layers[1::3], layers[2::3], strict=True)
        folded = [(fuse_conv_bn_eval(conv, norm), rectify) for conv, norm, rectify in stages]
        self.layers = nn.Sequential(*(layer for stage in folded for layer in stage))

    def embed(self, roll: Tensor) -> Tensor:
        """Return what was heard, shape (batch, 96), in rolls, shape (batch, 2, 84, frames)."""
        return _pooled(self.layers(roll), (2, 3))

    def forward(self, roll: Tensor) -> Tensor:
        """Return logits, shape (batch, 4)."""
        logits: Tensor = self.leave(self.embed(roll))
        return logits


class NoteNet(nn.Module, ABC):
    """A network on note tokens that learns from music without labels; only ``leave`` learns what is felt.

    Attributes
    ----------
    width
        Of what it makes of each note.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.leave = nn.Linear(3 * width, len(QUADRANTS))

    @abstractmethod
    def follow(self, notes: Tensor) -> Tensor:
        """Return what each note is in its context, shape (batch, notes, width), of tokens, shape (batch, notes, 19)."""

    def pool(self, context: Tensor) -> Tensor:
        """Sum up notes in their context, shape (batch, notes, width), to shape (batch, 3 * width)."""
        return torch.cat([_pooled(context, 1), context.std(dim=1, correction=0)], dim=1)

    def embed(self, notes: Tensor) -> Tensor:
        """Return what was heard, shape (batch, 3 * width), in note tokens, shape (batch, notes, 19)."""
        return self.pool(self.follow(notes))


class RecurrentNet(NoteNet):
    """A bidirectional GRU on note tokens."""

    def __init__(self, width: int = 192) -> None:
        super().__init__(width)
        self.enter = nn.Linear(TOKEN, width // 2)
        self.gru: Any = nn.GRU(width // 2, width // 2, batch_first=True, bidirectional=True)

    def fold(self) -> None:
        """Follow both directions at once: half the time, and nothing more to learn."""
        self.gru = Recurrence(self.gru)

    def follow(self, notes: Tensor) -> Tensor:
        """Return what each note is in its context, shape (batch, notes, width), of tokens, shape (batch, notes, 19)."""
        context: Tensor = self.gru(torch.relu(self.enter(notes)))[0]
        return context


class AttentionNet(NoteNet):
    """Convolutions on note tokens, each of which sees 113 of them, and a layer of a Transformer that sees all."""

    def __init__(self, width: int = 160) -> None:
        super().__init__(width)
        self.enter = nn.Conv1d(TOKEN, width, 9, padding=4)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, width),
                nn.Conv1d(width, width, 5, padding=2 * apart, dilation=apart),
                nn.ReLU(),
                nn.Conv1d(width, width, 1),
            )
            for apart in (2, 6, 18)
        )
        self.layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.1, "gelu", batch_first=True, norm_first=True)

    def follow(self, notes: Tensor) -> Tensor:
        """Return what each note is in its context, shape (batch, notes, width), of tokens, shape (batch, notes, 19)."""
        near = torch.relu(self.enter(notes.mT))
        for block in self.blocks:
            near = near + block(near)
        context: Tensor = self.layer(near.mT)
        return context
