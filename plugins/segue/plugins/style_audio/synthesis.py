"""Bands made to sound: the spectrum of the recording, weighed anew, and noise where there is too little of it.

The phases are those of the recording to begin with, and then whatever fits the new magnitudes together.

References
----------
D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 32, 1984.
"""

from __future__ import annotations

from typing import Final

from segue.plugins.style_audio.spectrum import noise_like, to_samples, to_spectrum, triangles
from torch import Tensor

_ROUNDS: Final = 3


def resound(samples: Tensor, change: Tensor, seed: int) -> Tensor:
    """Return samples whose bands are changed.

    Parameters
    ----------
    samples : Tensor, shape (channels, n)
        Of the level at which bands are measured.
    change : Tensor, shape (BANDS, frames)
        What is added to the bands; zero changes nothing.
    seed
        Seed of the noise.
    """
    spectrum = to_spectrum(samples)
    power = (triangles().T @ change).exp()
    wanted = spectrum * power.sqrt() + noise_like(spectrum, seed) * (power - 1).clamp(min=0).sqrt()
    magnitude = wanted.abs()
    found = to_samples(wanted, samples.shape[1])
    for _ in range(_ROUNDS):
        again = to_spectrum(found)
        found = to_samples(magnitude * again / again.abs().clamp(min=1e-9), samples.shape[1])
    return found
