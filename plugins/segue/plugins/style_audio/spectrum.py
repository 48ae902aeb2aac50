"""Sound as bands over time and back. Frames are 16 ms apart; power is relative to that of a recording of RMS 1.

The bands' triangles add up to 1 at every frequency between the lowest and the highest centre, so that one matrix takes
bins to bands and gains of bands back to bins.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import torch
from segue.plugin_api.errors import InvalidMusic
from torch import Tensor

RATE: Final = 44_100
SIZE: Final = 2_816
HOP: Final = 704
BANDS: Final = 96
FRAMES_PER_SECOND: Final = RATE / HOP
_LOWEST, _HIGHEST = 30.0, 16_000.0
FLOOR: Final = 1e-4
"""Power of a band below which nothing is told apart: about 60 dB under a band that is heard well."""


@cache
def triangles() -> Tensor:
    """Return the bands, shape (BANDS, bins): centres even on Slaney's mel scale from 30 Hz to 16 kHz, the ends open."""
    step = np.log(6.4) / 27

    def to_mel(hertz: np.ndarray) -> np.ndarray:
        return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1000) / 1000) / step)

    low, high = to_mel(np.array([_LOWEST, _HIGHEST]))
    place = (to_mel(np.arange(SIZE // 2 + 1) * RATE / SIZE) - low) / (high - low) * (BANDS - 1)
    place = np.clip(place, 0, BANDS - 1)
    weights = np.maximum(1 - np.abs(place[None] - np.arange(BANDS)[:, None]), 0)
    return torch.from_numpy(weights.astype(np.float32))


@cache
def _window() -> Tensor:
    return torch.hann_window(SIZE)


def to_spectrum(samples: Tensor) -> Tensor:
    """Return the short-time spectrum of samples, shape (channels, n): complex, (channels, bins, frames)."""
    found: Tensor = torch.stft(samples, SIZE, HOP, window=_window(), return_complex=True, pad_mode="constant")
    return found


def to_samples(spectrum: Tensor, length: int) -> Tensor:
    """Return the samples whose short-time spectrum is nearest to this one, shape (channels, length)."""
    found: Tensor = torch.istft(spectrum, SIZE, HOP, window=_window(), length=length)
    return found


def to_bands(spectrum: Tensor) -> Tensor:
    """Return the bands of a spectrum, the mean of its channels, shape (BANDS, frames).

    Zero stands for silence; above the floor, 1 more is 4.3 dB more.
    """
    power = triangles() @ spectrum.abs().square().mean(0) / _scale()
    return torch.log1p(power / FLOOR)


def noise_like(spectrum: Tensor, seed: int) -> Tensor:
    """Return noise of the floor's power in every band, of the shape of a spectrum."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, *spectrum.shape, generator=generator)
    level = (FLOOR * _scale() / triangles().sum(1)).sqrt() / 2**0.5
    return torch.complex(drawn[0], drawn[1]) * (triangles().T @ level)[:, None]


def loudest(samples: Tensor) -> float:
    """Return the root mean square of samples over the half of it that is loudest, by tenths of a second."""
    blocks = samples.square().mean(0)
    count = max(len(blocks) // (RATE // 10), 1)
    energies = torch.stack([part.mean() for part in torch.tensor_split(blocks, count)])
    return float(energies.sort(descending=True).values[: max(count // 2, 1)].mean().sqrt())


def _scale() -> float:
    return SIZE * 0.375 * SIZE / 2 / 8
