"""``segue train style-audio``: teaches the listener to name styles, then takes down the texture of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.packs.files import sources
from segue.plugins.style_audio.artifacts import Artifacts, Style, load, save
from segue.plugins.style_audio.data import Arrangement, arrangements, hear
from segue.plugins.style_audio.network import Listener, NetworkSettings, Texture
from segue.plugins.style_audio.report import reports
from segue.plugins.style_audio.rhythm import fold
from segue.plugins.style_audio.spectrum import BANDS, to_bands
from segue.plugins.training import Loop
from torch import Tensor
from torch.nn import functional

_CROP: Final = 256
_BARS_OF: Final = 8
"""Charts whose drums are averaged."""
_TILT, _LEVEL = 0.15, 0.5
"""How much the balance of the bands and their level are varied in training, in their own unit."""


class StyleAudioSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights."""

    steps: int = Field(default=200, ge=1, description="Steps of the listener.")
    batch: int = Field(default=32, ge=2, description="Excerpts of four seconds in a step.")
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="Learning rate at first; it falls by a cosine.")
    weight_decay: float = Field(default=1e-2, ge=0, le=1, description="Weight decay.")
    smoothing: float = Field(default=0.1, ge=0, lt=1, description="Share of the target that is spread over all styles.")
    charts: int = Field(default=32, ge=1, description="Charts that are learnt from, at most.")
    threads: int = Field(default=1, ge=1, le=64, description="CPU threads.")
    network: NetworkSettings = Field(default=NetworkSettings(), description="Sizes, as JSON.")


class StyleAudioTrainer(Trainer):
    """Trains ``style-audio`` on arrangements played by a SoundFont."""

    Settings: ClassVar[type[TrainingSettings]] = StyleAudioSettings
    example: ClassVar[str] = "segue train style-audio --data DATA --out models"

    def train(self, run: Run, settings: StyleAudioSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        train = arrangements(run.data)["train"]
        run.sources.extend(sources(run.data, "style_parallel_synth"))
        charts = sorted({each.chart.number for each in train})[: settings.charts]
        train = [each for each in train if each.chart.number in charts]
        styles = sorted({each.style for each in train})
        played = track(train, "listening", console=run.console)
        bands = torch.stack([hear(each, run.work / "heard") for each in played])
        names = torch.tensor([styles.index(each.style) for each in train])
        listener = _fit(bands, names, Listener(settings.network, len(styles)), run, settings)
        textures = _textures(listener, bands, names, styles)
        made = {style: Style(textures[style], _rhythm([a for a in train if a.style == style])) for style in styles}
        save(Artifacts(listener, made), run.artifacts)
        return reports(load(run.artifacts), run.data, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), data, console)


def _fit(bands: Tensor, names: Tensor, listener: Listener, run: Run, settings: StyleAudioSettings) -> Listener:
    torch.manual_seed(run.seed)
    listener.reset(bands.float().mean((0, 2)), bands.float().std((0, 2)))
    optimiser = torch.optim.AdamW(listener.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    loop = Loop(run, settings, listener, optimiser)
    for step in loop.steps(settings.steps):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(run.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        excerpts, wanted = _draw(bands, names, rng, settings.batch)
        with torch.autocast("cpu", torch.bfloat16):
            logits = listener(excerpts)
        loss = functional.cross_entropy(logits.float(), wanted, label_smoothing=settings.smoothing)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loop.tell(nats=float(loss.detach()))
    return listener.eval().requires_grad_(False)


def _draw(bands: Tensor, names: Tensor, rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
    """Draw excerpts, each with another balance of its bands, and their styles."""
    rows = torch.from_numpy(rng.integers(len(bands), size=size))
    at = int(rng.integers(max(bands.shape[2] - _CROP, 0) + 1))
    excerpts = bands[rows][:, :, at : at + _CROP].float()
    tilt = torch.from_numpy(rng.normal(0, _TILT / 2, (size, BANDS, 1)).cumsum(1)).float()
    level = torch.from_numpy(rng.normal(0, _LEVEL, (size, 1, 1))).float()
    change = (tilt - tilt.mean(1, keepdim=True) + level) * (excerpts > 1)
    return (excerpts + change).clamp(min=0), names[rows]


@torch.no_grad()
def _textures(listener: Listener, bands: Tensor, names: Tensor, styles: Sequence[str]) -> dict[str, Texture]:
    """Return the mean texture of each style's recordings."""
    return {
        style: Texture.mean([listener.texture(bands[row].float()) for row in torch.nonzero(names == number)[:, 0]])
        for number, style in enumerate(styles)
    }


def _rhythm(played: Sequence[Arrangement]) -> Tensor:
    """Return a bar of a style's drums: the mean over some of its recordings."""
    bars = []
    for each in played[:_BARS_OF]:
        bands = to_bands(each.drums())
        bars.append(fold(bands, each.meter().place(bands.shape[1], 0.0)))
    return torch.stack(bars).mean(0)
