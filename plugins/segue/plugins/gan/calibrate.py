"""What it takes each neuron to fire, set so that phrases hold as many notes, as long, as those learnt from."""

from __future__ import annotations

from typing import Final, cast

import torch
from segue.plugins.gan.network import Generator
from segue.plugins.gan.roll import ONSET, PITCHES, SOUND, STEPS, TRACKS
from torch import Tensor

_HALVINGS: Final = 14
_T: Final = len(TRACKS)
_ALONE: Final = torch.tensor([kind.voices == 1 for kind in TRACKS])


@torch.no_grad()
def calibrate(generator: Generator, style: int, real: Tensor, chords: Tensor, noise: Tensor) -> None:
    """Set the thresholds of a style.

    Parameters
    ----------
    generator
        Its ``threshold`` is set for the style.
    real : Tensor, shape (phrases, tracks, steps, pitches, 2)
        Phrases of the style, turned as the generator draws them.
    chords, noise
        What as many phrases are drawn from.
    """
    styles = torch.full((len(real),), style)
    parts = zip(*(torch.split(part, 32) for part in (noise, chords, styles)), strict=True)
    lean = torch.cat([generator.lean(*part) for part in parts])
    threshold = cast(Tensor, generator.threshold)
    for track in range(_T):
        begins = int(real[:, track, ..., ONSET].sum())
        threshold[style, track, ONSET] = lean[:, track, ..., ONSET].flatten().sort(descending=True).values[begins]
    struck = lean[..., ONSET] > threshold[style, :, ONSET, None, None]
    wanted = _sounding(real[..., ONSET] > 0, real[..., SOUND] > 0)
    low, high = torch.full((_T,), -30.0), torch.full((_T,), 30.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = _sounding(struck, lean[..., SOUND] > middle[:, None, None]) > wanted
        low, high = torch.where(more, middle, low), torch.where(more, high, middle)
    threshold[style, :, SOUND] = high


def _sounding(struck: Tensor, held: Tensor) -> Tensor:
    """Count the cells in which a note of each track that was struck still sounds, shape (tracks,)."""
    count = torch.zeros(_T, dtype=torch.long)
    now = torch.zeros(len(struck), _T, PITCHES, dtype=torch.bool)
    for step in range(STEPS):
        begins = struck[:, :, step]
        stopped = begins.any(-1, keepdim=True) & _ALONE[:, None]
        now = begins | (now & held[:, :, step] & ~stopped)
        count += now.sum((0, 2))
    return count
