"""Training the two networks: first that of two bars, then, above it, that of sixteen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from segue.music.originality import OriginalityIndex
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.training import Loop, warm_cosine
from segue.plugins.vae.artifacts import Artifacts, load, save
from segue.plugins.vae.attributes import NAMES, REGISTER, measure
from segue.plugins.vae.data import Melody, read_melodies, sources
from segue.plugins.vae.form import forms
from segue.plugins.vae.latent import Space
from segue.plugins.vae.network import SEGMENTS, LongNetwork, Network, NetworkSettings
from segue.plugins.vae.report import reports
from segue.plugins.vae.tokens import HIGHEST, LOWEST, STRIKE, WINDOW, transpose
from torch import Tensor, nn
from torch.nn import functional

_LONG_BARS = 2 * SEGMENTS
_FORM_BARS = 8
"""From one melody whose form is kept to the next, in a song."""
_SHARPNESS = 1.0
"""Delta of the attribute regularisation."""


class VaeSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    steps: int = Field(2800, ge=1, description="Optimiser steps of the two-bar network.")
    batch: int = Field(96, ge=2, description="Windows in a step.")
    long_steps: int = Field(8000, ge=1, description="Optimiser steps of the sixteen-bar network.")
    long_batch: int = Field(16, ge=2, description="Melodies in a step.")
    learning_rate: float = Field(3e-3, gt=0, description="Peak learning rate; it falls by a cosine.")
    beta: float = Field(0.2, ge=0, description="Weight of the divergence from the prior, reached after a fifth.")
    close_steps: int = Field(1300, ge=1, description="Further steps of the two-bar network, at a lighter weight.")
    close_beta: float = Field(0.04, ge=0, description="That weight: latent vectors then say more of a melody.")
    free_nats: float = Field(33.0, ge=0, description="Divergence of two bars that costs nothing.")
    regularise: float = Field(8.0, ge=0, description="Weight of the attribute regularisation.")
    deaf: float = Field(0.2, ge=0, lt=1, description="Share of the events that the writer does not hear.")
    octaves: float = Field(0.2, ge=0, le=1, description="Share of windows moved by an octave.")
    astray: float = Field(0.1, ge=0, le=1, description="Share of windows moved to a key they are not in.")
    threads: int = Field(1, ge=1, description="CPU threads.")
    keep: Path | None = Field(
        None, description="Folder of a version whose two-bar network stays; that of sixteen bars alone is learnt."
    )
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes, as JSON.")


class VaeTrainer(Trainer):
    """Trains ``vae`` on melodies."""

    Settings: ClassVar[type[TrainingSettings]] = VaeSettings
    example: ClassVar[str] = "segue train vae --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: VaeSettings) -> Sequence[Report]:
        """Train both networks; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        melodies = read_melodies(run.data)
        run.sources.extend(sources(run.data))
        train = [melody for melody in melodies if melody.part == "train"]
        short = self._learn_two_bars(run, settings, train) if settings.keep is None else _kept(settings.keep)
        long = LongNetwork(short.settings)
        _fit(_Long(long, short, train, settings), run, settings.long_steps, settings)
        windows, minor = _windows(train, 2)
        mean, log_variance = _encode(short, windows, minor)
        space = Space.fit(mean, log_variance, minor, measure(windows))
        long_windows, long_minor = _windows(train, _LONG_BARS, 2)
        parts, _ = _encode(short, long_windows.reshape(-1, WINDOW), long_minor.repeat(SEGMENTS))
        parts = parts.reshape(len(long_windows), SEGMENTS, -1)
        with torch.no_grad():
            whole = long.eval().encode(torch.from_numpy(parts))
            told = long(whole[0], torch.from_numpy(long_minor)).numpy()
        long_space = Space.fit(whole[0].numpy(), whole[1].numpy(), long_minor, None)
        left = np.cov((parts - told).reshape(-1, parts.shape[-1]).T.astype(np.float64))
        left_open = np.linalg.cholesky(left + 1e-5 * np.eye(len(left)))
        found = forms(_windows(train, _LONG_BARS, _FORM_BARS)[0])
        index = OriginalityIndex.build([m.piece() for m in melodies], [m.title for m in melodies])
        made = Artifacts(short.eval(), long.eval(), space, long_space, found, left_open, index)
        save(made, run.artifacts)
        return reports(load(run.artifacts), melodies)

    def _learn_two_bars(self, run: Run, settings: VaeSettings, train: Sequence[Melody]) -> Network:
        torch.manual_seed(run.seed)
        short = Network(settings.network)
        _fit(_Short("two bars", short, train, settings, settings.beta), run, settings.steps, settings)
        close = _Short("two bars closer", short, train, settings, settings.close_beta)
        _fit(close, run, settings.close_steps, settings)
        return short

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), read_melodies(data))


def _kept(folder: Path) -> Network:
    try:
        return load(folder).short
    except OSError as error:
        raise InvalidRequest("keep", f"is {str(folder)!r}, must be the folder of a trained version of vae") from error


def _windows(melodies: Sequence[Melody], bars: int, step: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all windows of some melodies, and whether each is in minor."""
    found = [melody.windows(bars, step) for melody in melodies]
    minor = np.repeat([int(melody.minor) for melody in melodies], [len(windows) for windows in found])
    return np.concatenate(found), minor


@torch.no_grad()
def _encode(network: Network, windows: NDArray[np.int64], minor: NDArray[np.int64]) -> tuple[Any, ...]:
    network.eval()
    parts = [
        network.encode(torch.from_numpy(windows[at : at + 1024]), torch.from_numpy(minor[at : at + 1024]))
        for at in range(0, len(windows), 1024)
    ]
    return tuple(torch.cat(part).numpy() for part in zip(*parts, strict=True))


class _Short:
    """What one step of the two-bar network learns from."""

    def __init__(
        self, name: str, network: Network, melodies: Sequence[Melody], settings: VaeSettings, beta: float
    ) -> None:
        self.name, self.network, self.settings, self.beta = name, network, settings, beta
        self.windows, self.minor = _windows(melodies, 2)
        self.attributes = measure(self.windows)
        self.learnt: nn.Module = network

    def loss(self, rng: np.random.Generator, part: float) -> Tensor:
        s = self.settings
        rows = rng.integers(len(self.windows), size=s.batch)
        shifts = [_shift(self.windows[row], rng, s) for row in rows]
        events = np.stack([transpose(self.windows[row], shift) for row, shift in zip(rows, shifts, strict=True)])
        attributes = self.attributes[rows]
        attributes[:, REGISTER] += shifts
        x, minor = torch.from_numpy(events), torch.from_numpy(self.minor[rows])
        mean, log_variance = self.network.encode(x, minor)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        logits = self.network(z, x, minor, s.deaf)
        wrong = functional.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum") / s.batch
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
        cost = self.beta * min(1.0, 5 * part) * functional.relu(divergence - s.free_nats).mean()
        return wrong + cost + s.regularise * ordered(z[:, : len(NAMES)], torch.from_numpy(attributes))


def ordered(z: Tensor, attributes: Tensor) -> Tensor:
    """Return how far each dimension is from rising with its attribute, over all pairs of a batch (Pati and Lerch)."""
    near = torch.tanh(_SHARPNESS * (z[:, None] - z[None]))
    return (near - torch.sign(attributes[:, None] - attributes[None])).abs().mean((0, 1)).sum()


def _shift(events: NDArray[np.int64], rng: np.random.Generator, settings: VaeSettings) -> int:
    """Draw by how much a window is moved: some by an octave, some to a key they are not in, within the piano."""
    shift = 12 * int(rng.choice([-1, 1])) if rng.random() < settings.octaves else 0
    shift += int(rng.integers(-6, 7)) if rng.random() < settings.astray else 0
    struck = events[events >= STRIKE] + shift
    return shift if struck.min() >= STRIKE + 12 and struck.max() <= STRIKE + HIGHEST - LOWEST else 0


class _Long:
    """What one step of the sixteen-bar network learns from: the two-bar network stays as it is."""

    name = "sixteen bars"

    def __init__(self, network: LongNetwork, short: Network, melodies: Sequence[Melody], settings: VaeSettings) -> None:
        self.network, self.short, self.settings = network, short.eval().requires_grad_(False), settings
        self.windows, self.minor = _windows(melodies, _LONG_BARS)
        self.learnt: nn.Module = network

    def loss(self, rng: np.random.Generator, part: float) -> Tensor:
        s = self.settings
        rows = rng.integers(len(self.windows), size=s.long_batch)
        x = torch.from_numpy(self.windows[rows]).view(-1, WINDOW)
        minor = torch.from_numpy(self.minor[rows])
        each = minor.repeat_interleave(SEGMENTS)
        with torch.no_grad():
            mean, log_variance = self.short.encode(x, each)
            target = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        long_mean, long_log_variance = self.network.encode(target.view(s.long_batch, SEGMENTS, -1))
        z = long_mean + torch.randn_like(long_mean) * (0.5 * long_log_variance).exp()
        windows = self.network(z, minor).flatten(0, 1)
        near = ((windows - mean) ** 2).sum(-1).mean()
        logits = self.short(windows, x, each, s.deaf)
        wrong = functional.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum") / len(x)
        divergence = 0.5 * (long_mean**2 + long_log_variance.exp() - 1 - long_log_variance).sum(-1)
        cost = s.beta * min(1.0, 5 * part) * functional.relu(divergence - 4 * s.free_nats).mean() / SEGMENTS
        return cast(Tensor, wrong + cost + 0.1 * near)


def _fit(task: _Short | _Long, run: Run, steps: int, settings: VaeSettings) -> None:
    network = task.learnt.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.0, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warm_cosine(settings.learning_rate, steps))
    loop = Loop(run, settings, network, optimiser, schedule, name=task.name)
    for step in loop.steps(steps):
        torch.manual_seed(run.seed * 1_000_003 + step)
        with torch.autocast("cpu", torch.bfloat16):
            loss = task.loss(np.random.default_rng((run.seed, step)), step / steps)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        loop.tell(loss=loss.item())
