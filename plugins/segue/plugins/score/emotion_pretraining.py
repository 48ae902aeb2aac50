"""What the networks that hear emotion learn before they learn emotion: music whose emotion nobody has told.

Common to all: to tell which two stretches are of one song, as in contrastive learning (SimCLR, Chen et al. 2020), and
to name what ``score`` hears at each step: chord, key, metrical level and melody (distillation, Hinton et al. 2015).
The latter matters most: it teaches harmony, for which a few hundred labelled clips are not enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from segue.plugin_api.training import Run, TrainingSettings
from segue.plugins.score.emotion_lessons import UNKNOWN, Lesson, Pack
from segue.plugins.score.emotion_nets import ContextNet
from segue.plugins.training import Loop, training_device, warm_cosine
from torch import Tensor, nn
from torch.nn import functional

_SONGS: Final = 32
_RATE: Final = 2e-3
_SHARPNESS: Final = 10.0


class PretrainingSettings(TrainingSettings):
    """Settings of the tasks."""

    steps: int = Field(default=4000, ge=1, description="Training steps, 64 stretches each.")


class Tasks(nn.Module, ABC):
    """A network with what it takes to do the tasks.

    Attributes
    ----------
    weights
        Task → what it weighs in what is made small.
    """

    weights: ClassVar[Mapping[str, float]]

    def __init__(self, net: ContextNet, classes: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self._classes = classes
        self.place = nn.Sequential(nn.Linear(2 * net.width, net.width), nn.ReLU(), nn.Linear(net.width, 64))
        self.hear = nn.Linear(net.width, sum(classes))

    @abstractmethod
    def draw(self, lessons: Iterable[Lesson], rng: np.random.Generator) -> Sequence[Tensor]:
        """Cut a stretch from each lesson, of which two in a row are of a song, and return what ``forward`` takes."""

    @abstractmethod
    def forward(self, drawn: Sequence[Tensor]) -> Mapping[str, Tensor]:
        """Return what each task costs, in nats, on what ``draw`` returned."""

    def costs(self, context: Tensor, heard: Tensor) -> dict[str, Tensor]:
        """Return what the common tasks cost: ``find`` the other stretch of the song, and ``hear``.

        Parameters
        ----------
        context
            What the network made of the steps, shape (batch, steps, width).
        heard
            What is to be heard at each, shape (batch, steps, things); what is unknown does not count.
        """
        pooled = torch.cat([context.mean(dim=1), context.amax(dim=1)], dim=1)
        where = functional.normalize(self.place(pooled).float(), dim=1)
        alike = _SHARPNESS * where @ where.T
        alike = alike.masked_fill(torch.eye(len(where), dtype=torch.bool, device=where.device), -torch.inf)
        find = functional.cross_entropy(alike, torch.arange(len(where), device=where.device) ^ 1)
        return {"find": find, "hear": nats(self.hear(context).flatten(0, 1), heard.flatten(0, 1), self._classes)}


def nats(logits: Tensor, truths: Tensor, classes: Sequence[int]) -> Tensor:
    """Return the mean nats of things of some classes: logits (rows, classes of all things), truths (rows, things)."""
    parts = zip(torch.split(logits.float(), list(classes), dim=1), truths.unbind(dim=1), strict=True)
    return torch.stack([functional.cross_entropy(part, truth, ignore_index=UNKNOWN) for part, truth in parts]).mean()


def pretrain(tasks: Tasks, name: str, packs: Sequence[Pack], run: Run, settings: PretrainingSettings) -> None:
    """Let a network learn its tasks on songs drawn from each pack as often; ``name`` is its checkpoint's."""
    torch.manual_seed(run.seed)
    device = training_device()
    tasks = tasks.to(device)
    optimizer = torch.optim.AdamW(tasks.parameters(), _RATE, weight_decay=0.01)
    rate = warm_cosine(_RATE, settings.steps)
    loop = Loop(run, settings, tasks, optimizer, name=f"{name} pretraining")
    for step in loop.steps(settings.steps):
        rng = np.random.default_rng([run.seed, step])
        torch.manual_seed(run.seed * 1_000_003 + step)
        tasks.train()
        drawn = [tensor.to(device) for tensor in tasks.draw(_pairs(packs, rng), rng)]
        with torch.autocast(device.type, torch.bfloat16):
            lost = tasks(drawn)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        weighted: Any = torch.stack([tasks.weights[task] * cost for task, cost in lost.items()])
        optimizer.zero_grad()
        weighted.sum().backward()
        nn.utils.clip_grad_norm_(tasks.parameters(), 1.0)
        optimizer.step()
        if loop.is_time(step, settings.steps):
            loop.tell(**{task: float(cost.detach()) for task, cost in lost.items()})
    tasks.net.cpu().eval()


def _pairs(packs: Sequence[Pack], rng: np.random.Generator) -> Iterator[Lesson]:
    """Draw songs and two clips of each, or one that has no other twice."""
    for number in range(_SONGS):
        pack = packs[number % len(packs)]
        song = pack[int(rng.integers(len(pack)))]
        for part in rng.permutation(max(2, len(song)))[:2] % len(song):
            yield song[int(part)]
