"""Training: first from pairs, then in cycles against the discriminators.

A generator that starts from nothing takes a critic's word for hours before it writes a chord. So it first learns from
pairs, the same bars of one chart in two styles, and from real music whose accompaniment is hidden. Then come the
cycles: what is written in another domain must sound real there and real at all, must lead back to what was heard, and
what is in the right style already must stay; the pairs go on at a small weight.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.plugins.packs.files import sources
from segue.plugins.style_gan.artifacts import Artifacts, load, save
from segue.plugins.style_gan.calibrate import calibrate
from segue.plugins.style_gan.data import DOMAINS, grooves, read_songs
from segue.plugins.style_gan.lessons import Lesson, Windows, hide
from segue.plugins.style_gan.network import Discriminator, Generator, NetworkSettings, decide
from segue.plugins.style_gan.report import reports
from segue.plugins.training import Loop, follow
from torch import Tensor, nn
from torch.nn import functional

_HIDDEN_BAND, _HIDDEN_MELODY = 0.2, 0.1
_SHORT: Final = 0.15
"""Share of the steps whose bars lose a beat."""


class StyleGanSettings(TrainingSettings):
    """Settings of the trainer; the defaults remake the shipped weights on a CPU."""

    pair_steps: int = Field(1000, ge=1, description="Steps on pairs alone.")
    cycle_steps: int = Field(200, ge=0, description="Steps of the cycles.")
    batch: int = Field(32, ge=2, description="Windows in a step on pairs.")
    cycle_batch: int = Field(24, ge=2, description="Windows in a step of the cycles, and as many pairs.")
    learning_rate: float = Field(1.5e-3, gt=0, description="Highest, of the generator; a fifth of it in the cycles.")
    judge_rate: float = Field(4e-4, gt=0, description="Of the discriminators.")
    pairs: float = Field(0.02, ge=0, description="Weight of the pairs, in nats a half beat, beside the cycles.")
    cycle: float = Field(0.02, ge=0, description="Weight of the way back.")
    identity: float = Field(0.02, ge=0, description="Weight of what must stay.")
    noise: float = Field(0.1, ge=0, description="Standard deviation of noise that discriminators hear on top.")
    average: float = Field(
        0.995, ge=0, lt=1, description="Decay of the moving average of the generator, which is kept."
    )
    threads: int = Field(1, ge=1, description="CPU threads.")
    network: NetworkSettings = Field(NetworkSettings(), description="Sizes, as JSON.")


class StyleGanTrainer(Trainer):
    """Trains ``style-gan`` on charts in many styles, chorales and lead sheets."""

    Settings: ClassVar[type[TrainingSettings]] = StyleGanSettings
    example: ClassVar[str] = "segue train style-gan --data FOLDER_OF_PACKS --out models"

    def train(self, run: Run, settings: StyleGanSettings) -> Sequence[Report]:
        """Train; resumes from the checkpoint in ``run.work`` if it was made with the same settings."""
        torch.set_num_threads(settings.threads)
        songs = read_songs(run.data, ["train"])
        run.sources.extend(sources(run.data, "style_parallel_synth", "jsb_chorales", "openewld"))
        styles = [name for names in DOMAINS.values() for name in names]
        windows = Windows(songs, [*styles, *sorted({song.style for song in songs} - set(styles))])
        generator = _fit(windows, styles, run, settings)
        textures = calibrate(generator, windows, len(styles), np.random.default_rng((run.seed, 0, 1)))
        save(Artifacts(generator, styles, textures, grooves(songs, styles)), run.artifacts)
        return self.evaluate(run.data, run.artifacts, run.console)

    def evaluate(self, data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
        """Measure shipped or trained weights on the test part."""
        torch.set_num_threads(1)
        return reports(load(artifacts), read_songs(data, ["test"]))


class _Draw:
    """Which styles a step is about: groups alike, styles of a group alike."""

    def __init__(self, styles: Sequence[str]) -> None:
        self._groups = [np.array([styles.index(name) for name in names]) for names in DOMAINS.values()]

    def targets(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """Draw styles to write."""
        return np.array([rng.choice(self._groups[rng.integers(len(self._groups))]) for _ in range(size)])

    def crossings(self, rng: np.random.Generator, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw styles to come from and styles of another group to go to."""
        ways = [rng.permutation(len(self._groups))[:2] for _ in range(size)]
        one, other = zip(*((rng.choice(self._groups[a]), rng.choice(self._groups[b])) for a, b in ways), strict=True)
        return np.array(one), np.array(other)


def _fit(windows: Windows, styles: Sequence[str], run: Run, settings: StyleGanSettings) -> Generator:
    torch.manual_seed(run.seed)
    generator = Generator(settings.network, len(styles))
    judges = nn.ModuleList([Discriminator(settings.network, len(styles)), Discriminator(settings.network, 0)])
    average = copy.deepcopy(generator).eval()
    artist = torch.optim.AdamW(generator.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)
    critic = torch.optim.Adam(judges.parameters(), lr=settings.judge_rate, betas=(0.5, 0.9), fused=True)
    loop = Loop(run, settings, generator, judges, average, artist, critic)
    draw = _Draw(styles)
    for step in loop.steps(settings.pair_steps + settings.cycle_steps):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(run.seed * 1_000_003 + step)
        for group in artist.param_groups:
            group["lr"] = settings.learning_rate * _pace(step, settings.pair_steps)
        if step < settings.pair_steps:
            wrong = _pairs(generator, windows, draw, rng, settings.batch)
            loss = wrong
        else:
            wrong = _pairs(generator, windows, draw, rng, settings.cycle_batch)
            there, back, stays = _cycle(generator, judges, critic, windows, draw, rng, settings, loop)
            loss = there + settings.cycle * back + settings.identity * stays + settings.pairs * wrong
        loop.tell(pairs=float(wrong.detach()))
        _step(artist, loss, generator)
        follow(average, generator, min(settings.average, (1 + step) / (10 + step)))
    return average


def _pace(step: int, last: int) -> float:
    """Return the share of the highest learning rate: up for 100 steps, down to a fifth, then level."""
    return float(min((step + 1) / 100, 1.0) * (0.2 + 0.4 * (1 + np.cos(np.pi * min(step / last, 1.0)))))


def _nats(logits: Tensor, target: Tensor) -> Tensor:
    """Return the nats of a half beat."""
    wrong = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return wrong / (target.shape[0] * target.shape[1])


def _pairs(generator: Generator, windows: Windows, draw: _Draw, rng: np.random.Generator, size: int) -> Tensor:
    heard, meant = windows.pairs(rng, draw.targets(rng, size), _SHORT)
    heard = hide(heard, rng, _HIDDEN_BAND, _HIDDEN_MELODY)
    with torch.autocast("cpu", torch.bfloat16):
        logits = generator(*heard)
    return _nats(logits, meant)


def _cycle(
    generator: Generator,
    judges: nn.ModuleList,
    critic: torch.optim.Optimizer,
    windows: Windows,
    draw: _Draw,
    rng: np.random.Generator,
    settings: StyleGanSettings,
    loop: Loop,
) -> tuple[Tensor, Tensor, Tensor]:
    """Go to another domain and back.

    Returns how far the discriminators object, and the nats of the way back and of what must stay.
    """
    source, goal = draw.crossings(rng, settings.cycle_batch)
    heard, to = windows.draw(rng, source), torch.from_numpy(goal)
    with torch.autocast("cpu", torch.bfloat16):
        written = decide(generator(*heard.told(to)))
    real = [windows.draw(rng, goal), windows.draw(rng, rng.integers(windows.styles, size=settings.cycle_batch))]
    made = heard._replace(band=written, style=to)
    loop.tell(objection=_teach(judges, critic, real, made._replace(band=written.detach()), settings.noise))
    judges.requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        found = [judge(*_noisy(made, settings.noise)) for judge in judges]
        both = generator(
            torch.cat([written, heard.band]),
            heard.melody.repeat(2, 1, 1),
            heard.context.repeat(2, 1, 1),
            heard.style.repeat(2),
        )
    judges.requires_grad_(True)
    there = torch.stack([((one - 1) ** 2).mean() for one in found]).sum()
    back, stays = (_nats(half, heard.band) for half in both.chunk(2))
    loop.tell(there=float(there.detach()), back=float(back.detach()), stays=float(stays.detach()))
    return there, back, stays


def _teach(
    judges: nn.ModuleList, critic: torch.optim.Optimizer, real: Sequence[Lesson], made: Lesson, noise: float
) -> float:
    """Take a step of both discriminators: least squares (Mao et al. 2017); return how well they tell apart, 0-1."""
    with torch.autocast("cpu", torch.bfloat16):
        found = [
            (judge(*_noisy(one, noise)), judge(*_noisy(made, noise))) for judge, one in zip(judges, real, strict=True)
        ]
    loss = torch.stack([((true - 1) ** 2).mean() + (false**2).mean() for true, false in found]).sum()
    _step(critic, loss, judges)
    return float(torch.stack([(true.mean() - false.mean()).detach() for true, false in found]).mean())


def _noisy(lesson: Lesson, noise: float) -> Lesson:
    return lesson._replace(band=lesson.band + noise * torch.randn_like(lesson.band))


def _step(optimiser: torch.optim.Optimizer, loss: Tensor, network: nn.Module) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
