"""Training examples of the two networks: cells with their chords, notes with their part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.cells import cut
from segue.music.chords import find_chords
from segue.music.grid import find_grid
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD, QUALITY_NAMES, key_to_index
from segue.plugins.packs import synth
from segue.plugins.packs.pop909 import BRIDGE, MELODY, PIANO, Song
from segue.plugins.score.chord_net import HIGHEST, cell_features
from segue.plugins.score.corpus import chorales
from segue.plugins.score.data import Part, part_of
from segue.plugins.score.melody_net import CLASSES, note_features
from torch import Tensor

_SILENT_TOP: Final = 0.3
_FOLDED: Final = {"sus4(b7)": "sus4", "maj6": "maj", "min6": "min", "minmaj7": "min"}
_TRACKS: Final = {MELODY: "melody", BRIDGE: "bridge", PIANO: "accompaniment"}


@dataclass(frozen=True)
class Example:
    """One piece: the part of the data it belongs to, inputs with time as the last axis but one, a target each."""

    part: Part
    inputs: NDArray[np.float32]
    targets: NDArray[np.int64]


def label_to_chord(label: str) -> int:
    """Read a chord of POP909 such as ``Bb:min7/5`` as an index of ``segue.music.theory``."""
    root, _, quality = label.split("/")[0].partition(":")
    if root in ("N", "X"):
        return NO_CHORD
    quality = _FOLDED.get(quality, quality or "maj")
    return QUALITY_NAMES.index(quality) * 12 + key_to_index(root) % 12


def song_chords(song: Song) -> Example:
    """Cut a song of POP909 into cells; a cell's chord is the one in its middle."""
    piece = song.piece()
    cells = cut(piece, find_grid(piece))
    edges = piece.seconds_to_beats([[start, end] for start, end, _ in song.chords])
    middle = (cells.edges[1:] + cells.edges[:-1]) / 2
    row = np.searchsorted(edges[:, 0], middle, side="right") - 1
    inside = (row >= 0) & (middle < edges[row, 1])
    chords = np.array([label_to_chord(label) for _, _, label in song.chords])
    return Example(part_of(song.number), cell_features(cells), np.where(inside, chords[row], NO_CHORD))


def chart_chords(data: Path) -> list[Example]:
    """Read the accompaniments of ``style_parallel_synth`` with the chords of their charts, half with the melody."""
    arrangements, written = synth.arrangements(data), synth.written_chords(data)
    examples = []
    for number, arrangement in enumerate(arrangements):
        if arrangement.number not in written:
            continue
        piece = arrangement.band().without_drums()
        if number % 2 and (tune := arrangement.tune()) is not None:
            piece = with_tune(piece, tune)
        if len(piece):
            targets = written[arrangement.number][0]
            inputs = cell_features(cut(piece, find_grid(piece)))
            count = min(len(targets), inputs.shape[1])
            examples.append(Example(part_of(f"c{arrangement.number}"), inputs[:, :count], targets[:count]))
    return examples


def with_tune(band: Piece, tune: Piece) -> Piece:
    """Lay a tune over an accompaniment, in one track; the two lie on one grid."""
    columns = zip(*((p.start, p.duration, p.pitch) for p in (band, tune)), strict=True)
    return Piece.of(*(np.concatenate(pair) for pair in columns), meters=band.meters)


def chorale_chords(data: Path) -> list[Example]:
    """Read the chorales with the chords that templates find in them.

    They have no labels of their own, and templates are at their best where every chord is spelt out in four voices.
    The network learns from them what it can't from songs: harmony that changes with every beat.
    """
    examples = []
    for title, piece in chorales(data):
        cells = cut(piece, find_grid(piece))
        found = find_chords(cells)
        chords = np.repeat(found.chord, np.diff(found.cell))
        examples.append(Example(part_of(title), cell_features(cells), chords))
    return examples


def song_notes(song: Song) -> Example:
    """Take the notes of a song of POP909, each with the part it plays."""
    piece = song.piece()
    reading = Reading(piece)
    classes = np.array([CLASSES.index(_TRACKS[info.name]) for info in piece.tracks])
    return Example(part_of(song.number), note_features(reading), classes[reading.pitched.track])


def crops(
    groups: Sequence[tuple[float, Sequence[Example]]],
    length: int,
    size: int,
    seed: int,
    change: Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]] | None = None,
) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Return a function that draws the batch of a step: stretches of training pieces, padded to one length.

    Parameters
    ----------
    groups
        Share of the batches and examples of each kind of data.
    length, size
        Length of a stretch, and how many make a batch.
    seed
        Seed of the draws.
    change
        What is done to the inputs of a stretch, to make it another one.
    """
    shares = np.array([share for share, _ in groups])

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([seed, step])
        inputs, targets = [], []
        for kind in rng.choice(len(groups), size, p=shares / shares.sum()):
            example = groups[kind][1][rng.integers(len(groups[kind][1]))]
            count = len(example.targets)
            start = int(rng.integers(max(1, count - length + 1)))
            x, y = example.inputs[..., start : start + length, :], example.targets[start : start + length]
            x = change(x, rng) if change else x
            missing = length - len(y)
            inputs.append(np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, missing), (0, 0)]))
            targets.append(np.pad(y, (0, missing), constant_values=-100))
        return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets))

    return batch


def hide_top(inputs: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Hide the channel of the highest note now and then: a melody is not always there."""
    if rng.random() > _SILENT_TOP:
        return inputs
    changed = inputs.copy()
    changed[HIGHEST] = 0
    return changed
