"""What the generator learns: first from pairs, then in cycles against the discriminators.

A generator that starts from nothing takes a critic's word for hours before it writes a chord. So it first learns from
pairs, the same bars of one chart in two styles, and from real music whose accompaniment is hidden. Then come the
cycles: what is written in another domain must sound real there and real at all, must lead back to what was heard, and
what is in the right style already must stay; the pairs go on at a small weight. What a step draws comes from the CPU's
random numbers, on a graphics card too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from segue.plugin_api.training import Run, TrainingSettings
from segue.plugins.style_gan.data import DOMAINS
from segue.plugins.style_gan.lessons import Lesson, Windows, hide
from segue.plugins.style_gan.network import Discriminator, Generator, NetworkSettings, decide
from segue.plugins.training import Loop, follow, training_device
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


def fit(windows: Windows, styles: Sequence[str], run: Run, settings: StyleGanSettings) -> Generator:
    """Return the generator's average; resumes from a checkpoint of ``run.work`` made with the same settings."""
    device = training_device()
    torch.manual_seed(run.seed)
    generator = Generator(settings.network, len(styles)).to(device)
    judges = nn.ModuleList([Discriminator(settings.network, len(styles)), Discriminator(settings.network, 0)])
    judges.to(device)
    average = copy.deepcopy(generator).eval()
    artist = torch.optim.AdamW(generator.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)
    critic = torch.optim.Adam(judges.parameters(), lr=settings.judge_rate, betas=(0.5, 0.9), fused=True)
    loop = Loop(run, settings, generator, judges, average, artist, critic)
    draw = _Draw(styles)
    last = settings.pair_steps + settings.cycle_steps
    for step in loop.steps(last):
        rng = np.random.default_rng((run.seed, step))
        torch.manual_seed(run.seed * 1_000_003 + step)
        for group in artist.param_groups:
            group["lr"] = settings.learning_rate * _pace(step, settings.pair_steps)
        if step < settings.pair_steps:
            loss = _pairs(generator, windows, draw, rng, settings.batch)
            told = {"pairs": loss}
        else:
            wrong = _pairs(generator, windows, draw, rng, settings.cycle_batch)
            told = {"pairs": wrong} | _cycle(generator, judges, critic, windows, draw, rng, settings)
            loss = told["there"] + settings.cycle * told["back"] + settings.identity * told["stays"]
            loss = loss + settings.pairs * wrong
        _step(artist, loss, generator)
        follow(average, generator, min(settings.average, (1 + step) / (10 + step)))
        if loop.is_time(step, last):  # to read a number off a graphics card is to wait for it
            loop.tell(**{name: float(value.detach()) for name, value in told.items()})
    return average.cpu()


def _pace(step: int, last: int) -> float:
    """Return the share of the highest learning rate: up for 100 steps, down to a fifth, then level."""
    return float(min((step + 1) / 100, 1.0) * (0.2 + 0.4 * (1 + np.cos(np.pi * min(step / last, 1.0)))))


def _nats(logits: Tensor, target: Tensor) -> Tensor:
    """Return the nats of a half beat."""
    wrong = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return wrong / (target.shape[0] * target.shape[1])


def _pairs(generator: Generator, windows: Windows, draw: _Draw, rng: np.random.Generator, size: int) -> Tensor:
    heard, meant = windows.pairs(rng, draw.targets(rng, size), _SHORT)
    heard = hide(heard, rng, _HIDDEN_BAND, _HIDDEN_MELODY).near(generator)
    with torch.autocast(heard.band.device.type, torch.bfloat16):
        logits = generator(*heard)
    return _nats(logits, meant.to(logits.device))


def _cycle(
    generator: Generator,
    judges: nn.ModuleList,
    critic: torch.optim.Optimizer,
    windows: Windows,
    draw: _Draw,
    rng: np.random.Generator,
    settings: StyleGanSettings,
) -> dict[str, Tensor]:
    """Go to another domain and back.

    Returns how far the discriminators object (``there``), the nats of the way ``back`` and of what ``stays``, and how
    well the discriminators tell apart (``apart``).
    """
    source, goal = draw.crossings(rng, settings.cycle_batch)
    heard = windows.draw(rng, source).near(generator)
    device = heard.band.device
    to = torch.from_numpy(goal).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        written = decide(generator(*heard.told(to)))
    real = [windows.draw(rng, goal), windows.draw(rng, rng.integers(windows.styles, size=settings.cycle_batch))]
    made = heard._replace(band=written, style=to)
    apart = _teach(
        judges, critic, [one.near(judges) for one in real], made._replace(band=written.detach()), settings.noise
    )
    judges.requires_grad_(False)
    with torch.autocast(device.type, torch.bfloat16):
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
    return {"there": there, "back": back, "stays": stays, "apart": apart}


def _teach(
    judges: nn.ModuleList, critic: torch.optim.Optimizer, real: Sequence[Lesson], made: Lesson, noise: float
) -> Tensor:
    """Take a step of both discriminators: least squares (Mao et al. 2017); return how well they tell apart, 0-1."""
    with torch.autocast(made.band.device.type, torch.bfloat16):
        found = [
            (judge(*_noisy(one, noise)), judge(*_noisy(made, noise))) for judge, one in zip(judges, real, strict=True)
        ]
    loss = torch.stack([((true - 1) ** 2).mean() + (false**2).mean() for true, false in found]).sum()
    _step(critic, loss, judges)
    return torch.stack([true.mean() - false.mean() for true, false in found]).mean()


def _noisy(lesson: Lesson, noise: float) -> Lesson:
    drawn = torch.randn_like(lesson.band, device="cpu").to(lesson.band.device)
    return lesson._replace(band=lesson.band + noise * drawn)


def _step(optimiser: torch.optim.Optimizer, loss: Tensor, network: nn.Module) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
