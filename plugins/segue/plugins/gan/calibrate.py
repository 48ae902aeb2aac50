"""What it takes each neuron to fire, set so that phrases hold as many notes, as long, as those learnt from."""

from __future__ import annotations

from typing import Final, cast

import torch
from segue.plugins.gan.network import Generator, fire
from segue.plugins.gan.roll import ONSET, PITCHES, SOUND, STEPS, TRACKS
from torch import Tensor

_HALVINGS: Final = 14
STRIKES: Final = 2
"""Place of the threshold of a step."""
_T: Final = len(TRACKS)
_RARELY: Final = 0.02
"""Share of the moments at which something begins."""


@torch.no_grad()
def calibrate(generator: Generator, style: int, real: Tensor, chords: Tensor, noise: Tensor) -> None:
    """Set the thresholds of a style.

    Parameters
    ----------
    generator
        Its ``threshold`` is set for the style, and ``alone``: whether a track of it begins one note at a time, and
        whether that ends all others.
    real : Tensor, shape (phrases, tracks, steps, pitches, 2)
        Phrases of the style, turned as the generator draws them.
    chords, noise
        What as many phrases are drawn from.
    """
    styles = torch.full((len(real),), style)
    parts = zip(*(torch.split(part, 32) for part in (noise, chords, styles)), strict=True)
    begins, sounds = real[..., ONSET] > 0, real[..., SOUND] > 0
    alone = cast(Tensor, generator.alone)[style]
    for layer, other in ((ONSET, begins.sum(-1) > 1), (SOUND, (sounds & ~begins).any(-1))):
        moments = begins.any(-1)
        alone[:, layer] = ((other & moments).sum((0, 2)) <= _RARELY * moments.sum((0, 2))).float()
    lean = torch.cat([generator.lean(*part) for part in parts])
    threshold = cast(Tensor, generator.threshold)[style]
    strongest = lean[..., ONSET].amax(-1)
    for track in range(_T):
        strikes = _least(strongest[:, track], int(begins[:, track].any(-1).sum()))
        possible = lean[:, track, ..., ONSET][strongest[:, track] > strikes]
        least = _least(possible, int(begins[:, track].sum())) if len(possible) else strikes
        threshold[track, ONSET], threshold[track, STRIKES] = least, strikes
    ends = alone[:, SOUND] > 0
    struck, wanted = fire(lean, threshold, alone)[..., ONSET], _sounding(begins, sounds, ends)
    low, high = torch.full((_T,), -30.0), torch.full((_T,), 30.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        more = _sounding(struck, lean[..., SOUND] > middle[:, None, None], ends) > wanted
        low, high = torch.where(more, middle, low), torch.where(more, high, middle)
    threshold[:, SOUND] = high


def _least(lean: Tensor, count: int) -> Tensor:
    """Return the threshold above which so many neurons lean; none ever does where none may."""
    ordered = lean.flatten().sort(descending=True).values
    return ordered[min(count, len(ordered) - 1)] if count else lean.new_tensor(torch.inf)


def _sounding(struck: Tensor, held: Tensor, ends: Tensor) -> Tensor:
    """Count the cells in which a note of each track that was struck still sounds, shape (tracks,)."""
    count = torch.zeros(_T, dtype=torch.long)
    now = torch.zeros(len(struck), _T, PITCHES, dtype=torch.bool)
    for step in range(STEPS):
        begins = struck[:, :, step]
        stopped = begins.any(-1, keepdim=True) & ends[:, None]
        now = begins | (now & held[:, :, step] & ~stopped)
        count += now.sum((0, 2))
    return count
