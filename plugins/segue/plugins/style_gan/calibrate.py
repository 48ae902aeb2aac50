"""Textures measured: so that the network writes as many notes, as long, as real music of a style has."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.style_gan.context import SHIFTS
from segue.plugins.style_gan.decode import BASS_BELOW, Part, Texture, at_pitches, expected
from segue.plugins.style_gan.frames import PER_CELL
from segue.plugins.style_gan.lessons import Lesson, Windows
from segue.plugins.style_gan.network import BAND, Generator
from segue.plugins.style_gan.roll import ONSET, PITCHES, SOUND
from torch import Tensor

_WINDOWS: Final = 96
_ALONE: Final = 1.05
"""Notes that begin together on average, where any do, up to which a range is one voice."""
_STEADY: Final = 0.8
"""Share of the steps in which the same number of notes sounds, from which on that is the texture."""
_NEVER: Final = 1e9


@torch.no_grad()
def calibrate(generator: Generator, windows: Windows, styles: int, rng: np.random.Generator) -> list[Texture]:
    """Measure the texture of each style.

    The generator hears songs in all styles and writes them in one; levels are set so that as much is written as real
    windows of that style hold.
    """
    textures = []
    for style in range(styles):
        real = windows.draw(rng, np.full(_WINDOWS, style))
        heard = windows.draw(rng, rng.integers(windows.styles, size=_WINDOWS))
        logits = generator(*heard.told(torch.full((_WINDOWS,), style)))
        there, leans = _real_pitches(real.band, real) > 0, _real_pitches(logits, heard, -30.0)
        beaten, drums = real.band[..., BAND:] > 0, logits[..., BAND:]
        count = np.bincount(there[..., SOUND].sum(-1).ravel())
        steady = int(count.argmax()) if count.max() > _STEADY * count.sum() else 0
        low, high = slice(0, BASS_BELOW), slice(BASS_BELOW, None)
        bass, upper = (_part(there[..., side, :], leans[..., side, :]) for side in (low, high))
        textures.append(Texture(steady, bass, upper, _level(drums.numpy(), float(beaten.float().mean()))))
    return textures


def _real_pitches(band: Tensor, lesson: Lesson, empty: float = 0.0) -> NDArray[np.float32]:
    """Return rolls counted from C, shape (batch, steps, 128, layers)."""
    shift = lesson.context[..., SHIFTS].argmax(-1).numpy() - 5
    roll = band[..., :BAND].reshape(*shift.shape, PER_CELL, PITCHES, 2).numpy()
    return at_pitches(roll, shift, empty)


def _part(there: NDArray[np.bool_], leans: NDArray[np.float32]) -> Part:
    begin = there[..., ONSET].sum(-1)
    alone = bool(begin.any()) and float(begin[begin > 0].mean()) <= _ALONE
    levels = []
    for layer in (ONSET, SOUND):
        if alone:
            levels.append(_level(expected(leans[..., layer]), float(there[..., layer].any(-1).mean())))
        else:
            levels.append(_level(leans[..., layer], float(there[..., layer].mean())))
    return Part(alone, *levels)


def _level(values: NDArray[np.floating[Any]], share: float) -> float:
    """Return the value above which a share of the values lies."""
    return round(float(np.quantile(values, 1 - share)), 4) if share > 0 else _NEVER
