"""Integrated loudness as broadcasters measure it.

References
----------
Recommendation ITU-R BS.1770-4, *Algorithms to measure audio programme loudness and true-peak audio level*, 2015,
annex 1. The filters' analogue prototypes, for rates other than 48 kHz, are those of EBU Tech 3341's reference
implementations: a high shelf at 1,682 Hz of 4 dB, and a high pass at 38 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

_SHELF: Final = (1681.974450955533, 0.7071752369554196, 3.999843853973347)  # Hz, quality, dB
_PASS: Final = (38.13547087602444, 0.5003270373238773)  # Hz, quality
_OFFSET: Final = -0.691
_ABSOLUTE_GATE: Final = -70.0
_RELATIVE_GATE: Final = -10.0
_CHANNELS: Final = {
    3: (1, 1, 1), 4: (1, 1, 1.41, 1.41), 5: (1, 1, 1, 1.41, 1.41), 6: (1, 1, 1, 0, 1.41, 1.41),
    7: (1, 1, 1, 0, 1.41, 1.41, 1.41), 8: (1, 1, 1, 0, 1.41, 1.41, 1.41, 1.41),
}  # fmt: skip
"""What each channel counts, in the order of WAV files: front left and right, centre, low frequencies, then surround."""
_STEPS_PER_SECOND: Final = 10
_STEPS_PER_BLOCK: Final = 4


@dataclass(frozen=True)
class Loudness:
    """How loud a recording is.

    Attributes
    ----------
    integrated
        Gated loudness of the whole, in LUFS; -70 where nothing passes the gate.
    peak
        Highest sample, in dB of full scale.
    """

    integrated: float
    peak: float


class LoudnessMeter:
    """Hears a recording piece by piece.

    Parameters
    ----------
    rate
        Samples per second.
    channels
        1 to 8; of up to two all count alike, of more the surround ones count more and that of low frequencies nothing.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._filter = k_weighting(rate)
        self._state = np.zeros((len(self._filter), 2, channels))
        self._step = rate // _STEPS_PER_SECOND
        self._rest = np.zeros((0, channels))
        self._weights = np.array(_CHANNELS.get(channels, (1,) * channels), np.float64)
        self._energies: list[NDArray[np.float64]] = []
        self.peak = 0.0

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n, channels)."""
        self.peak = max(self.peak, float(np.abs(samples).max()))
        weighted, self._state = sosfilt(self._filter, samples.astype(np.float64), axis=0, zi=self._state)
        weighted = np.concatenate([self._rest, weighted])
        steps = len(weighted) // self._step
        self._rest = weighted[steps * self._step :]
        whole = weighted[: steps * self._step].reshape(steps, self._step, weighted.shape[1])
        self._energies.append((whole**2).mean(axis=1) @ self._weights)

    def result(self) -> Loudness:
        """Return the loudness of all that was heard: blocks of 0.4 seconds, gated twice."""
        steps = np.concatenate(self._energies)
        blocks = np.convolve(steps, np.full(_STEPS_PER_BLOCK, 1 / _STEPS_PER_BLOCK), "valid")
        loud = blocks[_to_lufs(blocks) > _ABSOLUTE_GATE]
        if len(loud):
            loud = loud[_to_lufs(loud) > _to_lufs(loud.mean()) + _RELATIVE_GATE]
        integrated = float(_to_lufs(loud.mean())) if len(loud) else _ABSOLUTE_GATE
        return Loudness(integrated, float(20 * np.log10(self.peak + 1e-12)))


def _to_lufs(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_OFFSET + 10 * np.log10(energy + 1e-20))


def k_weighting(rate: int) -> NDArray[np.float64]:
    """Return the K-weighting filter as second-order sections, shape (2, 6)."""
    frequency, quality, gain = _SHELF
    k = np.tan(np.pi * frequency / rate)
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    shelf = np.array(
        [
            *(high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k),
            *(1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k),
        ]
    )
    frequency, quality = _PASS
    k = np.tan(np.pi * frequency / rate)
    denominator = 1 + k / quality + k * k
    high_pass = np.array(
        [denominator, -2 * denominator, denominator, denominator, 2 * (k * k - 1), 1 - k / quality + k * k]
    )
    return np.stack([shelf / shelf[3], high_pass / denominator])
