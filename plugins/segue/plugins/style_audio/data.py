"""Recordings to learn styles from and to measure by: synthetic arrangements with their melodies, played by a SoundFont.

The instrument of the melody and the tempo hang on the chart, so that neither tells the style.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from segue.music import Piece, Tempo, TrackInfo
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.audio.render import play
from segue.plugins.packs import synth
from segue.plugins.style.pack import Chart, read_charts
from segue.plugins.style_audio.rhythm import Meter
from segue.plugins.style_audio.spectrum import RATE, loudest, to_bands
from torch import Tensor

SECONDS: Final = 8.0
_SAMPLES: Final = round(SECONDS * RATE)
_SINGERS: Final = (73, 40, 56, 25, 0, 65)
"""General MIDI programs that a melody is played on: flute, violin, trumpet, steel guitar, piano, alto saxophone."""


@dataclass(frozen=True)
class Arrangement:
    """A chart in one of its styles."""

    chart: Chart
    style: str

    def melody(self) -> Piece:
        """Return the melody alone."""
        draw = int(hashlib.sha256(self.chart.number.encode()).hexdigest(), 16)
        track = TrackInfo("Melody", _SINGERS[draw % len(_SINGERS)])
        pace = 90 + 60 * (draw // 100 % 1000) / 1000
        return replace(self.chart.melody, tracks=(track,), tempos=(Tempo(0.0, pace),))

    def piece(self) -> Piece:
        """Return melody and accompaniment."""
        return synth.join(self.melody(), self.chart.styles[self.style])

    def meter(self) -> Meter:
        """Return where its beats and bars begin."""
        beats = self.piece().beats_to_seconds(np.arange(4 * self.chart.bars + 1))
        return Meter(beats, beats[::4])

    def sound(self) -> Tensor:
        """Play its beginning: shape (2, n) at 44.1 kHz, 8 seconds, at the level at which bands are measured."""
        samples = _play(self.piece())
        return samples / loudest(samples)

    def drums(self) -> Tensor:
        """Play the drums alone, as loud as they are in ``sound``; silent if there are none."""
        piece = self.piece()
        if not piece.is_drum.any():
            return torch.zeros(2, _SAMPLES)
        return _play(piece.select(piece.is_drum)) / loudest(_play(piece))


def _play(piece: Piece) -> Tensor:
    samples = np.zeros((2, _SAMPLES), np.float32)
    played = play(piece, SECONDS).T[:, :_SAMPLES]
    samples[:, : played.shape[1]] = played
    return torch.from_numpy(samples)


def arrangements(data: Path) -> dict[str, list[Arrangement]]:
    """Return the arrangements of each part of the data, charts in order of their numbers.

    Raises
    ------
    InvalidRequest
        If the folder lacks the pack, or the pack charts to learn from or to measure by.
    """
    charts = read_charts(data)
    found = {
        part: [Arrangement(chart, style) for chart in charts if chart.part == part for style in sorted(chart.styles)]
        for part in ("train", "test")
    }
    for part, some in found.items():
        if not some:
            raise InvalidRequest("data", f"{data} holds no chart of the {part} part")
    return found


def hear(arrangement: Arrangement, cache: Path) -> Tensor:
    """Play an arrangement and return its bands, shape (BANDS, frames), as float16; kept in a folder."""
    path = cache / f"{arrangement.style}-{arrangement.chart.number}.npy"
    if not path.is_file():
        bands = to_bands(arrangement.sound())
        cache.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part.npy")
        np.save(aside, bands.half().numpy())
        aside.replace(path)
    return torch.from_numpy(np.load(path))
