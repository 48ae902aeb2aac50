"""Which beats begin a bar: a convolutional network over beats, and the likeliest bars by dynamic programming.

It is asked where the file states no metre, or beats that the notes have nothing to do with. It sees neither key, nor
track, nor tempo, so that it can't learn where one data set begins its bars.

References
----------
F. Krebs, S. Böck and G. Widmer, "Downbeat tracking using beat-synchronous features and recurrent neural networks",
ISMIR 2016: bars as the likeliest path through what a network says of each beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.kit import CRASHES, KICKS, SNARES
from segue.music.melody import is_one_voice
from segue.music.meter import Bars, four_over_three
from segue.music.piece import Piece
from torch import Tensor, nn

FEATURES: Final = 25
LENGTHS: Final[Mapping[int, float]] = MappingProxyType({2: 0.0, 3: 0.2, 4: 0.0, 5: 2.5})
"""Beats that a bar may have, and what speaks against each bar of so many, in nats.

Chosen on validation pieces and chorales: with less, some of these are told as in 5/4, and a third in 3/4.
"""
CHANGE_COST: Final = 6.0
"""What speaks against a bar of another length than the one before, in nats; chosen on validation pieces."""
_UPBEAT: Final = -1
"""In place of the length of a bar before the first."""
_NEAR: Final = 0.15
_LATE: Final = 0.1
_PARTS: Final = (0.15, 0.42, 0.58, 0.9)
_LONGEST: Final = 8.0
_SPANS: Final = (1, 2, 4)
_LAGS: Final = (2, 3, 4, 6, 8)
_APART: Final = (1, 2, 4, 8, 16, 1)
"""How far apart the five beats are that each layer sees."""


def beat_features(piece: Piece, beats: NDArray[np.float64]) -> NDArray[np.float32]:
    """Describe each beat by what begins, changes and comes back on it, shape (beats, 25).

    The columns: how many pitched notes begin, the longest; how many begin in three parts of the beat; the lowest,
    whether there is one, the highest; how many low ones, the longest of them; how many are held over the beat; how much
    harmony changes between one, two and four beats before and after; whether the bass does; how loud it is; kick,
    snare, crash and all drums; how like it is to what lies 2, 3, 4, 6 and 8 beats before.
    """
    count, length = len(beats), np.diff(beats, append=2 * beats[-1] - beats[-2])
    usual = float(np.median(length))
    own = np.clip(np.searchsorted(beats, piece.start + _LATE * usual, side="right") - 1, 0, count - 1)
    within = (piece.start - beats[own]) / length[own]
    drums, struck = piece.is_drum, np.abs(within) < _NEAR
    lasting = np.minimum(piece.duration / length[own], _LONGEST)
    pitched, begins = ~drums, struck & ~drums
    pitch = piece.pitch
    middle, low_end = np.percentile(pitch[pitched], (50, 35)) if pitched.any() else (60.0, 0.0)
    low = begins & (pitch < low_end)

    def number(notes: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(own[notes], minlength=count).astype(np.float64)

    def most(notes: NDArray[np.bool_], values: NDArray[np.float64], least: float) -> NDArray[np.float64]:
        found = np.full(count, least)
        np.maximum.at(found, own[notes], values[notes])
        return found

    relative = (pitch - middle) / 12
    sounds = number(begins) > 0
    lowest, highest = (np.where(sounds, sign * most(begins, sign * relative, -99.0), 0.0) for sign in (-1, 1))
    rhythm = [
        np.log1p(number(begins)),
        np.log1p(most(begins, lasting, 0.0)),
        *(np.log1p(number(pitched & (within >= a) & (within < b))) for a, b in pairwise(_PARTS)),
    ]
    first = np.searchsorted(beats, piece.start[pitched] - _LATE * usual, side="right")
    last = np.maximum(np.searchsorted(beats, piece.end[pitched] - _NEAR * usual), first)
    held = np.cumsum(np.bincount(first, minlength=count + 1) - np.bincount(last, minlength=count + 1))[:count]
    chroma = np.zeros((count, 12))
    np.add.at(chroma, (own[pitched], pitch[pitched] % 12), np.minimum(lasting[pitched], 1.0))
    bass = np.zeros((count, 12))
    below = -most(pitched, -pitch.astype(np.float64), -200.0)
    heard = np.flatnonzero(below < 200)
    bass[heard, below[heard].astype(np.int64) % 12] = 1
    loud = np.bincount(own[begins], piece.velocity[begins], count)[sounds] / number(begins)[sounds]
    louder = np.zeros(count)
    louder[sounds] = (loud - loud.mean()) / (loud.std() + 4) if len(loud) else 0.0
    look = np.hstack([chroma / (_norm(chroma)[:, None] + 1e-6), 0.5 * bass, 0.4 * np.stack(rhythm, axis=1)])
    columns = [
        *rhythm,
        lowest,
        sounds,
        highest,
        np.minimum(number(low), 3) / 2,
        np.log1p(most(low, lasting, 0.0)),
        np.log1p(held),
        *(_change(chroma, span) for span in _SPANS),
        1 - (bass * _earlier(bass, 1)).sum(axis=1),
        louder,
        *(np.minimum(number(struck & drums & np.isin(pitch, kit)), 2) for kit in (KICKS, SNARES, CRASHES)),
        np.log1p(number(drums)),
        *(
            (look * _earlier(look, lag)).sum(axis=1) / (_norm(look) * _norm(_earlier(look, lag)) + 1e-6)
            for lag in _LAGS
        ),
    ]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def _norm(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(rows, axis=1))


def _likeness(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cosine of each row and its counterpart."""
    return np.asarray((some * others).sum(axis=1) / (_norm(some) * _norm(others) + 1e-6))


def _earlier(rows: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """Return the rows that lie some beats before, zeros before the first."""
    return np.pad(rows, [(lag, 0), (0, 0)])[: len(rows)]


def _change(chroma: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """Return how unlike the harmony of some beats before each beat is to that of as many from it on, 0-1."""
    total = np.vstack([np.zeros((1, 12)), np.cumsum(chroma, axis=0)])
    here = np.arange(len(chroma))
    before = total[here] - total[np.maximum(here - span, 0)]
    after = total[np.minimum(here + span, len(chroma))] - total[here]
    return 1 - _likeness(before, after)


class BarNet(nn.Module):
    """Dilated convolutions over 129 beats that say of each beat how likely a bar begins with it."""

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int = 48, dropout: float = 0.3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("spread", torch.ones(FEATURES))
        self.enter = nn.Conv1d(FEATURES, width, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 5, padding=2 * apart, dilation=apart),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Conv1d(width, width, 1),
            )
            for apart in _APART
        )
        self.leave = nn.Conv1d(width, 2, 1)

    def forward(self, beats: Tensor) -> Tensor:
        """Return logits of going on with a bar and of beginning one, shape (batch, beats, 2).

        Parameters
        ----------
        beats : Tensor, shape (batch, beats, 25)
            What ``beat_features`` returns.
        """
        x = torch.relu(self.enter(((beats - self.mean) / self.spread).transpose(1, 2)))
        for block in self.blocks:
            x = torch.relu(x + block(x))
        logits: Tensor = self.leave(x).transpose(1, 2)
        return logits


@torch.inference_mode()
def find_bars(net: BarNet, piece: Piece, beats: NDArray[np.float64], written: bool) -> Bars:
    """Find the bars of a piece whose beats are known, at least two: written, or found in it.

    They are as sure as the network is, in the mean, that each of them begins where it does. It has hardly learnt from
    pieces of one voice that are not songs: there, what the accents of the whole say of three and four beats in a bar
    speaks in each bar too.
    """
    logits = net(torch.from_numpy(beat_features(piece, beats))[None])[0]
    logs = torch.log_softmax(logits, dim=1).double().numpy()
    against = dict(LENGTHS)
    if is_one_voice(piece):
        against[3] += four_over_three(piece, beats, written=written)
    downbeats, lengths = best_bars(logs, against)
    return Bars(downbeats, lengths, float(np.exp(logs[downbeats, 1]).mean()))


def best_bars(
    logs: NDArray[np.float64], against: Mapping[int, float] = LENGTHS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the likeliest bars; an upbeat is shorter than the bar that it leads to.

    Parameters
    ----------
    logs : ndarray, shape (beats, 2)
        Log probability that each beat goes on with a bar, and that it begins one.
    against
        Beats that a bar may have, and what speaks against each bar of so many, in nats.

    Returns
    -------
    downbeats, lengths : ndarray, shape (bars,)
        The beat that begins each bar, and how many beats it has; the last may go on after the end.
    """
    lengths, most = tuple(against), max(against)
    total = [0.0, *np.cumsum(np.pad(logs[:, 0], (0, most))).tolist()]  # beats after the end say nothing
    begin = [*(logs[:, 1] - logs[:, 0]).tolist(), *[0.0] * most]
    count = len(logs)
    # What is best up to a beat, for each length of the bar that ends there, and of which length the one before it is.
    best: list[list[float]] = []
    source: list[list[int]] = []
    for end in range(count + most):
        values, sources = [-np.inf] * len(against), [_UPBEAT] * len(against)
        for kind, (length, rarity) in enumerate(against.items()):
            start = end - length
            if 0 <= start < count:
                same, (other, came) = best[start][kind], max((value, k) for k, value in enumerate(best[start]))
                value, sources[kind] = (same, kind) if same >= other - CHANGE_COST else (other - CHANGE_COST, came)
                if start < length and total[start] >= value:
                    value, sources[kind] = total[start], _UPBEAT
                values[kind] = value + total[end] - total[start] + begin[start] - rarity
        best.append(values)
        source.append(sources)
    _, end, kind = max((value, end, kind) for end in range(count, count + most) for kind, value in enumerate(best[end]))
    found: list[tuple[int, int]] = []
    while kind != _UPBEAT:
        start = end - lengths[kind]
        found.append((start, lengths[kind]))
        end, kind = start, source[end][kind]
    downbeats, beats = np.array(found[::-1], np.int64).T
    return downbeats, beats
