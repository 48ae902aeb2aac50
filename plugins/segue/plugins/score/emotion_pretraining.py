"""What the Transformer learns before it learns emotion: music without labels.

Two tasks on stretches of songs, as in masked language modelling (Devlin et al. 2019; MidiBERT-Piano, Chou et al. 2021)
and contrastive learning (SimCLR, Chen et al. 2020): guess the notes that were hidden, and tell which two stretches are
of one song.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from segue.plugin_api.training import Run, TrainingSettings
from segue.plugins.score.emotion_nets import AttentionNet
from segue.plugins.training import Loop, training_device, warm_cosine
from torch import Tensor, nn
from torch.nn import functional

LENGTH: Final = 128
_SONGS: Final = 16
_RATE: Final = 2e-3
_HIDDEN: Final = 0.2
_RUN: Final = 3
"""Notes in a row that are hidden: about a chord."""
_SHARPNESS: Final = 10.0
_CLASSES: Final = (12, 88, 24, 24, 16)
TRANSPOSE: Final = 3
STRETCH: Final = 0.12
Song = list[NDArray[np.float32]]
"""Note tokens, shape (notes, 19), of the clips of one song."""
Pack = list[Song]


def vary(notes: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move note tokens up to three semitones up or down, a little slower or faster, softer or louder."""
    notes = notes.copy()
    notes[:, 0] += rng.integers(-TRANSPOSE, TRANSPOSE + 1) / 24
    notes[:, 2:4] += rng.uniform(-STRETCH, STRETCH) / 2
    notes[:, 4] += rng.normal(0, 0.1)
    return notes


def stretch_of(notes: NDArray[np.float32], length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a varied stretch from somewhere in note tokens; what is too short is heard more than once."""
    start = int(rng.integers(max(1, len(notes) - length + 1)))
    return np.resize(vary(notes[start : start + length], rng), (length, notes.shape[1]))


class PretrainingSettings(TrainingSettings):
    """Settings of the two tasks."""

    steps: int = Field(default=1100, ge=1, description="Training steps, 32 stretches each.")


class Tasks(nn.Module):
    """A network with what it takes to do the two tasks."""

    def __init__(self, net: AttentionNet) -> None:
        super().__init__()
        self.net = net
        self.guess = nn.Linear(net.width, sum(_CLASSES))
        self.place = nn.Sequential(nn.Linear(2 * net.width, net.width), nn.ReLU(), nn.Linear(net.width, 64))

    def forward(self, notes: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return nats of a hidden note's fields, nats of finding the other stretch, and the share of degrees guessed.

        Parameters
        ----------
        notes
            Tokens, shape (batch, notes, 19); two rows in a row are of one song.
        hidden
            Which notes are hidden, shape (batch, notes).
        """
        context = self.net.follow(hide(notes, hidden))
        guesses = self.guess(context[hidden]).float().split(_CLASSES, dim=1)
        truths = _classes(notes[hidden])
        nats = sum(functional.cross_entropy(guess, truth) for guess, truth in zip(guesses, truths, strict=True))
        right = (guesses[0].argmax(dim=1) == truths[0]).float().mean()
        pooled = torch.cat([context.mean(dim=1), context.amax(dim=1)], dim=1)
        where = functional.normalize(self.place(pooled).float(), dim=1)
        alike = _SHARPNESS * where @ where.T
        alike = alike.masked_fill(torch.eye(len(where), dtype=torch.bool, device=where.device), -torch.inf)
        other = functional.cross_entropy(alike, torch.arange(len(where), device=where.device) ^ 1)
        return torch.as_tensor(nats) / len(truths), other, right


def hide(notes: Tensor, hidden: Tensor) -> Tensor:
    """Blank hidden notes, and the interval from them to the next note, which would tell."""
    given = notes * ~hidden[..., None]
    given[:, 1:, 1] *= ~hidden[:, :-1]
    return given


def _classes(notes: Tensor) -> list[Tensor]:
    """Return degree, pitch, length, gap and velocity of note tokens, shape (notes, 19), as classes."""
    values = [
        notes[:, 7:].argmax(dim=1),
        notes[:, 0] * 24 + 60 - 20,
        (notes[:, 2] + 1.5) * 10,
        (notes[:, 3] + 1.5) * 10,
        (notes[:, 4] + 2) * 4,
    ]
    return [value.round().long().clamp(0, most - 1) for value, most in zip(values, _CLASSES, strict=True)]


def pretrain(net: AttentionNet, packs: Sequence[Pack], run: Run, settings: PretrainingSettings) -> None:
    """Let a network learn both tasks on songs drawn from each pack as often."""
    torch.manual_seed(run.seed)
    device = training_device()
    tasks = Tasks(net).to(device)
    optimizer = torch.optim.AdamW(tasks.parameters(), _RATE, weight_decay=0.01)
    rate = warm_cosine(_RATE, settings.steps)
    loop = Loop(run, settings, tasks, optimizer, name="pretraining", every=50)
    for step in loop.steps(settings.steps):
        rng = np.random.default_rng([run.seed, step])
        torch.manual_seed(run.seed * 1_000_003 + step)
        tasks.train()
        notes, hidden = _draw(packs, rng)
        with torch.autocast(device.type, torch.bfloat16):
            nats, other, right = tasks(notes.to(device), hidden.to(device))
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        (nats + other).backward()
        nn.utils.clip_grad_norm_(tasks.parameters(), 1.0)
        optimizer.step()
        loop.tell(nats=float(nats.detach()), other=float(other.detach()), degrees=float(right))
    net.cpu()


def _draw(packs: Sequence[Pack], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    rows = []
    for number in range(_SONGS):
        pack = packs[number % len(packs)]
        song = pack[int(rng.integers(len(pack)))]
        for part in rng.permutation(max(2, len(song)))[:2] % len(song):
            rows.append(stretch_of(song[int(part)], LENGTH, rng))
    hidden = np.repeat(rng.random((len(rows), -(-LENGTH // _RUN))) < _HIDDEN, _RUN, axis=1)[:, :LENGTH]
    return torch.from_numpy(np.stack(rows)), torch.from_numpy(hidden)
