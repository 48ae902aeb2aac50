"""When the generator's neurons fire: so that it writes as many notes, as long, as there are in real music of a style."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from segue.plugins.style_gan.lessons import Lesson, Windows
from segue.plugins.style_gan.network import BEATEN, Generator
from segue.plugins.style_gan.roll import LOWEST, PER_CELL, PITCHES
from torch import Tensor

LAYERS: Final = ("bass begins", "bass sounds", "upper notes begin", "upper notes sound", "drums")
_BASS_BELOW: Final = 52
_WINDOWS: Final = 64
_SHIFTS: Final = slice(12, 24)


def layers_of(context: Tensor) -> Tensor:
    """Return the layer of each number that the generator writes, shape (batch, cells, WRITTEN)."""
    shift = context[..., _SHIFTS].argmax(-1) - 5
    pitch = torch.arange(PITCHES) + LOWEST + shift[..., None]
    upper = 2 * (pitch >= _BASS_BELOW).long()  # (batch, cells, pitches)
    cell = torch.stack([upper, upper + 1], -1)[:, :, None].expand(-1, -1, PER_CELL, -1, -1).flatten(2)
    return torch.cat([cell, torch.full((*shift.shape, BEATEN), 4)], -1)


@torch.no_grad()
def calibrate(generator: Generator, windows: Windows, styles: int, rng: np.random.Generator) -> Tensor:
    """Return the logit above which each layer of each style is written, shape (styles, layers).

    The generator hears other songs in other styles, and writes as many cells of a layer as real windows hold.
    """
    threshold = torch.zeros(styles, len(LAYERS))
    for style in range(styles):
        real = windows.draw(rng, np.full(_WINDOWS, style))
        heard = windows.draw(rng, rng.integers(windows.styles, size=_WINDOWS))
        logits = generator(*heard.told(torch.full((_WINDOWS,), style)))
        threshold[style] = _quantiles(logits, layers_of(heard.context), real)
    return threshold


def _quantiles(logits: Tensor, layers: Tensor, real: Lesson) -> Tensor:
    found, there = layers_of(real.context), real.band.bool()
    rows = []
    for layer in range(len(LAYERS)):
        count = int(there[found == layer].sum())
        ordered = logits[layers == layer].sort(descending=True).values
        rows.append(ordered[min(count, len(ordered) - 1)] if count else torch.tensor(torch.inf))
    return torch.stack(rows)


