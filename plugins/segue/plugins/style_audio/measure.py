"""How much of a recording is still there: pitch classes, onsets, loudness. Nothing here takes part in the search."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from segue.plugins.style_audio.spectrum import RATE
from torch import Tensor

_SIZE: Final = 8_192
_HOP: Final = 2_048
_LOWEST, _HIGHEST = 65.0, 2_100.0
_ONSET_SIZE, _ONSET_HOP = 1_024, 512


def chroma(samples: Tensor) -> Tensor:
    """Return the share of each pitch class over time, shape (12, frames): peaks from C2 to C7, compressed."""
    power = _magnitude(samples, _SIZE, _HOP)
    hertz = np.arange(_SIZE // 2 + 1) * RATE / _SIZE
    inside = (hertz >= _LOWEST) & (hertz <= _HIGHEST)
    peaks = power.clone()
    peaks[1:-1] *= (power[1:-1] >= power[:-2]) & (power[1:-1] >= power[2:])
    classes = np.rint(69 + 12 * np.log2(hertz[inside] / 440)).astype(np.int64) % 12
    found = torch.zeros(12, power.shape[1]).index_add_(0, torch.from_numpy(classes), peaks[torch.from_numpy(inside)])
    return found / found.square().sum(0).sqrt().clamp(min=1e-6)


def chroma_similarity(one: Tensor, other: Tensor) -> float:
    """Return the mean cosine of the pitch classes of two recordings of one length, where the first one sounds."""
    first, second = chroma(one), chroma(other)
    sounds = first.square().sum(0) > 0.5
    return float((first * second).sum(0)[sounds].mean()) if sounds.any() else 0.0


def onsets(samples: Tensor) -> Tensor:
    """Return how much louder it gets at each moment, over all frequencies alike, shape (frames,)."""
    window = torch.hann_window(_ONSET_SIZE)
    power = torch.stft(
        samples.mean(0), _ONSET_SIZE, _ONSET_HOP, window=window, return_complex=True, pad_mode="constant"
    )
    level = torch.log1p(100 * power.abs())
    return (level[:, 1:] - level[:, :-1]).clamp(min=0).mean(0)


def onset_correlation(one: Tensor, other: Tensor) -> float:
    """Return the correlation of when two recordings of one length get louder."""
    both = torch.stack([onsets(one), onsets(other)])
    both = both - both.mean(1, keepdim=True)
    return float((both[0] * both[1]).sum() / (both[0].norm() * both[1].norm()).clamp(min=1e-9))


def _magnitude(samples: Tensor, size: int, hop: int) -> Tensor:
    spectrum = torch.stft(
        samples.mean(0), size, hop, window=torch.hann_window(size), return_complex=True, pad_mode="constant"
    )
    return spectrum.abs()
