"""The chords of a phrase, drawn before any note: a small recurrent network tells the next beat's from those before.

All tracks of a phrase are drawn to one plan of chords, so that they agree. A normal number for each beat decides which
chord it is: the nearer to zero, the likelier the chord.
"""

from __future__ import annotations

from typing import Final

import torch
from segue.music.theory import NO_CHORD, chord_pitch_classes
from segue.plugins.gan.roll import BEATS
from torch import Tensor, nn
from torch.nn import functional

CHORD: Final = 36
"""Numbers that tell a network of a chord."""


def chord_table() -> Tensor:
    """Return what a network is told of each chord: root, tones, and tones above the root; shape (133, CHORD)."""
    table = torch.zeros(NO_CHORD + 1, 3, 12)
    for chord in range(NO_CHORD):
        root, tones = chord % 12, torch.tensor(chord_pitch_classes(chord))
        table[chord, 0, root] = 1
        table[chord, 1, tones] = 1
        table[chord, 2, (tones - root) % 12] = 1
    return table.flatten(1)


class Progression(nn.Module):
    """What chord follows, by those before it in the phrase, the place of the beat, and the style."""

    def __init__(self, size: int, styles: int) -> None:
        super().__init__()
        self.chord = nn.Embedding(NO_CHORD + 2, size)  # the last is the beginning
        self.place = nn.Embedding(BEATS, size)
        self.style = nn.Embedding(styles, size)
        self.drop = nn.Dropout(0.3)
        self.memory = nn.GRUCell(size, size)
        self.next = nn.Linear(size, NO_CHORD + 1)

    def forward(self, before: Tensor, place: int, style: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take one beat: the chord before it, its place in the phrase and what is remembered to logits and memory."""
        known = self.chord(before) + self.place.weight[place] + self.style(style)
        state = self.memory(self.drop(known), state)
        return self.next(self.drop(state)), state

    def _start(self, style: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full_like(style, NO_CHORD + 1), self.next.weight.new_zeros(len(style), self.memory.hidden_size)

    def loss(self, chords: Tensor, style: Tensor) -> Tensor:
        """Return the mean nats of known chords, shape (batch, beats)."""
        before, state = self._start(style)
        told = []
        for place in range(BEATS):
            logits, state = self(before, place, style, state)
            before = chords[:, place]
            told.append(logits)
        nats = functional.cross_entropy(torch.stack(told, 1).flatten(0, 1), chords.flatten(), reduction="sum")
        return nats / max(chords.numel(), 1)

    @torch.no_grad()
    def draw(self, noise: Tensor, style: Tensor, first: Tensor) -> Tensor:
        """Draw chords, shape (batch, beats), from as many normal numbers; where ``first`` is no -1, it is the first."""
        before, state = self._start(style)
        share = torch.erf(noise.abs() / 2**0.5)  # uniform
        found = []
        for place in range(BEATS):
            logits, state = self(before, place, style, state)
            likeliest = torch.softmax(logits.double(), 1).sort(1, descending=True)
            row = (likeliest.values.cumsum(1) < share[:, place, None]).sum(1, keepdim=True).clamp_max(NO_CHORD)
            before = likeliest.indices.gather(1, row)[:, 0]
            if place == 0:
                before = torch.where(first < 0, before, first)
            found.append(before)
        return torch.stack(found, 1)
