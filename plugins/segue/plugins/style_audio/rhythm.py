"""The rhythm of a style: what its drums do in a bar, as bands, laid on the bars of a recording.

Statistics over time alone say how a stroke sounds but not when it falls; the beats that were heard say when. What is
percussive in the recording makes room: it is what stands out from its neighbours in time rather than in frequency.

References
----------
D. Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from segue.plugins.style_audio.spectrum import FRAMES_PER_SECOND
from torch import Tensor

PLACES: Final = 48
"""Places in a bar of four beats: 42 ms each at 120 beats a minute; thirds and quarters of a beat are among them."""
_LONG, _WIDE = 19, 15
_ROOM: Final = 0.8
"""Share of the power of what is percussive that makes room."""


@dataclass(frozen=True)
class Meter:
    """Where beats and bars begin.

    Attributes
    ----------
    beats : ndarray, shape (n,)
        Seconds of the beats, ascending, at least 2; before and after they go on evenly.
    downbeats : ndarray, shape (m,)
        Seconds of those that begin bars; none means every fourth, from the first.
    """

    beats: NDArray[np.float64]
    downbeats: NDArray[np.float64]

    def place(self, frames: int, first: float) -> NDArray[np.float64]:
        """Return how many beats into its bar each frame lies, below 4, from a frame at so many seconds on."""
        seconds = first + np.arange(frames) / FRAMES_PER_SECOND
        number = self._number(seconds)
        bars = self._number(self.downbeats) if len(self.downbeats) else np.zeros(1)
        last = np.searchsorted(bars, number + 1e-6, side="right") - 1
        return np.asarray((number - bars[np.maximum(last, 0)]) % 4)

    def _number(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        at = self.beats
        number = np.interp(seconds, at, np.arange(len(at)))
        early, late = np.minimum(seconds - at[0], 0), np.maximum(seconds - at[-1], 0)
        return np.asarray(number + early / (at[1] - at[0]) + late / (at[-1] - at[-2]))


def fold(bands: Tensor, place: NDArray[np.float64]) -> Tensor:
    """Return the mean bands at each place of the bar, shape (BANDS, PLACES)."""
    rows = _rows(place)
    total = torch.zeros(bands.shape[0], PLACES).index_add_(1, rows, bands)
    return total / torch.bincount(rows, minlength=PLACES).clamp(min=1)


def with_rhythm(bands: Tensor, pattern: Tensor, place: NDArray[np.float64]) -> Tensor:
    """Return bands in which a bar of drums, shape (BANDS, PLACES), takes the room of what was percussive."""
    power, drums = torch.expm1(bands), torch.expm1(pattern[:, _rows(place)])
    return torch.log1p(power * (1 - _ROOM * _percussive(bands)) + drums)


def _percussive(bands: Tensor) -> Tensor:
    """Return the share of each band's power that is percussive."""
    in_time, in_frequency = (
        torch.expm1(torch.from_numpy(median_filter(bands.numpy(), size))) for size in ((1, _LONG), (_WIDE, 1))
    )
    return in_frequency.square() / (in_time.square() + in_frequency.square() + 1e-6)


def _rows(place: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy((place / 4 * PLACES).astype(np.int64) % PLACES)
