"""The quarter-note benchmark: frames of a beat, each a set of pitches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from segue.music.bar_lines import PER_BEAT, Frames
from segue.plugins.chorale.data import SPLITS, Chorale
from segue.plugins.chorale.frames import NO_NOTE, REST
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.network import CLASSES
from torch import Tensor

QUARTERS: Final = "jsb-chorales-quarter.json"
_LOWER: Final = 12
"""Semitones by which the pieces, published in C and high, are moved to where the network's tokens are."""
_TONIC: Final = 0


def read_quarters(data: Path) -> dict[str, list[Chorale]]:
    raw = json.loads((data / QUARTERS).read_text())
    return {
        split: [Chorale.of(np.stack([to_frame(s) for s in piece]), None, _TONIC, PER_BEAT) for piece in raw[split]]
        for split in SPLITS
    }


def to_frame(pitches: Sequence[int]) -> Frames:
    """Return a set of up to four pitches as voices: the highest, the second, the third and the lowest."""
    high = sorted((pitch - _LOWER for pitch in pitches), reverse=True)
    lowest = high[-1:] if len(high) > 1 else []
    upper = high[: len(high) - len(lowest)]
    return np.array(upper + [REST] * (3 - len(upper)) + (lowest or [REST]), np.int64)


def possible(target: Tensor) -> Tensor:
    """Tokens by which a frame can go on to be a set, highest, lowest, second, third; shape (..., 4, CLASSES)."""
    token = torch.arange(CLASSES, device=target.device)
    high, low, second = (target[..., turn, None] for turn in range(3))
    rest = (token == NO_NOTE).expand(*target.shape[:-1], -1)
    return torch.stack(
        [
            torch.ones_like(rest),
            rest | (token < high),
            rest | ((token > low) & (token < high) & (low != NO_NOTE)),
            rest | ((token > low) & (token < second)),
        ],
        -2,
    )


def set_nats(logits: Tensor, batch: dict[str, Any]) -> Tensor:
    return nats(logits.masked_fill(~possible(batch["target"]), -1e9), batch)
