"""What one step of training learns from: blocks, read in one form and to be written in another.

The encoder reads an accompaniment thinned, with voices left out, or an octave away; the decoder is to write it, changed
in another way, and is told the figures of that. So the latent vector can't say the figures, and has to say the pattern.
Of a chart that was arranged in sixteen styles the encoder at times reads another style than the decoder is to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.style_vae.attributes import Scale, measure_blocks
from segue.plugins.style_vae.bars import ROWS, SLOTS, Blocks, Ints, Notes, to_cells
from segue.plugins.style_vae.data import CHORALE, POP, Lesson
from segue.plugins.style_vae.network import UNKNOWN, Network, Surroundings
from torch import Tensor

_SHARES: Final = {POP: 0.4, CHORALE: 0.08}
"""Share of a step that is drawn from these; the rest, from all other styles alike."""
_CROSSED: Final = 0.25
_NAMELESS: Final = 0.25
_WEIGHT: Final = np.array([0, 4, 3, 4, 1.5, 4, 3, 4, 1, 4, 3, 4, 1.5, 4, 3, 4]) / 4
"""How weak each sixteenth of a bar is, 0-1: the weakest are left out first."""


class Batch(NamedTuple):
    """What one step learns from; B blocks.

    Attributes
    ----------
    read, sounds : Tensor, shape (B, 16, 72)
        What the encoder reads, 0 or 1.
    read_around, around
        What goes with what is read, and with what is to be written.
    begins, length, velocity : Tensor, shape (B, 16, 72), (B, 16, 72), (B, 16)
        What is to be written: 0 or 1; logarithm to base 2 of sixteenths; over 127, mean of the slot.
    figures, style : Tensor, shape (B, 3), (B,)
        What the decoder is told.
    """

    read: Tensor
    sounds: Tensor
    read_around: Surroundings
    begins: Tensor
    length: Tensor
    velocity: Tensor
    around: Surroundings
    figures: Tensor
    style: Tensor


def to_tensors(blocks: Blocks) -> Surroundings:
    """Return blocks as the network reads them."""
    bits = (blocks.tones[..., None] >> np.arange(12)) & 1
    parts = (blocks.slots, blocks.place, blocks.size, bits.astype(np.float32), blocks.following, blocks.tune)
    return Surroundings(*(torch.from_numpy(part) for part in (*parts, blocks.struck.astype(np.int64))))


class Bank:
    """All blocks of the training part."""

    def __init__(self, lessons: Sequence[Lesson], styles: Sequence[str]) -> None:
        self.blocks = Blocks(
            *(np.concatenate([getattr(x.blocks, field.name) for x in lessons]) for field in fields(Blocks))
        )
        sizes = np.array([len(lesson.blocks) for lesson in lessons])
        first = np.cumsum(sizes) - sizes
        notes = [
            Notes(lesson.notes.block + at, *(getattr(lesson.notes, f.name) for f in fields(Notes)[1:]))
            for lesson, at in zip(lessons, first.tolist(), strict=True)
        ]
        self.notes = Notes(*(np.concatenate([getattr(n, field.name) for n in notes]) for field in fields(Notes)))
        self.notes = self.notes.select(np.argsort(self.notes.block, kind="stable"))
        self.begin = np.searchsorted(self.notes.block, np.arange(sizes.sum() + 1))
        self.style = np.repeat([styles.index(lesson.style) + 1 for lesson in lessons], sizes)
        names = {name: number for number, name in enumerate(dict.fromkeys(lesson.name for lesson in lessons))}
        song = np.repeat([names[lesson.name] for lesson in lessons], sizes)
        number = np.arange(sizes.sum()) - np.repeat(first, sizes)
        _, self.chart = np.unique(song * (1 + int(sizes.max())) + number, return_inverse=True)
        self.alike = np.argsort(self.chart, kind="stable")
        self.alike_begin = np.searchsorted(self.chart[self.alike], np.arange(self.chart.max() + 2))
        count = np.bincount(self.style, minlength=len(styles) + 1)
        other = (1 - sum(_SHARES.values())) / max(sum(name not in _SHARES for name in styles), 1)
        share = np.array([0.0, *(_SHARES.get(name, other) for name in styles)])
        weight = share[self.style] / count[self.style]
        self.weight = np.cumsum(weight / weight.sum())

    def draw(self, rng: np.random.Generator, size: int) -> Ints:
        """Draw blocks."""
        return np.minimum(np.searchsorted(self.weight, rng.random(size)), len(self.weight) - 1)

    def notes_of(self, rows: Ints) -> Notes:
        """Return the notes of some blocks, which are numbered from 0."""
        counts = self.begin[rows + 1] - self.begin[rows]
        block = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(block)) - np.repeat(np.cumsum(counts) - counts, counts)
        found = self.notes.select(self.begin[rows][block] + within)
        return Notes(block, found.slot, found.row, found.length, found.velocity)

    def other_style(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """Return for each block one of the same bar of the same song in any style."""
        chart = self.chart[rows]
        first, last = self.alike_begin[chart], self.alike_begin[chart + 1]
        return np.asarray(self.alike[first + (rng.random(len(rows)) * (last - first)).astype(np.int64)])

    @torch.inference_mode()
    def latents(self, network: Network, rng: np.random.Generator, each: int) -> Tensor:
        """Return the mean latent vector of so many blocks of each style, shape (styles, latent)."""
        found = []
        for style in range(1, int(self.style.max()) + 1):
            rows = rng.choice(np.flatnonzero(self.style == style), each)
            begins, sounds = (torch.from_numpy(part).float() for part in to_cells(self.notes_of(rows), each))
            found.append(network.encode(begins, sounds, to_tensors(self.blocks.take(rows)))[0].mean(0))
        return torch.stack(found)

    def scale(self, rng: np.random.Generator, count: int) -> Scale:
        """Find the quantiles of the figures of blocks, half of them varied."""
        rows = self.draw(rng, count)
        blocks, notes = self.blocks.take(rows), self.notes_of(rows)
        varied = vary(notes, blocks, rng)
        figures = [measure_blocks(*to_cells(each, count), blocks) for each in (notes, varied)]
        return Scale.fit(np.concatenate(figures))

    def batch(self, rng: np.random.Generator, size: int, scale: Scale) -> Batch:
        """Draw what a step learns from."""
        rows = self.draw(rng, size)
        crossed = rng.random(size) < _CROSSED
        source = np.where(crossed, self.other_style(rows, rng), rows)
        crossed &= source != rows
        blocks, heard = self.blocks.take(rows), self.blocks.take(source)
        read, sounds = to_cells(vary(self.notes_of(source), heard, rng), size)
        notes = vary(self.notes_of(rows), blocks, rng)
        begins, held = to_cells(notes, size)
        length = np.zeros(begins.shape, np.float32)
        length[notes.block, notes.slot, notes.row] = np.log2(np.clip(notes.length, 0.25, 64))
        loud = np.bincount(notes.block * SLOTS + notes.slot, notes.velocity, size * SLOTS)
        struck = np.bincount(notes.block * SLOTS + notes.slot, minlength=size * SLOTS)
        velocity = (loud / np.maximum(struck, 1) / 127).reshape(size, SLOTS).astype(np.float32)
        nameless = ~crossed & (rng.random(size) < _NAMELESS)
        return Batch(
            torch.from_numpy(read).float(),
            torch.from_numpy(sounds).float(),
            to_tensors(heard),
            torch.from_numpy(begins).float(),
            torch.from_numpy(length),
            torch.from_numpy(velocity),
            to_tensors(blocks),
            torch.from_numpy(scale.to_quantiles(measure_blocks(begins, held, blocks))).float(),
            torch.from_numpy(np.where(nameless, UNKNOWN, self.style[rows])),
        )


def vary(notes: Notes, blocks: Blocks, rng: np.random.Generator) -> Notes:
    """Thin some blocks, leave voices out of some, move some by an octave."""
    count = len(blocks)
    weak = _WEIGHT[blocks.place] * 0.6 + rng.random((count, SLOTS)) * 0.4
    least = np.where(rng.random(count) < 0.4, rng.random(count), 1.0)
    keep = (weak <= least[:, None])[notes.block, notes.slot]
    voice = rng.random(len(notes))
    fewer = np.where(rng.random(count) < 0.4, rng.random(count), 1.0)
    keep &= (voice <= fewer[notes.block]) | _outer(notes, rng.random(count) < 0.6)
    octave = 12 * np.where(rng.random(count) < 0.4, rng.integers(-1, 2, count), 0)
    row = notes.row + octave[notes.block]
    row = np.where((row < 0) | (row >= ROWS), notes.row, row)
    return Notes(notes.block, notes.slot, row, notes.length, notes.velocity).select(keep)


def _outer(notes: Notes, low: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark in each slot the lowest note, or the highest, as is said of its block."""
    rank = np.where(low[notes.block], notes.row, -notes.row)
    order = np.lexsort((rank, notes.slot, notes.block))
    place = (notes.block * SLOTS + notes.slot)[order]
    found = np.zeros(len(notes), bool)
    found[order] = np.r_[True, np.diff(place) > 0] if len(notes) else False
    return found
