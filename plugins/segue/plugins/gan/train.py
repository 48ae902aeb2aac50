"""Training: the generator first draws real phrases from the noise an encoder finds, then faces the critic.

The first part is a variational autoencoder's, which takes a fraction of the time that a critic takes to teach the same.
In the second the critic judges phrases drawn from fresh noise by binary neurons (Wasserstein distance, gradient
penalty), while the first task goes on at a small weight.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from segue.music.originality import OriginalityIndex
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.gan.artifacts import Artifacts, load, save
from segue.plugins.gan.data import POP, Phrases, read_phrases, sources
from segue.plugins.gan.network import Critic, Encoder, Generator, NetworkSettings, noise_size, to_cells
from segue.plugins.gan.present import notes_to_piece
from segue.plugins.gan.report import reports
from segue.plugins.gan.roll import MELODY
from segue.plugins.training import FromJson, Loop, follow
from torch import Tensor, nn
from torch.nn import functional

_CALIBRATION = 256
"""Phrases by which thresholds are set."""


class GanSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    warm_steps: int = Field(2200, ge=1, description="Steps of the generator with the encoder.")
    steps: int = Field(400, ge=1, description="Steps of the generator against the critic.")
    mimic: float = Field(0.005, ge=0, description="Weight of the encoder's task beside the critic's.")
    critic_steps: int = Field(2, ge=1, description="Steps of the critic for one of the generator.")
    batch: int = Field(32, ge=2, description="Phrases in a step.")
    learning_rate: float = Field(6e-4, gt=0, description="Of Adam.")
    penalty: float = Field(10.0, ge=0, description="Weight of the gradient penalty.")
    average: float = Field(
        0.995, ge=0, lt=1, description="Decay of the moving average of the generator, which is kept."
    )
    pop_share: float = Field(0.2, ge=0, le=1, description="Share of the phrases that are drawn from pop songs.")
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: FromJson[NetworkSettings] = Field(NetworkSettings(), description="Sizes, as JSON.")


class GanTrainer(Trainer):
    """Trains ``gan`` on phrases of a band."""

    Settings: ClassVar[type[TrainingSettings]] = GanSettings
    example: ClassVar[str] = "segue train gan --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: GanSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        phrases = read_phrases(run.data)
        run.sources.extend(sources(run.data))
        train = [song for song in phrases if song.part == "train"]
        styles = sorted({song.style for song in train})
        batches = _Batches(train, styles, settings)
        generator = _fit(batches, styles, run, settings)
        _calibrate(generator, batches, np.random.default_rng((run.seed, 0, 1)))
        tunes = {song.tune: notes_to_piece(song.notes[song.notes[:, 0] == MELODY]) for song in phrases}
        index = OriginalityIndex.build(list(tunes.values()), list(tunes))
        save(Artifacts(generator, styles, index), run.artifacts)
        return reports(load(run.artifacts), phrases)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights beside the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), read_phrases(data))


class _Batches:
    """Real phrases, as many of each style as of any other but for those of pop songs."""

    def __init__(self, songs: Sequence[Phrases], styles: Sequence[str], settings: GanSettings) -> None:
        self.shape = songs[0].rolls.shape[1:]
        self.packed = np.concatenate([np.packbits(song.rolls.reshape(len(song.rolls), -1), axis=1) for song in songs])
        self.style = np.repeat([styles.index(song.style) for song in songs], [len(song.rolls) for song in songs])
        share = dict.fromkeys(styles, 1.0)
        if POP in share and len(styles) > 1:
            share[POP] = settings.pop_share * (len(styles) - 1) / max(1 - settings.pop_share, 1e-6)
        count = np.bincount(self.style, minlength=len(styles))
        weight = np.array([share[name] for name in styles])[self.style] / count[self.style]
        self.weight = np.cumsum(weight / weight.sum())

    def draw(self, rng: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
        """Draw phrases as cells, and their styles."""
        rows = np.minimum(np.searchsorted(self.weight, rng.random(size)), len(self.weight) - 1)
        bits = np.unpackbits(self.packed[rows], axis=1, count=int(np.prod(self.shape)))
        rolls = torch.from_numpy(bits.reshape(size, *self.shape)).float()
        return to_cells(rolls), torch.from_numpy(self.style[rows])


def _fit(batches: _Batches, styles: Sequence[str], run: Run, settings: GanSettings) -> Generator:
    torch.manual_seed(run.seed)
    generator = Generator(settings.network, len(styles))
    critic, encoder = Critic(settings.network, len(styles)), Encoder(settings.network, len(styles))
    average = copy.deepcopy(generator).eval()
    drawing = [*generator.parameters(), *encoder.parameters()]
    artist = torch.optim.Adam(drawing, lr=settings.learning_rate, betas=(0.5, 0.99), fused=True)
    judge = torch.optim.Adam(critic.parameters(), lr=settings.learning_rate, betas=(0.0, 0.9), fused=True)
    loop = Loop(run, settings, generator, critic, encoder, average, artist, judge)
    for step in loop.steps(
        settings.warm_steps + settings.steps, describe=lambda told: f"{told['nats']:.0f} nats a phrase"
    ):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(run.seed * 1_000_003 + step)
        warm = step < settings.warm_steps
        real, style = batches.draw(rng, settings.batch)
        if not warm:
            loop.tell(distance=_teach(critic, generator, judge, batches, rng, settings))
        with torch.autocast("cpu", torch.bfloat16):
            loss = _mimic(generator, encoder, real, style, min(1.0, 2 * step / settings.warm_steps))
            loop.tell(nats=float(loss.detach()))
            if not warm:
                fooled = critic(generator(_noise(rng, settings), style, binary=True), style).mean()
                loss = settings.mimic * loss - fooled
        _step(artist, loss, drawing)
        follow(average, generator, min(settings.average, (1 + step) / (10 + step)))
    return average


@torch.no_grad()
def _calibrate(generator: Generator, batches: _Batches, rng: np.random.Generator) -> None:
    """Set what it takes each track's neurons to fire, so that phrases hold as many notes as those learnt from."""
    real, style = batches.draw(rng, _CALIBRATION)
    noise = torch.from_numpy(rng.standard_normal((len(style), noise_size(generator.settings)))).float()
    leans = torch.cat(
        [generator.lean(*part) for part in zip(torch.split(noise, 32), torch.split(style, 32), strict=True)], 1
    )
    for track, lean in enumerate(leans):
        for layer in range(2):
            fired = int(real[track].reshape(-1, 2)[:, layer].sum())
            ordered = lean[..., layer].flatten().sort(descending=True).values
            generator.threshold[track, layer] = ordered[fired]  # type: ignore[operator]


def _mimic(generator: Generator, encoder: Encoder, real: Tensor, style: Tensor, weight: float) -> Tensor:
    """Return the nats of real phrases drawn from the noise that the encoder finds, its divergence weighted."""
    mean, log_variance = encoder(real, style)
    noise = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
    logits = generator(noise, style, binary=False)
    wrong = functional.binary_cross_entropy_with_logits(logits, real, reduction="sum")
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    return cast(Tensor, (wrong + weight * divergence) / len(style))


def _teach(
    critic: Critic,
    generator: Generator,
    judge: torch.optim.Optimizer,
    batches: _Batches,
    rng: np.random.Generator,
    settings: GanSettings,
) -> float:
    """Take the critic's steps, and return its estimate of the Wasserstein distance."""
    distance = 0.0
    for _ in range(settings.critic_steps):
        real, style = batches.draw(rng, settings.batch)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                made = generator(_noise(rng, settings), style, binary=True)
            loss, distance = _critic_loss(critic, real, made, style, rng, settings.penalty)
        _step(judge, loss, list(critic.parameters()))
    return distance


def _critic_loss(
    critic: Critic, real: Tensor, made: Tensor, style: Tensor, rng: np.random.Generator, penalty: float
) -> tuple[Tensor, float]:
    """Return the critic's loss and its estimate of the Wasserstein distance."""
    mix = torch.from_numpy(rng.random((1, len(style), 1, 1))).float()
    between = (mix * real + (1 - mix) * made).requires_grad_(True)
    scores = critic(torch.cat([real, made, between], 1), style.repeat(3))
    of_real, of_made, of_between = scores.split(len(style))
    (slope,) = torch.autograd.grad(of_between.sum(), between, create_graph=True)
    distance = of_real.mean() - of_made.mean()
    steep = ((slope.float().square().sum((0, 2, 3)).sqrt() - 1) ** 2).mean()
    return -distance + penalty * steep + 1e-3 * (of_real**2).mean(), float(distance.detach())


def _noise(rng: np.random.Generator, settings: GanSettings) -> Tensor:
    return torch.from_numpy(rng.standard_normal((settings.batch, noise_size(settings.network)))).float()


def _step(optimiser: torch.optim.Optimizer, loss: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(parameters, 20.0)
    optimiser.step()
