"""Training: the generator first draws real phrases from the noise an encoder finds, then faces the critic.

The first part is a variational autoencoder's, which takes a fraction of the time that a critic takes to teach the same;
what chord follows which is learnt beside it. In the second the critic judges phrases drawn from fresh noise by binary
neurons (Wasserstein distance, gradient penalty), while the first task goes on at a small weight. The chords of real
phrases are known in both parts.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from segue.music.originality import OriginalityIndex
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.gan.artifacts import Artifacts, load, save
from segue.plugins.gan.calibrate import calibrate
from segue.plugins.gan.data import POP, Phrases, read_phrases
from segue.plugins.gan.network import Critic, Encoder, Generator, NetworkSettings, noise_size, to_cells
from segue.plugins.gan.present import notes_to_piece
from segue.plugins.gan.report import reports
from segue.plugins.gan.roll import BEATS, MELODY, from_root
from segue.plugins.packs.files import sources
from segue.plugins.training import Loop, follow
from torch import Tensor, nn
from torch.nn import functional

_CALIBRATION = 96
"""Phrases of each style by which thresholds are set."""


class GanSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    warm_steps: int = Field(4000, ge=1, description="Steps of the generator with the encoder.")
    steps: int = Field(200, ge=1, description="Steps of the generator against the critic.")
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
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes, as JSON.")


class GanTrainer(Trainer):
    """Trains ``gan`` on phrases of a band."""

    Settings: ClassVar[type[TrainingSettings]] = GanSettings
    example: ClassVar[str] = "segue train gan --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: GanSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        phrases = read_phrases(run.data)
        run.sources.extend(sources(run.data, "style_parallel_synth", "pop909"))
        train = [song for song in phrases if song.part == "train"]
        styles = sorted({song.style for song in train})
        batches = _Batches(train, styles, settings)
        generator = _fit(batches, styles, run, settings)
        for style in range(len(styles)):
            rng = np.random.default_rng((run.seed, 0, 1, style))
            known = batches.of_style(rng, style, _CALIBRATION)
            calibrate(generator, style, known.rolls, known.chords, _noise(rng, _CALIBRATION, settings))
        tunes = {song.tune: notes_to_piece(song.notes[song.notes[:, 0] == MELODY]) for song in phrases}
        index = OriginalityIndex.build(list(tunes.values()), list(tunes))
        save(Artifacts(generator, styles, index), run.artifacts)
        return reports(load(run.artifacts), phrases)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights beside the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), read_phrases(data))


class _Batch(NamedTuple):
    """Phrases: rolls, shape (batch, tracks, steps, pitches, 2), chords, styles, and whether they are in major."""

    rolls: Tensor
    chords: Tensor
    style: Tensor
    major: Tensor


class _Batches:
    """Real phrases, as many of each style as of any other but for those of pop songs."""

    def __init__(self, songs: Sequence[Phrases], styles: Sequence[str], settings: GanSettings) -> None:
        self.shape = songs[0].rolls.shape[1:]
        turned = [from_root(song.rolls, song.chords) for song in songs]
        self.packed = np.concatenate([np.packbits(rolls.reshape(len(rolls), -1), axis=1) for rolls in turned])
        self.chords = np.concatenate([song.chords for song in songs])
        self.major = np.concatenate([np.full(len(song.rolls), not song.minor) for song in songs])
        self.style = np.repeat([styles.index(song.style) for song in songs], [len(song.rolls) for song in songs])
        share = dict.fromkeys(styles, 1.0)
        if POP in share and len(styles) > 1:
            share[POP] = settings.pop_share * (len(styles) - 1) / max(1 - settings.pop_share, 1e-6)
        count = np.bincount(self.style, minlength=len(styles))
        weight = np.array([share[name] for name in styles])[self.style] / count[self.style]
        self.weight = np.cumsum(weight / weight.sum())

    def draw(self, rng: np.random.Generator, size: int) -> _Batch:
        """Draw phrases of all styles."""
        return self._take(np.minimum(np.searchsorted(self.weight, rng.random(size)), len(self.weight) - 1))

    def of_style(self, rng: np.random.Generator, style: int, size: int) -> _Batch:
        """Draw phrases of one style."""
        return self._take(rng.choice(np.flatnonzero(self.style == style), size))

    def _take(self, rows: NDArray[np.int64]) -> _Batch:
        bits = np.unpackbits(self.packed[rows], axis=1, count=int(np.prod(self.shape)))
        rolls = torch.from_numpy(bits.reshape(len(rows), *self.shape)).float()
        return _Batch(rolls, *(torch.from_numpy(known[rows]) for known in (self.chords, self.style, self.major)))


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
        known = batches.draw(rng, settings.batch)
        if not warm:
            loop.tell(distance=_teach(critic, generator, judge, batches, rng, settings))
        with torch.autocast("cpu", torch.bfloat16):
            loss = _mimic(generator, encoder, known, min(1.0, 2 * step / settings.warm_steps))
            loop.tell(nats=float(loss.detach()))
            if not warm:
                made = generator(_noise(rng, settings.batch, settings), known.chords, known.style, binary=True)
                loss = settings.mimic * loss - critic(made, known.chords, known.style).mean()
        if warm:
            chords = generator.progression.loss(known.chords[known.major], known.style[known.major])
            loop.tell(chord_nats=float(chords.detach()))
            loss = loss + BEATS * chords
        _step(artist, loss, drawing)
        follow(average, generator, min(settings.average, (1 + step) / (10 + step)))
    return average


def _mimic(generator: Generator, encoder: Encoder, known: _Batch, weight: float) -> Tensor:
    """Return the nats of real phrases drawn from the noise that the encoder finds, its divergence weighted."""
    real = to_cells(known.rolls)
    mean, log_variance = encoder(real, known.chords, known.style)
    noise = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
    logits = generator(noise, known.chords, known.style, binary=False)
    wrong = functional.binary_cross_entropy_with_logits(logits, real, reduction="sum")
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
    return cast(Tensor, (wrong + weight * divergence) / len(known.style))


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
        known = batches.draw(rng, settings.batch)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                noise = _noise(rng, settings.batch, settings)
                made = generator(noise, known.chords, known.style, binary=True)
            loss, distance = _critic_loss(critic, known, made, rng, settings.penalty)
        _step(judge, loss, list(critic.parameters()))
    return distance


def _critic_loss(
    critic: Critic, known: _Batch, made: Tensor, rng: np.random.Generator, penalty: float
) -> tuple[Tensor, float]:
    """Return the critic's loss and its estimate of the Wasserstein distance."""
    real, style = to_cells(known.rolls), known.style
    mix = torch.from_numpy(rng.random((1, len(style), 1, 1))).float()
    between = (mix * real + (1 - mix) * made).requires_grad_(True)
    scores = critic(torch.cat([real, made, between], 1), known.chords.repeat(3, 1), style.repeat(3))
    of_real, of_made, of_between = scores.split(len(style))
    (slope,) = torch.autograd.grad(of_between.sum(), between, create_graph=True)
    distance = of_real.mean() - of_made.mean()
    steep = ((slope.float().square().sum((0, 2, 3)).sqrt() - 1) ** 2).mean()
    return -distance + penalty * steep + 1e-3 * (of_real**2).mean(), float(distance.detach())


def _noise(rng: np.random.Generator, phrases: int, settings: GanSettings) -> Tensor:
    return torch.from_numpy(rng.standard_normal((phrases, noise_size(settings.network)))).float()


def _step(optimiser: torch.optim.Optimizer, loss: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(parameters, 20.0)
    optimiser.step()
