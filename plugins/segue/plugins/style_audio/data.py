"""Recordings to learn styles from and to measure by: synthetic arrangements and their melodies, played by a SoundFont.

Charts belong to the part that the SHA-256 of their id says, in all styles: 80 % train, 10 % valid, 10 % test. The
instrument of the melody and the tempo hang on the chart, so that neither tells the style.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece, Tempo, TrackInfo, midi_to_piece
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.audio.render import render
from segue.plugins.style_audio.spectrum import RATE, loudest, to_bands, to_spectrum
from segue.plugins.vae.data import part_of
from torch import Tensor

SECONDS: Final = 8.0
PACK: Final = "style_parallel_synth"
_SINGERS: Final = (73, 40, 56, 25, 0, 65)
"""General MIDI programs that a melody is played on: flute, violin, trumpet, steel guitar, piano, alto saxophone."""


@dataclass(frozen=True)
class Arrangement:
    """A chart in one style.

    Attributes
    ----------
    style, chart, part
        Its style, the number of its chart, and the part of the data that the chart is in.
    band, melody
        The MIDI files of accompaniment and melody.
    """

    style: str
    chart: str
    part: str
    band: Path
    melody: Path

    def tune(self) -> Piece:
        """Read the melody."""
        draw = int(hashlib.sha256(f"tempo {self.chart}".encode()).hexdigest(), 16)
        tracks = (TrackInfo("Melody", _SINGERS[draw % len(_SINGERS)]),)
        pace = 90 + 60 * (draw // 100 % 1000) / 1000
        return replace(midi_to_piece(self.melody.read_bytes())[0], tracks=tracks, tempos=(Tempo(0.0, pace),))

    def piece(self) -> Piece:
        """Read melody and accompaniment."""
        band, tune = midi_to_piece(self.band.read_bytes())[0], self.tune()
        columns = {
            name: np.concatenate([getattr(band, name), getattr(tune, name)])
            for name in ("start", "duration", "pitch", "velocity")
        }
        columns["track"] = np.concatenate([band.track, np.full(len(tune), len(band.tracks))])
        return replace(band, **columns, tracks=(*band.tracks, *tune.tracks), tempos=tune.tempos)

    def sound(self) -> NDArray[np.float32]:
        """Play its beginning: shape (2, n) at 44.1 kHz, 8 seconds."""
        samples = np.zeros((2, round(SECONDS * RATE)), np.float32)
        played = render(self.piece(), SECONDS).T[:, : samples.shape[1]]
        samples[:, : played.shape[1]] = played
        return samples


def arrangements(data: Path) -> list[Arrangement]:
    """Find the arrangements of a folder of packs.

    Raises
    ------
    InvalidRequest
        If it holds no such pack, or no chart to learn from or to measure by.
    """
    root = data / PACK
    if not (root / "index.csv").is_file():
        raise InvalidRequest("data", f"{data} holds no {PACK}/index.csv")
    with (root / "index.csv").open(encoding="utf-8") as file:
        rows = [(row, root / row["midi"], root / "melody" / f"{row['chart_id']}.mid") for row in csv.DictReader(file)]
    found = [
        Arrangement(row["style"], row["chart_id"], part_of(f"openewld/{row['chart_id']}"), band, melody)
        for row, band, melody in rows
        if band.is_file() and melody.is_file()
    ]
    for part in ("train", "test"):
        if not any(each.part == part for each in found):
            raise InvalidRequest("data", f"{root} holds no chart of the {part} part")
    return found


def sources(data: Path) -> list[DataSource]:
    """Return what is learnt from, for the model card."""
    return [DataSource("style_parallel_synth (synthetic)", "public-domain charts", data / PACK)]


def heard(arrangement: Arrangement, cache: Path) -> Tensor:
    """Play an arrangement and return its bands, shape (BANDS, frames), as float16; kept in a folder."""
    path = cache / f"{arrangement.style}-{arrangement.chart}.npy"
    if not path.is_file():
        samples = torch.from_numpy(arrangement.sound())
        bands = to_bands(to_spectrum(samples / loudest(samples)))
        cache.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part.npy")
        np.save(aside, bands.half().numpy())
        aside.replace(path)
    return torch.from_numpy(np.load(path))
