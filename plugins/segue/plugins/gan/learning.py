"""What the generator learns: first to draw real phrases from the noise an encoder finds, then to face the critic.

The first part is a variational autoencoder's, which takes a fraction of the time that a critic takes to teach the same;
what chord follows which is learnt beside it. In the second the critic judges phrases drawn from fresh noise by binary
neurons (Wasserstein distance, gradient penalty), while the first task goes on at a small weight. The chords of real
phrases are known in both parts. What a step draws comes from the CPU's random numbers, on a graphics card too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from segue.plugin_api.training import Run, TrainingSettings
from segue.plugins.gan.data import POP, Phrases
from segue.plugins.gan.network import Critic, Encoder, Generator, NetworkSettings, noise_size, to_cells
from segue.plugins.gan.roll import BEATS, from_root
from segue.plugins.training import Loop, follow, training_device
from torch import Tensor, nn
from torch.nn import functional


class GanSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights, on a graphics card or on a CPU."""

    warm_steps: int = Field(4000, ge=1, description="Steps of the generator with the encoder.")
    steps: int = Field(1489, ge=1, description="Steps of the generator against the critic.")
    mimic: float = Field(0.005, ge=0, description="Weight of the encoder's task beside the critic's.")
    critic_steps: int = Field(5, ge=1, description="Steps of the critic for one of the generator.")
    batch: int = Field(32, ge=2, description="Phrases in a step.")
    learning_rate: float = Field(6e-4, gt=0, description="Of Adam.")
    duel_rate: float = Field(2e-4, gt=0, description="The same against the critic, and of the critic.")
    penalty: float = Field(10.0, ge=0, description="Weight of the gradient penalty.")
    average: float = Field(
        0.999, ge=0, lt=1, description="Decay of the moving average of the generator, which is kept."
    )
    pop_share: float = Field(0.2, ge=0, le=1, description="Share of the phrases that are drawn from pop songs.")
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes, as JSON.")


class Batch(NamedTuple):
    """Phrases: rolls, shape (batch, tracks, steps, pitches, 2), chords, styles, and whether they are in major."""

    rolls: Tensor
    chords: Tensor
    style: Tensor
    major: Tensor


class Batches:
    """Real phrases, as many of each style as of any other but for those of pop songs."""

    def __init__(self, songs: Sequence[Phrases], styles: Sequence[str], settings: GanSettings) -> None:
        self._shape = songs[0].rolls.shape[1:]
        turned = [from_root(song.rolls, song.chords) for song in songs]
        packed = np.concatenate([np.packbits(rolls.reshape(len(rolls), -1), axis=1) for rolls in turned])
        chords = np.concatenate([song.chords for song in songs])
        major = np.concatenate([np.full(len(song.rolls), not song.minor) for song in songs])
        self._style = np.repeat([styles.index(song.style) for song in songs], [len(song.rolls) for song in songs])
        share = dict.fromkeys(styles, 1.0)
        if POP in share and len(styles) > 1:
            share[POP] = settings.pop_share * (len(styles) - 1) / max(1 - settings.pop_share, 1e-6)
        count = np.bincount(self._style, minlength=len(styles))
        weight = np.array([share[name] for name in styles])[self._style] / count[self._style]
        self._weight = np.cumsum(weight / weight.sum())
        self._packed, *self._known = (
            torch.from_numpy(x).to(training_device()) for x in (packed, chords, self._style, major)
        )

    def draw(self, rng: np.random.Generator, size: int) -> Batch:
        """Draw phrases of all styles."""
        return self._take(np.minimum(np.searchsorted(self._weight, rng.random(size)), len(self._weight) - 1))

    def of_style(self, rng: np.random.Generator, style: int, size: int) -> Batch:
        """Draw phrases of one style."""
        return self._take(rng.choice(np.flatnonzero(self._style == style), size))

    def _take(self, rows: NDArray[np.int64]) -> Batch:
        row = torch.from_numpy(rows).to(self._packed.device)
        bits = self._packed[row, :, None] >> torch.arange(7, -1, -1, device=row.device) & 1
        rolls = bits.flatten(1)[:, : int(np.prod(self._shape))].view(len(rows), *self._shape)
        return Batch(rolls.float(), *(known[row] for known in self._known))


def fit(batches: Batches, styles: Sequence[str], run: Run, settings: GanSettings) -> Generator:
    """Return the generator's average; resumes from a checkpoint of ``run.work`` made with the same settings."""
    device = training_device()
    torch.manual_seed(run.seed)
    generator = Generator(settings.network, len(styles))
    critic, encoder = Critic(settings.network, len(styles)), Encoder(settings.network, len(styles))
    for network in (generator, critic, encoder):
        network.to(device)
    average = copy.deepcopy(generator).eval()
    drawing = [*generator.parameters(), *encoder.parameters()]
    artist = torch.optim.Adam(drawing, lr=settings.learning_rate, betas=(0.5, 0.99), fused=True)
    judge = torch.optim.Adam(critic.parameters(), lr=settings.learning_rate, betas=(0.0, 0.9), fused=True)
    loop = Loop(run, settings, generator, critic, encoder, average, artist, judge)
    last = settings.warm_steps + settings.steps
    for step in loop.steps(last, describe=lambda told: f"{told['nats']:.0f} nats a phrase"):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(run.seed * 1_000_003 + step)
        warm = step < settings.warm_steps
        for optimiser in (artist, judge):
            optimiser.param_groups[0]["lr"] = settings.learning_rate if warm else settings.duel_rate
        known = batches.draw(rng, settings.batch)
        told = {} if warm else {"distance": _teach(critic, generator, judge, batches, rng, settings)}
        with torch.autocast(device.type, torch.bfloat16):
            loss = told["nats"] = _mimic(generator, encoder, known, min(1.0, 2 * step / settings.warm_steps))
            if not warm:
                made = generator(draw_noise(rng, known, settings), known.chords, known.style, binary=True)
                loss = settings.mimic * loss - critic(made, known.chords, known.style).mean()
        if warm:
            chords = told["chord nats"] = generator.progression.loss(
                known.chords[known.major], known.style[known.major]
            )
            loss = loss + BEATS * chords
        _step(artist, loss, drawing)
        follow(average, generator, min(settings.average, (1 + step) / (10 + step)))
        if loop.is_time(step, last):  # to read a number off a graphics card is to wait for it
            loop.tell(**{name: float(value.detach()) for name, value in told.items()})
    return average.cpu()


def _mimic(generator: Generator, encoder: Encoder, known: Batch, weight: float) -> Tensor:
    """Return the nats of real phrases drawn from the noise that the encoder finds, its divergence weighted."""
    real = to_cells(known.rolls)
    mean, log_variance = encoder(real, known.chords, known.style)
    noise = mean + torch.randn_like(mean, device="cpu").to(mean.device) * (0.5 * log_variance).exp()
    logits = generator(noise, known.chords, known.style, binary=False)
    wrong = functional.binary_cross_entropy_with_logits(logits, real, reduction="sum")
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    return cast(Tensor, (wrong + weight * divergence) / len(known.style))


def _teach(
    critic: Critic,
    generator: Generator,
    judge: torch.optim.Optimizer,
    batches: Batches,
    rng: np.random.Generator,
    settings: GanSettings,
) -> Tensor:
    """Take the critic's steps, and return its last estimate of the Wasserstein distance."""
    for _ in range(settings.critic_steps):
        known = batches.draw(rng, settings.batch)
        with torch.autocast(known.style.device.type, torch.bfloat16):
            with torch.no_grad():
                noise = draw_noise(rng, known, settings)
                made = generator(noise, known.chords, known.style, binary=True)
            loss, distance = _critic_loss(critic, known, made, rng, settings.penalty)
        _step(judge, loss, list(critic.parameters()))
    return distance


def _critic_loss(
    critic: Critic, known: Batch, made: Tensor, rng: np.random.Generator, penalty: float
) -> tuple[Tensor, Tensor]:
    """Return the critic's loss and its estimate of the Wasserstein distance."""
    real, style = to_cells(known.rolls), known.style
    mix = torch.from_numpy(rng.random((1, len(style), 1, 1))).float().to(made.device)
    between = (mix * real + (1 - mix) * made).requires_grad_(True)
    scores = critic(torch.cat([real, made, between], 1), known.chords.repeat(3, 1), style.repeat(3))
    of_real, of_made, of_between = scores.split(len(style))
    (slope,) = torch.autograd.grad(of_between.sum(), between, create_graph=True)
    distance = of_real.mean() - of_made.mean()
    steep = ((slope.float().square().sum((0, 2, 3)).sqrt() - 1) ** 2).mean()
    return -distance + penalty * steep + 1e-3 * (of_real**2).mean(), distance


def draw_noise(rng: np.random.Generator, known: Batch, settings: GanSettings) -> Tensor:
    """Draw what as many phrases are drawn from."""
    noise = rng.standard_normal((len(known.style), noise_size(settings.network)))
    return torch.from_numpy(noise).float().to(known.style.device)


def _step(optimiser: torch.optim.Optimizer, loss: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(parameters, 20.0)
    optimiser.step()
