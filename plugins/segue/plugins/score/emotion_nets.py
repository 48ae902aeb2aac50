"""Three small networks that hear emotion: convolutions on a piano roll, a GRU and a Transformer on note tokens.

Each makes something of every half second or note in its context. They learn that from music without labels; only the
last layer, ``leave``, learns what is felt.

All three are given pitches as degrees of the key signature that the histogram of pitch classes suggests, beside the
pitches themselves; so that a few hundred clips are enough to learn what major and minor are like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.keys import histogram_scores
from segue.plugins.score.recurrence import Recurrence
from torch import Tensor, nn

QUADRANTS: Final = ("happy", "tense", "sad", "calm")
"""In the order of ``EmotionQuadrant``: the excited pleasant and unpleasant, the calm unpleasant and pleasant."""
TOKEN: Final = 19
NOTES: Final = 160
FRAMES: Final = 256
FRAMES_PER_SECOND: Final = 8
STRIDE: Final = 4
"""Frames of a roll that the network on it takes together."""
ROLL_SECONDS: Final = FRAMES / FRAMES_PER_SECOND
LOWEST, HIGHEST = 24, 108
ROWS: Final = HIGHEST - LOWEST
DEGREES: Final = 12
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


def piano_roll(piece: Piece, begin: float | None = None, frames: int = FRAMES) -> NDArray[np.uint8]:
    """Draw the velocities of a piece at eight frames a second, what sounds and what is struck.

    Parameters
    ----------
    piece
        With pitched notes only.
    begin
        In seconds; the first note if none is given.
    frames
        How many to draw at most.

    Returns
    -------
    ndarray, shape (frames, 2, 84)
        0 to 127, of MIDI pitches from 24; at least eight frames, and no more than it takes for the last note to end.
    """
    start, end = (piece.beats_to_seconds(beats) for beats in (piece.start, piece.end))
    begin = float(start[0]) if begin is None else begin
    first, last = (((seconds - begin) * FRAMES_PER_SECOND).astype(np.int64) for seconds in (start, end))
    frames = int(np.clip(last.max(initial=0) + 1, 2 * STRIDE, max(2 * STRIDE, frames)))
    row = piece.pitch - LOWEST
    roll = np.zeros((frames, 2, ROWS), np.uint8)
    inside = np.flatnonzero((row >= 0) & (row < ROWS) & (last >= 0) & (first < frames))
    struck = inside[first[inside] >= 0]
    roll[first[struck], 1, row[struck]] = piece.velocity[struck]
    first, last = np.maximum(first, 0), np.minimum(last, frames - 1)
    lasting = last[inside] - first[inside] + 1
    note = np.repeat(inside, lasting)
    frame = first[note] + np.arange(len(note)) - np.repeat(np.cumsum(lasting) - lasting, lasting)
    roll[frame, 0, row[note]] = piece.velocity[note]  # of notes that overlap, the last counts
    return roll


def roll_inputs(roll: NDArray[np.uint8], tonic: int, up: int = 0) -> NDArray[np.float32]:
    """Return what the network on rolls is given, shape (frames, 192), values of the order of 1.

    What sounds and what is struck, each by pitch and, folded into an octave, by degree of the scale.

    Parameters
    ----------
    roll : ndarray, shape (frames, 2, 84)
    tonic
        What ``signature`` said, 0-11.
    up
        How far the pitches are moved, in semitones; degrees stay.
    """
    loud = (roll / 64).astype(np.float32)
    degrees = np.roll(loud.reshape(len(roll), 2, -1, DEGREES).max(axis=2), -tonic, axis=2)
    moved = np.roll(loud, up, axis=2)
    moved[:, :, : max(up, 0)] = moved[:, :, ROWS + min(up, 0) :] = 0
    return np.concatenate([part.reshape(len(roll), -1) for part in (moved, degrees)], axis=1)


class ContextNet(nn.Module, ABC):
    """A network that makes something of each step of a row: of a note, or of half a second of a roll.

    Parameters
    ----------
    width
        Of what it makes of each step.
    depths
        At how many of its depths ``embed`` sums up the steps.
    """

    def __init__(self, width: int, depths: int = 1) -> None:
        super().__init__()
        self.width = width
        self.leave = nn.Linear(3 * width * depths, len(QUADRANTS))

    @abstractmethod
    def follow(self, inputs: Tensor) -> Tensor:
        """Return each step in its context, shape (batch, steps, width)."""

    def pool(self, context: Tensor) -> Tensor:
        """Sum up steps in their context, shape (batch, steps, width), to shape (batch, 3 * width)."""
        return torch.cat([context.mean(dim=1), context.amax(dim=1), context.std(dim=1, correction=0)], dim=1)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return what was heard, one row of a batch for each row of steps."""
        return self.pool(self.follow(inputs))


def _dilated(width: int, distances: Sequence[int]) -> nn.ModuleList:
    """Return blocks of convolutions over five steps that lie so far apart, to be added to what they are given."""
    return nn.ModuleList(
        nn.Sequential(
            nn.GroupNorm(1, width),
            nn.Conv1d(width, width, 5, padding=2 * apart, dilation=apart),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
        )
        for apart in distances
    )


class RollNet(ContextNet):
    """Convolutions on a piano roll: a step is half a second, and sees 6 seconds around it, then 30."""

    def __init__(self, width: int = 160) -> None:
        super().__init__(width, depths=2)
        self.enter = nn.Conv1d(2 * (ROWS + DEGREES), width, 2 * STRIDE, STRIDE, STRIDE // 2)
        self.near = _dilated(width, (1, 2))
        self.far = _dilated(width, (4, 8))

    def follow(self, inputs: Tensor) -> Tensor:
        """Return each half second in its context, shape (batch, frames / 4, width), of (batch, frames, 192)."""
        return self._depths(inputs)[1]

    def embed(self, inputs: Tensor) -> Tensor:
        """Return what was heard, shape (batch, 6 * width): what is near keeps more of how loud and lively it is."""
        return torch.cat([self.pool(context) for context in self._depths(inputs)], dim=1)

    def _depths(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        near = torch.relu(self.enter(inputs.mT.contiguous()))  # half the time
        for block in self.near:
            near = near + block(near)
        far = near
        for block in self.far:
            far = far + block(far)
        return near.mT, far.mT


class RecurrentNet(ContextNet):
    """A bidirectional GRU on note tokens."""

    def __init__(self, width: int = 192) -> None:
        super().__init__(width)
        self.enter = nn.Linear(TOKEN, width // 2)
        self.gru: Any = nn.GRU(width // 2, width // 2, batch_first=True, bidirectional=True)

    def fold(self) -> None:
        """Follow both directions at once: half the time, and nothing more to learn."""
        self.gru = Recurrence(self.gru)

    def follow(self, inputs: Tensor) -> Tensor:
        """Return each note in its context, shape (batch, notes, width), of tokens, shape (batch, notes, 19)."""
        context: Tensor = self.gru(torch.relu(self.enter(inputs)))[0]
        return context


class AttentionNet(ContextNet):
    """Convolutions on note tokens, each of which sees 113 of them, and a layer of a Transformer that sees all."""

    def __init__(self, width: int = 160) -> None:
        super().__init__(width)
        self.enter = nn.Conv1d(TOKEN, width, 9, padding=4)
        self.blocks = _dilated(width, (2, 6, 18))
        self.layer = nn.TransformerEncoderLayer(width, 4, 2 * width, 0.1, "gelu", batch_first=True, norm_first=True)

    def follow(self, inputs: Tensor) -> Tensor:
        """Return each note in its context, shape (batch, notes, width), of tokens, shape (batch, notes, 19)."""
        near = torch.relu(self.enter(inputs.mT))
        for block in self.blocks:
            near = near + block(near)
        context: Tensor = self.layer(near.mT)
        return context
