"""What the networks on note tokens learn before they learn emotion: music whose emotion nobody has told.

Three tasks on stretches of songs: guess the notes that were hidden, as in masked language modelling (Devlin et al.
2019; MidiBERT-Piano, Chou et al. 2021); tell which two stretches are of one song, as in contrastive learning (SimCLR,
Chen et al. 2020); and name the chord, key, metrical level and melody that ``score`` hears at each note (distillation,
Hinton et al. 2015). The last matters most: it teaches harmony, for which a few hundred labelled clips are not enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from pydantic import Field
from segue.plugin_api.training import Run, TrainingSettings
from segue.plugins.score.emotion_lessons import HEARD, Pack, cut
from segue.plugins.score.emotion_nets import NoteNet
from segue.plugins.training import Loop, training_device, warm_cosine
from torch import Tensor, nn
from torch.nn import functional

LENGTH: Final = 128
_SONGS: Final = 32
_RATE: Final = 2e-3
_HIDDEN: Final = 0.2
_RUN: Final = 3
"""Notes in a row that are hidden: about a chord."""
_SHARPNESS: Final = 10.0
_FIND, _HEAR = 0.5, 2.0
"""Weights of finding the song and of what is heard, beside guessing notes."""
_GUESSED: Final = (12, 88, 24, 24, 16)


class PretrainingSettings(TrainingSettings):
    """Settings of the three tasks."""

    steps: int = Field(default=4000, ge=1, description="Training steps, 64 stretches each.")


class Lost(NamedTuple):
    """What the tasks cost in nats: a field of a hidden note, finding the other stretch, and a thing heard at a note."""

    guess: Tensor
    find: Tensor
    hear: Tensor

    @property
    def all(self) -> Tensor:
        """What is made small."""
        return self.guess + _FIND * self.find + _HEAR * self.hear


class Tasks(nn.Module):
    """A network with what it takes to do the three tasks."""

    def __init__(self, net: NoteNet) -> None:
        super().__init__()
        self.net = net
        self.guess = nn.Linear(net.width, sum(_GUESSED))
        self.place = nn.Sequential(nn.Linear(2 * net.width, net.width), nn.ReLU(), nn.Linear(net.width, 64))
        self.hear = nn.Linear(net.width, sum(HEARD))

    def forward(self, notes: Tensor, heard: Tensor, hidden: Tensor) -> Lost:
        """Return what the tasks cost.

        Parameters
        ----------
        notes
            Tokens, shape (batch, notes, 19); two rows in a row are of one song.
        heard
            What is heard at each note, shape (batch, notes, 5).
        hidden
            Which notes are hidden, shape (batch, notes).
        """
        context = self.net.follow(hide(notes, hidden))
        guess = _nats(self.guess(context[hidden]), _classes(notes[hidden]), _GUESSED)
        hear = _nats(self.hear(context).flatten(0, 1), heard.flatten(0, 1), HEARD)
        pooled = torch.cat([context.mean(dim=1), context.amax(dim=1)], dim=1)
        where = functional.normalize(self.place(pooled).float(), dim=1)
        alike = _SHARPNESS * where @ where.T
        alike = alike.masked_fill(torch.eye(len(where), dtype=torch.bool, device=where.device), -torch.inf)
        find = functional.cross_entropy(alike, torch.arange(len(where), device=where.device) ^ 1)
        return Lost(guess, find, hear)


def hide(notes: Tensor, hidden: Tensor) -> Tensor:
    """Blank hidden notes, and the interval from them to the next note, which would tell."""
    given = notes * ~hidden[..., None]
    given[:, 1:, 1] *= ~hidden[:, :-1]
    return given


def _nats(logits: Tensor, truths: Tensor, classes: Sequence[int]) -> Tensor:
    """Return the mean nats of things of some classes: logits (rows, classes of all things), truths (rows, things)."""
    parts = zip(torch.split(logits.float(), list(classes), dim=1), truths.unbind(dim=1), strict=True)
    return torch.stack([functional.cross_entropy(part, truth) for part, truth in parts]).mean()


def _classes(notes: Tensor) -> Tensor:
    """Return degree, pitch, length, gap and velocity of note tokens, shape (n, 19), as classes, shape (n, 5)."""
    values = [
        notes[:, 7:].argmax(dim=1),
        notes[:, 0] * 24 + 60 - 20,
        (notes[:, 2] + 1.5) * 10,
        (notes[:, 3] + 1.5) * 10,
        (notes[:, 4] + 2) * 4,
    ]
    found = [value.round().long().clamp(0, most - 1) for value, most in zip(values, _GUESSED, strict=True)]
    return torch.stack(found, dim=1)


def pretrain(net: NoteNet, name: str, packs: Sequence[Pack], run: Run, settings: PretrainingSettings) -> None:
    """Let a network learn the tasks on songs drawn from each pack as often; ``name`` is its checkpoint's."""
    torch.manual_seed(run.seed)
    device = training_device()
    tasks = Tasks(net).to(device)
    optimizer = torch.optim.AdamW(tasks.parameters(), _RATE, weight_decay=0.01)
    rate = warm_cosine(_RATE, settings.steps)
    loop = Loop(run, settings, tasks, optimizer, name=f"{name} pretraining")
    for step in loop.steps(settings.steps):
        rng = np.random.default_rng([run.seed, step])
        torch.manual_seed(run.seed * 1_000_003 + step)
        tasks.train()
        drawn = (tensor.to(device) for tensor in _draw(packs, rng))
        with torch.autocast(device.type, torch.bfloat16):
            lost = tasks(*drawn)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        lost.all.backward()
        nn.utils.clip_grad_norm_(tasks.parameters(), 1.0)
        optimizer.step()
        if loop.is_time(step, settings.steps):
            loop.tell(**{task: float(nats.detach()) for task, nats in lost._asdict().items()})
    net.cpu().eval()


def _draw(packs: Sequence[Pack], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    rows = []
    for number in range(_SONGS):
        pack = packs[number % len(packs)]
        song = pack[int(rng.integers(len(pack)))]
        for part in rng.permutation(max(2, len(song)))[:2] % len(song):
            rows.append(cut(song[int(part)], LENGTH, rng))
    notes, heard = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
    hidden = np.repeat(rng.random((len(rows), -(-LENGTH // _RUN))) < _HIDDEN, _RUN, axis=1)[:, :LENGTH]
    return notes, heard, torch.from_numpy(hidden)
