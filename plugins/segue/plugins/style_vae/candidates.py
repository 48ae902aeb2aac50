"""What the new accompaniment is chosen from: the piece's own notes, and those that the decoder would write."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.style_vae.attributes import Scale, measure_blocks
from segue.plugins.style_vae.bars import ROWS, SLOTS, Floats, Ints, row_to_pitch, to_cells
from segue.plugins.style_vae.lessons import to_tensors
from segue.plugins.style_vae.network import Network
from segue.plugins.style_vae.source import Source
from torch import Tensor

_OCTAVE: Final = 12
_EACH: Final = 4
"""Pitches of an octave, at most, that a slot offers."""
_FOREIGN: Final = 2.5
"""By how much a note outside the chord counts less than the decoder says."""
_CHUNK: Final = 256
WRITTEN: Final = -1
"""In place of the index of a note: one that the decoder wrote."""


class Towards(NamedTuple):
    """A latent vector, shape (latent,), and how far to go there, 0-1."""

    latent: Tensor
    share: float


@dataclass(frozen=True)
class Candidates:
    """Notes to choose from, as columns.

    Attributes
    ----------
    block, slot, pitch : ndarray of int
    octave : ndarray of int
        Octave above the chord's root.
    score : ndarray
        How much is to be said for the note, as a logit.
    length : ndarray
        In sixteenths.
    velocity : ndarray
        1-127.
    note : ndarray of int
        Index of the note of the piece that it is, or ``WRITTEN``.
    """

    block: Ints
    slot: Ints
    pitch: Ints
    octave: Ints
    score: Floats
    length: Floats
    velocity: Floats
    note: Ints

    def __len__(self) -> int:
        return len(self.block)

    def select(self, chosen: NDArray[np.bool_] | Ints) -> Candidates:
        """Return some of the candidates."""
        return Candidates(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def place(self) -> Ints:
        """Number of the slot over all blocks."""
        return self.block * SLOTS + self.slot


def own_figures(source: Source, scale: Scale) -> Floats:
    """Return the quantiles of the figures of each block as it is, shape (blocks, 3)."""
    return scale.to_quantiles(measure_blocks(*to_cells(source.notes, len(source.blocks)), source.blocks))


@torch.inference_mode()
def gather(
    source: Source, network: Network, figures: Floats, style: int, bonus: float, towards: Towards | None = None
) -> Candidates:
    """Read the accompaniment and write it anew.

    Parameters
    ----------
    source
        The piece.
    network
        The network.
    figures : ndarray, shape (blocks, 3)
        Quantiles that are asked for.
    style
        Number of the style; 0 for none.
    bonus
        What speaks for a note of the piece beside what the decoder says.
    towards
        The latent vector to move those of the blocks towards, if any.
    """
    begins, sounds = to_cells(source.notes, len(source.blocks))
    logits, length, loud = _decode(source, network, begins, sounds, figures, style, towards)
    bits = (source.blocks.tones[..., None] >> np.arange(ROWS) % 12) & 1
    foreign = (source.blocks.tones[..., None] > 0) & (bits == 0)
    logits = logits - _FOREIGN * foreign
    notes = source.notes
    own_score = logits[notes.block, notes.slot, notes.row] + bonus
    offered = logits.copy()
    offered[begins] = -np.inf
    offered[np.arange(SLOTS) >= source.blocks.slots[:, None]] = -np.inf
    offered[(np.arange(ROWS) == source.blocks.tune[..., None])] = -np.inf
    block, slot, row = _best_of_octaves(offered)
    own_loud = loud[notes.block, notes.slot]
    shift = float(np.mean(notes.velocity / 127 - own_loud)) if len(notes) else 0.0
    velocity = np.clip(127 * (loud[block, slot] + shift), 1, 127)
    pitch = source.piece.pitch[source.accompaniment]
    return Candidates(
        np.r_[notes.block, block],
        np.r_[notes.slot, slot],
        np.r_[pitch, row_to_pitch(row, source.blocks.root[block, slot])],
        np.r_[notes.row, row] // _OCTAVE,
        np.r_[own_score, offered[block, slot, row]],
        np.r_[notes.length, 2.0 ** length[block, slot, row]],
        np.r_[notes.velocity, velocity],
        np.r_[source.accompaniment, np.full(len(block), WRITTEN)],
    )


def _decode(
    source: Source,
    network: Network,
    begins: NDArray[np.bool_],
    sounds: NDArray[np.bool_],
    figures: Floats,
    style: int,
    towards: Towards | None,
) -> tuple[Floats, Floats, Floats]:
    """Return logits, lengths (logarithm to base 2 of sixteenths) and velocities over 127."""
    found = []
    for at in range(0, len(begins), _CHUNK):
        rows = np.arange(at, min(at + _CHUNK, len(begins)))
        around = to_tensors(source.blocks.take(rows))
        mean, _ = network.encode(torch.from_numpy(begins[rows]).float(), torch.from_numpy(sounds[rows]).float(), around)
        if towards is not None:
            mean = mean + towards.share * (towards.latent - mean)
        asked = torch.from_numpy(figures[rows]).float()
        answer = network.decode(mean, asked, torch.full((len(rows),), style), around)
        found.append([part.double().numpy() for part in answer])
    logits, length, loud = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return logits, np.clip(length, -1, 6), loud


def _best_of_octaves(logits: Floats) -> tuple[Ints, Ints, Ints]:
    """Return block, slot and row of the best few cells of each octave of each slot."""
    count = len(logits)
    octaves = logits.reshape(count, SLOTS, ROWS // _OCTAVE, _OCTAVE)
    steps = np.argsort(-octaves, axis=-1, kind="stable")[..., :_EACH]
    rows = steps + np.arange(ROWS // _OCTAVE)[:, None] * _OCTAVE
    block, slot, _, _ = np.indices(rows.shape)
    known = np.isfinite(np.take_along_axis(octaves, steps, -1))
    return block[known], slot[known], rows[known]
