"""``segue train style-audio``: teaches the listener to name styles, then takes down the texture of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from rich.progress import track
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.style_audio.artifacts import Artifacts, load, save
from segue.plugins.style_audio.data import Arrangement, arrangements, heard, sources
from segue.plugins.style_audio.network import Listener, NetworkSettings, Texture
from segue.plugins.style_audio.report import reports
from segue.plugins.style_audio.spectrum import BANDS
from segue.plugins.training import FromJson, Loop
from torch import Tensor
from torch.nn import functional

_CROP: Final = 256
_TILT, _LEVEL = 0.15, 0.5
"""How much the balance of the bands and their level are varied in training, in their own unit."""


class StyleAudioSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights."""

    steps: int = Field(400, ge=1, description="Steps of the listener.")
    batch: int = Field(32, ge=2, description="Excerpts of four seconds in a step.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Learning rate at first; it falls by a cosine.")
    weight_decay: float = Field(1e-2, ge=0, le=1, description="Weight decay.")
    smoothing: float = Field(0.1, ge=0, lt=1, description="Share of the target that is spread over all styles.")
    charts: int = Field(1000, ge=1, description="Charts of the train part that are learnt from at most.")
    threads: int = Field(1, ge=1, le=64, description="CPU threads.")
    network: FromJson[NetworkSettings] = Field(NetworkSettings(), description="Sizes, as JSON.")


class StyleAudioTrainer(Trainer):
    """Trains ``style-audio`` on arrangements played by a SoundFont."""

    Settings: ClassVar[type[TrainingSettings]] = StyleAudioSettings
    example: ClassVar[str] = "segue train style-audio --data DATA --out models"

    def train(self, run: Run, settings: StyleAudioSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        found = arrangements(run.data)
        run.sources.extend(sources(run.data))
        train = _first_charts([each for each in found if each.part == "train"], settings.charts)
        styles = sorted({each.style for each in train})
        played = track(train, "listening", console=run.console)
        bands = torch.stack([heard(each, run.work / "heard") for each in played])
        names = torch.tensor([styles.index(each.style) for each in train])
        listener = _fit(bands, names, Listener(settings.network, len(styles)), run, settings)
        save(Artifacts(listener, _textures(listener, bands, names, styles)), run.artifacts)
        return reports(load(run.artifacts), run.data, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), data, console)


def _first_charts(found: Sequence[Arrangement], count: int) -> list[Arrangement]:
    charts = sorted({each.chart for each in found})[:count]
    return [each for each in found if each.chart in charts]


def _fit(bands: Tensor, names: Tensor, listener: Listener, run: Run, settings: StyleAudioSettings) -> Listener:
    torch.manual_seed(run.seed)
    listener.reset(bands.float().mean((0, 2)), bands.float().std((0, 2)))
    optimiser = torch.optim.AdamW(listener.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    loop = Loop(run, settings, listener, optimiser)
    for step in loop.steps(settings.steps):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(run.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + np.cos(np.pi * step / settings.steps))
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
