"""Training: a block of accompaniment is read in one form and written in another, towards told figures and style."""

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
from segue.plugins.score.networks import shipped_networks
from segue.plugins.style_vae.artifacts import Artifacts, load, save
from segue.plugins.style_vae.attributes import Scale
from segue.plugins.style_vae.data import PACKS, Lesson, read_songs, to_lesson
from segue.plugins.style_vae.habits import habits_of
from segue.plugins.style_vae.lessons import Bank, Batch
from segue.plugins.style_vae.network import Network, NetworkSettings
from segue.plugins.style_vae.report import reports
from segue.plugins.training import Loop, follow
from torch import Tensor, nn
from torch.nn import functional

_SCALED: Final = 8192
"""Blocks by which their scale is set."""
_AVERAGED: Final = 256
"""Blocks of a style by which its mean latent vector is taken."""


class StyleVaeSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    steps: int = Field(1500, ge=1, description="Optimiser steps.")
    batch: int = Field(96, ge=2, description="Blocks in a step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak learning rate; it falls by a cosine.")
    beta: float = Field(0.15, ge=0, description="Weight of the divergence from the prior, reached after a fifth.")
    free_nats: float = Field(12.0, ge=0, description="Divergence of a block that costs nothing.")
    average: float = Field(0.995, ge=0, lt=1, description="Decay of the moving average of the weights, which is kept.")
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes, as JSON.")


class StyleVaeTrainer(Trainer):
    """Trains ``style-vae`` on accompaniments."""

    Settings: ClassVar[type[TrainingSettings]] = StyleVaeSettings
    example: ClassVar[str] = "segue train style-vae --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: StyleVaeSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        lessons = _read(run.data, run.console)
        run.sources.extend(sources(run.data, *PACKS))
        styles = sorted({lesson.style for lesson in lessons})
        bank = Bank(lessons, styles)
        block_scale = bank.scale(np.random.default_rng((run.seed, 0, 1)), _SCALED)
        network = _fit(bank, block_scale, len(styles), run, settings)
        each = np.array([styles.index(lesson.style) for lesson in lessons])
        weights = 1.0 / np.bincount(each)[each]
        scale = Scale.fit(np.stack([lesson.figures for lesson in lessons]), weights)
        latents = bank.latents(network, np.random.default_rng((run.seed, 0, 2)), _AVERAGED)
        save(Artifacts(network, scale, block_scale, habits_of(lessons, styles), latents), run.artifacts)
        return reports(load(run.artifacts), run.data, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), data, console)


def _read(data: Path, console: Console) -> list[Lesson]:
    """Read the training part."""
    networks = shipped_networks()
    songs = (song for song in read_songs(data) if song.part == "train")
    found = [to_lesson(song, networks) for song in track(songs, "reading", console=console, total=None)]
    return [lesson for lesson in found if lesson is not None]


def loss(network: Network, batch: Batch, beta: float, free_nats: float) -> tuple[Tensor, dict[str, float]]:
    """Return what is to be made small, and its parts in nats of a block."""
    mean, log_variance = network.encode(batch.read, batch.sounds, batch.read_around)
    z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
    answer = network.decode(z, batch.figures, batch.style, batch.around)
    size = len(batch.begins)
    there = (torch.arange(batch.begins.shape[1]) < batch.around.slots[:, None]).float()
    cells = functional.binary_cross_entropy_with_logits(answer.begins, batch.begins, reduction="none")
    cells = (cells.sum(2) * there).sum() / size
    length = (functional.smooth_l1_loss(answer.length, batch.length, reduction="none") * batch.begins).sum() / size
    struck = batch.begins.amax(2)
    loud = ((answer.velocity - batch.velocity).abs() * struck).sum() / size
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
    cost = beta * functional.relu(divergence - free_nats).mean()
    told = {"cells": cells.item(), "length": length.item(), "divergence": divergence.mean().item()}
    return cells + length + 4 * loud + cost, told


def _fit(bank: Bank, scale: Scale, styles: int, run: Run, settings: StyleVaeSettings) -> Network:
    torch.manual_seed(run.seed)
    network, average = (Network(settings.network, styles) for _ in range(2))
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.0, betas=(0.9, 0.99), weight_decay=0.01, fused=True)

    def pace(step: int) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps)))
        return settings.learning_rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * fall)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, pace)
    loop = Loop(run, settings, network, average, optimiser, schedule)
    for step in loop.steps(settings.steps):
        torch.manual_seed(run.seed * 1_000_003 + step)
        batch = bank.batch(np.random.default_rng((run.seed, step)), settings.batch, scale)
        with torch.autocast("cpu", torch.bfloat16):
            cost, told = loss(network, batch, settings.beta * min(1.0, 5 * step / settings.steps), settings.free_nats)
        optimiser.zero_grad()
        cost.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        follow(average, network, min(settings.average, (1 + step) / (10 + step)))
        loop.tell(**told)
    return average.eval()
