"""Sound as bands over time and back. Frames are 16 ms apart; power is relative to that of a recording of RMS 1.

The bands' triangles add up to 1 at every frequency between the lowest and the highest centre, so that one matrix takes
bins to bands and gains of bands back to bins.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

RATE: Final = 44_100
SIZE: Final = 2_816
HOP: Final = 704
BANDS: Final = 96
FRAMES_PER_SECOND: Final = RATE / HOP
_LOWEST, _HIGHEST = 30.0, 16_000.0
FLOOR: Final = 1e-4
"""Power of a band below which nothing is told apart: about 50 dB under one that is loud."""
_SCALE: Final = 3 / 128 * SIZE**2
"""Power of a spectrum's bin by which bands are measured."""


@cache
def triangles() -> Tensor:
    """Return the bands, shape (BANDS, bins): centres even on Slaney's mel scale from 30 Hz to 16 kHz, the ends open."""
    step = np.log(6.4) / 27

    def to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1000) / 1000) / step))

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


def to_bands(samples: Tensor) -> Tensor:
    """Return the bands of samples, shape (channels, n), of their mean: shape (BANDS, frames).

    Zero stands for silence; above the floor, 1 more is 4.3 dB more.
    """
    found: Tensor = _Bands.apply(samples.mean(0))  # type: ignore[no-untyped-call]
    return found


class _Bands(torch.autograd.Function):
    """Bands of samples, shape (n,), and the way back of a gradient.

    PyTorch's own way back through ``stft`` takes a complex transform of twice the work and copies every frame thrice.
    """

    @staticmethod
    def forward(ctx: Any, samples: Tensor) -> Tensor:
        padded = functional.pad(samples, (SIZE // 2, SIZE // 2))
        spectrum = torch.fft.rfft(padded.unfold(0, SIZE, HOP) * _window())
        power = (spectrum.real.square() + spectrum.imag.square()) @ triangles().T / (FLOOR * _SCALE)
        ctx.save_for_backward(spectrum, power)
        ctx.length = len(samples)
        return torch.log1p(power).T.contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        spectrum, power = ctx.saved_tensors
        weight = (gradient.T / ((1 + power) * (FLOOR * _SCALE / SIZE))) @ triangles()
        weight[:, [0, -1]] *= 2  # these bins come once in a transform, the others twice
        weighed = torch.view_as_complex(torch.view_as_real(spectrum) * weight[..., None])
        frames = torch.fft.irfft(weighed, SIZE) * _window()
        total = torch.zeros(len(frames) + SIZE // HOP - 1, HOP)
        for number, hop in enumerate(frames.split(HOP, 1)):
            total[number : number + len(frames)] += hop
        inside = total.flatten()[SIZE // 2 :][: ctx.length]
        return functional.pad(inside, (0, ctx.length - len(inside)))


def noise_like(spectrum: Tensor, seed: int) -> Tensor:
    """Return noise of the floor's power in every band, the same in every channel, of the shape of a spectrum."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, *spectrum.shape[1:], generator=generator)
    level = (FLOOR * _SCALE / triangles().sum(1)).sqrt() / 2**0.5
    return (torch.complex(drawn[0], drawn[1]) * (triangles().T @ level)[:, None]).expand_as(spectrum)


def loudest(samples: Tensor) -> float:
    """Return the root mean square of the channels' mean over its louder half, by tenths of a second; above 0."""
    energy = samples.mean(0).square()
    count = max(len(energy) // (RATE // 10), 1)
    parts = torch.stack([part.mean() for part in torch.tensor_split(energy, count)])
    return max(float(parts.sort(descending=True).values[: max(count // 2, 1)].mean().sqrt()), 1e-6)
