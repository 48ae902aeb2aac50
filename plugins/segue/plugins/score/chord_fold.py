"""A trained chord network in half the time: around the circle of pitch classes by frequencies.

A convolution around the twelve pitch classes is a product in the frequencies of that circle: seven, of which five are
pairs of a cosine and a sine. There and back is a sixth of the products of laying each pitch class on every other.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any, Final

import torch
from segue.plugins.score.chord_net import ChordNet
from torch import Tensor, nn

_ROUND: Final = 64
"""Cells are filled up to a multiple of this: PyTorch prepares a convolution anew for each length it has not seen."""


def _waves() -> Tensor:
    """Return the waves of a circle of twelve, each of length 1, shape (12, 12): constant, alternating, five pairs."""
    place = torch.arange(12, dtype=torch.float64)
    pairs = [wave(2 * pi * turns * place / 12) / sqrt(6) for turns in range(1, 6) for wave in (torch.cos, torch.sin)]
    return torch.stack([torch.ones_like(place) / sqrt(12), (-1) ** place / sqrt(12), *pairs])


_WAVES: Final = _waves()


class FoldedChordNet:
    """What a ``ChordNet`` computes of one piece, to rounding; nothing here is trained."""

    def __init__(self, net: ChordNet) -> None:
        self._blocks = [_Block(block) for block in net.blocks]
        self._qualities = net.qualities.weight.detach()[:, :, 0, 0]
        self._bias: Any = net.qualities.bias
        self._silence = net.silence

    def __call__(self, features: Tensor) -> Tensor:
        """Return logits of the 133 chords, shape (1, cells, 133), of features (1, 9, cells, 12)."""
        _, channels, cells, _ = features.shape
        x = torch.zeros(12, channels, -(-cells // _ROUND) * _ROUND)
        x[:, :, :cells] = features[0].permute(2, 0, 1)
        for block in self._blocks:
            x = block.follow(x, cells)  # 12, C, T
        x = x[:, :, :cells]
        chords = torch.addmm(self._bias[:, None], self._qualities, x.transpose(0, 1).flatten(1))  # 11, 12 * T
        logits = torch.cat([chords.view(-1, cells).T, self._silence(x.mean(dim=0).T)], dim=1)  # T, 133
        return logits[None]


class _Block:
    """A block of the network."""

    def __init__(self, block: Any) -> None:
        kernel = block.pitch.weight.detach().double().squeeze(2)  # O, C, 12
        place = torch.arange(12)
        circle = kernel[:, :, (place - place[:, None]) % 12]  # O, C, to, from
        waves = torch.einsum("ap,ocpq,bq->aobc", _WAVES, circle, _WAVES)  # wave, O, wave, C
        self._ends = torch.stack([waves[row, :, row] for row in (0, 1)]).float()
        pairs = [waves[row : row + 2, :, row : row + 2] for row in range(2, 12, 2)]
        self._pairs = torch.stack([pair.flatten(2).flatten(0, 1) for pair in pairs]).float()
        self._there, self._back = _WAVES.float(), _WAVES.T.float().contiguous()
        self._constant = sqrt(12) * block.pitch.bias.detach()[:, None]
        self._time, self._apart = block.time, block.time.dilation[0]
        self._kernel = block.time.weight.detach()[..., 0].contiguous()
        self._adds = block.adds

    def follow(self, x: Tensor, cells: int) -> Tensor:
        """Return what the block makes of (12, channels, cells and more); what is behind the cells means nothing."""
        _, inside, filled = x.shape
        outside = len(self._constant)
        seen = (self._there @ x.view(12, -1)).view(12, inside, filled)
        found = torch.empty(12, outside, filled)
        torch.bmm(self._ends, seen[:2], out=found[:2])
        torch.bmm(self._pairs, seen[2:].view(5, 2 * inside, filled), out=found[2:].view(5, 2 * outside, filled))
        found[0] += self._constant
        y = (self._back @ found.view(12, -1)).view(12, outside, filled).relu_()
        y[:, :, cells:] = 0
        edge = 2 * self._apart
        y = nn.functional.conv1d(y, self._kernel, self._time.bias, padding=edge, dilation=self._apart).relu_()
        return y.add_(x) if self._adds else y
