"""What the networks on note tokens learn before they learn emotion; beside the tasks of all, to guess hidden notes.

As in masked language modelling: Devlin et al. 2019; for notes, MidiBERT-Piano, Chou et al. 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

import numpy as np
import torch
from segue.plugins.score.emotion_lessons import HEARD, Lesson, cut_notes
from segue.plugins.score.emotion_nets import ContextNet
from segue.plugins.score.emotion_pretraining import Tasks, nats
from torch import Tensor, nn

_LENGTH: Final = 128
_HIDDEN: Final = 0.2
_RUN: Final = 3
"""Notes in a row that are hidden: about a chord."""
_GUESSED: Final = (12, 88, 24, 24, 16)


class NoteTasks(Tasks):
    """The tasks on notes."""

    weights: ClassVar[Mapping[str, float]] = {"guess": 1.0, "find": 0.5, "hear": 2.0}

    def __init__(self, net: ContextNet) -> None:
        super().__init__(net, HEARD)
        self.guess = nn.Linear(net.width, sum(_GUESSED))

    def draw(self, lessons: Iterable[Lesson], rng: np.random.Generator) -> Sequence[Tensor]:
        """Cut a stretch of 128 notes from each lesson.

        Returns
        -------
        notes
            Tokens, shape (batch, notes, 19).
        heard
            What is heard at each note, shape (batch, notes, 5).
        hidden
            Which notes are hidden, shape (batch, notes).
        """
        rows = [cut_notes(lesson.notes, _LENGTH, rng) for lesson in lessons]
        notes, heard = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
        hidden = np.repeat(rng.random((len(rows), -(-_LENGTH // _RUN))) < _HIDDEN, _RUN, axis=1)[:, :_LENGTH]
        return notes, heard, torch.from_numpy(hidden)

    def forward(self, drawn: Sequence[Tensor]) -> Mapping[str, Tensor]:
        """Return what the tasks cost; ``guess``: a field of a hidden note."""
        notes, heard, hidden = drawn
        context = self.net.follow(hide(notes, hidden))
        guess = nats(self.guess(context[hidden]), _fields(notes[hidden]), _GUESSED)
        return {"guess": guess, **self.costs(context, heard)}


def hide(notes: Tensor, hidden: Tensor) -> Tensor:
    """Blank hidden notes, and the interval from them to the next note, which would tell."""
    given = notes * ~hidden[..., None]
    given[:, 1:, 1] *= ~hidden[:, :-1]
    return given


def _fields(notes: Tensor) -> Tensor:
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
