"""Spectrograms of recordings, one above the other at the same scales."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from segue.client._errors import InvalidMusic
from segue.v1.music_pb2 import Music

_SIZE: Final = 2048
_MAX_SECONDS: Final = 600
_COLUMNS: Final = 1600
_ROWS: Final = 240
_LOWEST: Final = 40.0
_RANGE: Final = 70.0
"""Decibels between the darkest and the loudest."""
_WIDTH, _PANEL, _DPI = 15.0, 3.0, 110


def draw(music: Music, path: Path, *, title: str, before: Music | None) -> Path:
    """Draw spectrograms; see `segue.client.media.spectrogram_png`."""
    named = [("", music)] if before is None else [("before", before), ("after", music)]
    panels = [(name, *_decode(each)) for name, each in named]
    seconds = max(len(samples) / rate for _, samples, rate in panels)
    highest = max(rate for _, _, rate in panels) / 2
    height = 0.9 + (_PANEL + 0.35) * len(panels)
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.055, 1 - 0.3 / height, title, fontsize=14, fontweight="bold", color="#111111", va="center")
    edges = np.geomspace(_LOWEST, highest, _ROWS + 1)
    pictures = [_levels(samples, rate, edges) for _, samples, rate in panels]
    loudest = max(float(picture.max()) for picture in pictures)
    for number, ((name, samples, rate), picture) in enumerate(zip(panels, pictures, strict=True)):
        bottom = height - 0.55 - (number + 1) * (_PANEL + 0.35) + 0.35
        axes = figure.add_axes((0.055, bottom / height, 0.93, _PANEL / height))
        axes.imshow(
            picture,
            origin="lower",
            aspect="auto",
            extent=(0, len(samples) / rate, 0, _ROWS),
            cmap="magma",
            vmin=loudest - _RANGE,
            vmax=loudest,
            interpolation="nearest",
        )
        axes.set_xlim(0, seconds)
        octaves = [hertz for hertz in (50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800) if hertz < highest]
        axes.set_yticks(np.interp(octaves, edges, np.arange(_ROWS + 1)), [f"{hertz} Hz" for hertz in octaves])
        axes.tick_params(length=2, labelsize=7, colors="#555555")
        if name:
            axes.text(0.004, 0.97, name, transform=axes.transAxes, fontsize=9, color="white", va="top")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")
    return path


def _decode(music: Music) -> tuple[NDArray[np.float32], int]:
    """Return the mean of the channels, shape (n,), and the rate."""
    form = music.WhichOneof("content")
    if form != "audio":
        raise InvalidMusic.at("music", f"is {form or 'empty'}; a spectrogram takes audio")
    try:
        with soundfile.SoundFile(io.BytesIO(music.audio.data)) as file:
            samples = file.read(_MAX_SECONDS * file.samplerate, dtype="float32", always_2d=True)
            rate = file.samplerate
    except soundfile.SoundFileError as error:
        raise InvalidMusic.at("music.audio.data", "can't be decoded; must be a WAV, FLAC, OGG or MP3 file") from error
    if len(samples) < _SIZE:
        raise InvalidMusic.at("music.audio.data", f"has {len(samples)} samples; a spectrogram takes {_SIZE} or more")
    return samples.mean(axis=1), rate


def _levels(samples: NDArray[np.float32], rate: int, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return decibels, shape (rows, columns): the loudest bin of each row, or the nearest where it holds none."""
    starts = np.linspace(0, len(samples) - _SIZE, min(_COLUMNS, len(samples) // 64)).astype(int)
    window = np.hanning(_SIZE)
    power = np.stack([np.abs(np.fft.rfft(samples[at : at + _SIZE] * window)) ** 2 for at in starts], axis=1)
    bins = edges * _SIZE / rate
    first = np.clip(np.rint(bins[:-1]).astype(int), 0, len(power) - 1)
    last = np.clip(np.rint(bins[1:]).astype(int), first + 1, len(power))
    rows = [power[a:b].max(axis=0) for a, b in zip(first, last, strict=True)]
    return np.asarray(10 * np.log10(np.stack(rows) + 1e-10))
