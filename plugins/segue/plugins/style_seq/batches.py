"""What a step of training sees: stretches of parts with the content of their bars, packed by length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.style_seq.content import Content
from segue.plugins.style_seq.cycles import CYCLE
from segue.plugins.style_seq.data import CHORALE, POP, Song, Voice
from segue.plugins.style_seq.elements import (
    BAR,
    FIRST_PLACE,
    HIGHEST,
    LOWEST,
    PITCH,
    PITCHES,
    PLACE,
    fold,
    rerooted,
    root_pitch,
    write,
)
from segue.plugins.style_seq.network import Bars
from segue.plugins.style_seq.profile import PROFILE, describe
from torch import Tensor

SECTION: Final = 8
"""Bars that are composed at a stretch; one more comes before them and is given."""
_SHARES: Final = {POP: 0.16, CHORALE: 0.06}
_EXAMPLE: Final = 0.4
_SILENT_SOURCE: Final = 0.25
_UNTOLD: Final = 0.5
_HEARD: Final = 0.6
"""Share of the stretches of charts whose content is what was heard in the source, mistakes and all."""
_RELABELLED: Final = 0.35
_ROUND: Final = 256


class Batch(NamedTuple):
    """Sequences as ``network.nats`` reads them, and what their styles are known by."""

    fields: Tensor
    bar: Tensor
    bars: Bars
    name: Tensor
    profile: Tensor
    family: Tensor


class Stretch(NamedTuple):
    """Some bars of a part: elements, content (``Content.table``), phase and liveliness of its bars, and its style."""

    elements: NDArray[np.int64]
    table: NDArray[np.int64]
    chroma: NDArray[np.bool_]
    phase: NDArray[np.int64]
    lively: NDArray[np.int64]
    name: int
    profile: NDArray[np.float32]
    family: int


def phases(first: int, bars: int, total: int, cycle: int) -> NDArray[np.int64]:
    """Return where bars of a piece of ``total`` bars, the first of which is at a place of the cycle, are."""
    number = first + np.arange(bars)
    return np.asarray((number + cycle) % CYCLE + CYCLE * (number == 0) + 2 * CYCLE * (number == total - 1))


def part_names(songs: Sequence[Song]) -> list[str]:
    """Name every part of every style, in order."""
    return sorted({part_name(song.style, voice) for song in songs for voice in song.voices})


def part_name(style: str, voice: Voice) -> str:
    """Name a part of a style."""
    return f"{style}/{voice.name}"


def collate(stretches: Sequence[Stretch]) -> Batch:
    """Pad stretches to one length."""
    longest, bars = max(len(s.elements) for s in stretches), max(len(s.table) for s in stretches)
    fields = np.zeros((len(stretches), longest, 5), np.int64)
    bar = np.zeros((len(stretches), longest), np.int64)
    tables = [np.zeros((len(stretches), bars, *stretches[0].table.shape[1:]), np.int64)]
    tables.append(np.zeros((len(stretches), bars, *stretches[0].chroma.shape[1:]), np.float32))
    tables += [np.zeros((len(stretches), bars), np.int64) for _ in range(2)]
    for row, stretch in enumerate(stretches):
        fields[row, : len(stretch.elements)] = stretch.elements
        count = np.cumsum(stretch.elements[:, PLACE] == BAR) - 1
        bar[row, : len(count)] = np.minimum(count, len(stretch.table) - 1)
        for table, own in zip(tables, (stretch.table, stretch.chroma, stretch.phase, stretch.lively), strict=True):
            table[row, : len(own)] = own
    return Batch(
        torch.from_numpy(fields),
        torch.from_numpy(bar),
        Bars(*map(torch.from_numpy, tables)),
        torch.tensor([s.name for s in stretches]),
        torch.from_numpy(np.stack([s.profile for s in stretches])),
        torch.tensor([s.family for s in stretches]),
    )


class Stretches:
    """Draws stretches: styles as often as one another but for the real ones, then a song, then a part.

    Parameters
    ----------
    songs
        What is drawn from.
    names
        Names of the parts, as in ``part_names``.
    """

    def __init__(self, songs: Sequence[Song], names: Sequence[str]) -> None:
        self._songs: Mapping[str, list[Song]] = defaultdict(list)
        self._same: Mapping[str, list[Song]] = defaultdict(list)
        for song in songs:
            self._songs[song.style].append(song)
            self._same[song.chart].append(song)
        self._index = {name: index for index, name in enumerate(names)}
        self._styles = sorted(self._songs)
        left = 1 - sum(share for name, share in _SHARES.items() if name in self._songs)
        others = max(sum(name not in _SHARES for name in self._styles), 1)
        shares = np.array([_SHARES.get(name, left / others) for name in self._styles])
        self._shares = shares / shares.sum()
        self._profiles: dict[tuple[str, str, str], NDArray[np.float32]] = {}

    def draw(self, rng: np.random.Generator) -> Stretch:
        """Draw a stretch of at most ``SECTION`` + 1 bars; what is told of it varies."""
        style = self._styles[int(rng.choice(len(self._styles), p=self._shares))]
        songs = self._songs[style]
        song = songs[int(rng.integers(len(songs)))]
        voice = song.voices[int(rng.integers(len(song.voices)))]
        bars = min(int(rng.integers(4, SECTION + 2)), song.bars)
        first = 0 if rng.random() < 0.2 else int(rng.integers(song.bars - bars + 1))
        source = self._same[song.chart][int(rng.integers(len(self._same[song.chart])))]
        content = replace(song.content, chroma=source.content.chroma)
        if source.heard is not None and rng.random() < _HEARD:
            content = source.heard.stretched(song.bars)
        heard = rng.random() < _EXAMPLE
        example = self._example(song, voice, rng) if heard else np.zeros(PROFILE, np.float32)
        stretch = cut(song, voice, content, first, bars, self._index[part_name(song.style, voice)], example)
        if heard:
            stretch = stretch._replace(name=-1)
        if rng.random() < _SILENT_SOURCE:
            stretch = stretch._replace(chroma=np.zeros_like(stretch.chroma))
        if rng.random() < _UNTOLD:
            stretch = stretch._replace(lively=np.zeros_like(stretch.lively))
        if style in _SHARES:
            return transposed(stretch, int(rng.integers(-5, 7)))
        return relabelled(stretch, int(rng.integers(12))) if rng.random() < _RELABELLED else stretch

    def _example(self, song: Song, voice: Voice, rng: np.random.Generator) -> NDArray[np.float32]:
        """Describe the part in another chart of the style; real pieces have a style each, and are their own example."""
        other, own = song, voice
        if song.style not in _SHARES:
            songs = self._songs[song.style]
            other = songs[int(rng.integers(len(songs)))]
            own = next((v for v in other.voices if v.name == voice.name), voice)
        key = (other.style, other.chart, own.name)
        if key not in self._profiles:
            self._profiles[key] = describe(own.rows, other.bars, own.family)
        return self._profiles[key]

    def round(self, seed: tuple[int, ...], batch: int) -> list[Batch]:
        """Return some batches of at most ``batch`` elements each, of stretches about as long as one another."""
        rng = np.random.default_rng(seed)
        drawn = sorted((self.draw(rng) for _ in range(_ROUND)), key=lambda s: len(s.elements))
        groups: list[list[Stretch]] = [[]]
        for stretch in drawn:
            if (len(groups[-1]) + 1) * len(stretch.elements) > batch and groups[-1]:
                groups.append([])
            groups[-1].append(stretch)
        return [collate(groups[index]) for index in rng.permutation(len(groups)).tolist()]


def cut(
    song: Song, voice: Voice, content: Content, first: int, bars: int, name: int, profile: NDArray[np.float32]
) -> Stretch:
    """Cut some bars out of a part; the content may have other roots than the piece."""
    rows = voice.rows
    if not voice.drums and content.root is not song.content.root:
        rows = rerooted(rows, song.content.root.reshape(-1), content.root.reshape(-1))
    table, chroma = content.table(first, bars)
    lively = content.lively[first : first + bars]
    return Stretch(
        write(rows, first, bars),
        table,
        chroma,
        phases(first, bars, song.bars, song.cycle),
        lively,
        name,
        profile,
        voice.family,
    )


def transposed(stretch: Stretch, semitones: int) -> Stretch:
    """Move the music to another key as it stands: registers stay, and notes above the new roots are counted anew."""
    elements, table = stretch.elements.copy(), stretch.table.copy()
    bar = np.minimum(np.cumsum(elements[:, PLACE] == BAR) - 1, len(table) - 1)
    place = np.maximum(elements[:, PLACE] - FIRST_PLACE, 0)
    root = table[bar, 2 * (place // 6) + (place % 6 >= 3), 0]
    moved = root_pitch(root) + semitones - root_pitch((root + semitones) % 12)
    pitched = (elements[:, PITCH] > 0) & (elements[:, PITCH] <= PITCHES)
    rel = elements[:, PITCH] - 1 + LOWEST + moved
    elements[pitched, PITCH] = fold(rel, LOWEST, HIGHEST)[pitched] - LOWEST + 1
    table[..., 0] = (table[..., 0] + semitones) % 12
    tune = table[..., 3] > 0
    shift = root_pitch(stretch.table[..., 0]) + semitones - root_pitch(table[..., 0])
    table[..., 3] = np.where(tune, np.clip(table[..., 3] + shift, 1, None), 0)
    table[..., 3] = np.minimum(table[..., 3], 61)
    return stretch._replace(elements=elements, table=table)


def relabelled(stretch: Stretch, semitones: int) -> Stretch:
    """Call all roots another way: the program behind the synthetic styles plays most parts alike on every root."""
    table = stretch.table.copy()
    table[..., 0] = (table[..., 0] + semitones) % 12
    return stretch._replace(table=table)
