"""Segments of songs, drawn anew at every step and varied, and batches of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.transformer.controls import control_values, measure
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.elements import (
    BAR,
    INSTRUMENT,
    METRES,
    PLACE,
    PREFIX,
    SLOT,
    Elements,
    Notes,
    bar_steps,
    encode,
    family,
)
from segue.plugins.transformer.network import HYPERMETRE, REMAINING, Inputs
from torch import Tensor

LONGEST: Final = 512
"""Elements of a sequence, the prefix among them."""
_BARS: Final = (4, 8, 8, 12, 16, 16, 24, 32)
_SHARES: Final = {"pop_piano": 0.42, "chorale": 0.09, "lead_sheet": 0.09}
"""Shares of the segments drawn; the synthetic styles share the rest."""
_TEMPOS: Final = {
    "arpeggio": 100, "bossanova": 130, "chorale": 80, "disco": 118, "folk": 105, "hiphop": 92, "house": 124, "hymn": 84,
    "jazz_combo": 132, "jazz_swing": 150, "lead_sheet": 108, "pop_8beat": 116, "pop_ballad": 76, "pop_piano": 80,
    "ragtime": 120, "rock": 126, "salsa": 180, "techno": 132, "trance": 136,
}  # fmt: skip
"""Typical tempos of the styles, for data that states none: the synthetic pieces are all at 120."""
_TUNES: Final = (73, 40, 65, 56, 71, 68, 11, 52, 80, 24)
_CHOIRS: Final = (52, 19, 48, 0, 60, 71)
_CHORDS: Final = (0, 4, 16, 24, 48)
_NOTHING_TOLD, _NOT_TOLD = 0.12, 0.15


@dataclass(frozen=True)
class Segment:
    """Some bars of a song as the network sees them.

    Attributes
    ----------
    elements
        From the first bar line to the one after the last bar.
    families
        Family of each slot of the ensemble.
    controls
        Shape (len(CONTROLS),).
    ends
        Whether a piece ends with it.
    bars, shift, tempo, programs
        How many bars it has, how far it is moved to have C as its tonic, its tempo and its instruments.
    """

    elements: Elements
    families: tuple[int, ...]
    controls: NDArray[np.int64]
    ends: bool
    bars: int
    shift: int
    tempo: float
    programs: tuple[int, ...]


def shift_of(tonic: int) -> int:
    """Return the semitones, -6 to 5, that move a tonic to C."""
    return (6 - tonic) % 12 - 6


def cut(song: Song, first: int, bars: int, rng: np.random.Generator | None = None) -> Segment | None:
    """Cut bars from a song; None if no pitched note is in them.

    As many bars as fit ``LONGEST`` elements. With a generator, octave, loudness, tempo and instruments vary.
    """
    room, bars = LONGEST - 2 - len(song.programs), min(bars, song.bars - first)
    used = song.first_note[first + 1 : first + bars + 1] - song.first_note[first] + np.arange(2, bars + 2)
    bars = int((used <= room).sum())
    notes = Notes(*(column[song.first_note[first] : song.first_note[first + bars]] for column in song.notes))
    drums = np.array(song.drums)
    pitched = ~drums[notes.slot]
    if bars == 0 or not pitched.any():
        return None
    key = Counter(song.keys[first : first + bars].tolist()).most_common(1)[0][0]
    shift, tempo, programs = shift_of(key % 12), song.tempo or float(_TEMPOS[song.style]), song.programs
    if rng is not None:
        tempo = _vary_tempo(song, rng)
        shift = _vary_octave(notes.pitch[pitched] + shift, rng) + shift
        notes = notes._replace(velocity=np.clip(notes.velocity + round(rng.normal(0, 10)), 10, 127))
        programs = _vary_programs(song, rng)
    steps = bar_steps(METRES[song.metre])
    notes = notes._replace(bar=notes.bar - first)
    figures = measure(notes, ~pitched, bars, steps, tempo, key >= 12)
    controls = control_values(song.style, key >= 12, song.metre, song.lead, figures, shift)
    return Segment(
        elements=encode(notes, drums, shift, bars),
        families=tuple(family(p, d) for p, d in zip(programs, song.drums, strict=True)),
        controls=controls,
        ends=first + bars == song.bars,
        bars=bars,
        shift=shift,
        tempo=tempo,
        programs=programs,
    )


def _vary_tempo(song: Song, rng: np.random.Generator) -> float:
    stated = song.style in ("pop_piano",) and song.tempo > 0
    tempo, spread = (song.tempo, 0.08) if stated else (_TEMPOS[song.style], 0.18)
    return float(np.clip(tempo * np.exp(rng.normal(0, spread)), 40, 240))


def _vary_octave(pitch: NDArray[np.int64], rng: np.random.Generator) -> int:
    octave = int(rng.choice((0, 12, -12), p=(0.8, 0.1, 0.1)))
    return octave if pitch.min() + octave >= 24 and pitch.max() + octave <= 103 else 0


def _vary_programs(song: Song, rng: np.random.Generator) -> tuple[int, ...]:
    programs = list(song.programs)
    if song.style == "chorale":
        programs = [int(rng.choice(_CHOIRS))] * len(programs)
    elif song.lead and rng.random() < 0.5:
        programs[0] = int(rng.choice(_TUNES))
    if song.style == "lead_sheet":
        programs[1:] = [int(rng.choice(_CHORDS))] * len(programs[1:])
    return tuple(programs)


def draw(songs: Sequence[Song], rng: np.random.Generator) -> Segment:
    """Draw a song and some of its bars."""
    while True:
        song = songs[int(rng.integers(len(songs)))]
        bars = min(int(rng.choice(_BARS)), song.bars)
        first = 4 * int(rng.integers((song.bars - bars) // 4 + 1))
        if rng.random() < 0.25:
            first = song.bars - bars
        segment = cut(song, first, bars, rng)
        if segment is not None:
            return segment


def hide(controls: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Leave some controls untold: each now and then, all of them sometimes."""
    told = rng.random(len(controls)) >= (1.0 if rng.random() < _NOTHING_TOLD else _NOT_TOLD)
    return controls * told


def prefix(families: Sequence[int]) -> Elements:
    """Return the elements before the first bar line: one for the controls, one for each instrument."""
    rows = np.zeros((1 + len(families), 5), np.int64)
    rows[:, PLACE] = [PREFIX, *(INSTRUMENT for _ in families)]
    rows[:, SLOT] = np.arange(len(rows))
    return rows


def line_marks(elements: Elements, bars: int, ends: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each bar line the bars that remain, told near the end alone, and the bar's number; 0 elsewhere."""
    line = elements[:, PLACE] == BAR
    number = np.cumsum(line) - 1
    after = bars - 1 - number
    told = line & ends & (after >= 0) & (after < REMAINING - 1)
    return np.where(told, after + 1, 0), np.where(line, number % HYPERMETRE, 0)


def collate(segments: Sequence[Segment], controls: NDArray[np.int64]) -> tuple[Inputs, Tensor, Tensor]:
    """Return a batch: inputs, and the fields and families of the element after each, as in ``network.nats``."""
    lengths = [1 + len(s.families) + len(s.elements) for s in segments]
    size = (len(segments), max(lengths))
    fields = np.zeros((*size, 5), np.int64)
    families, remaining, bar = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    for row, (segment, length) in enumerate(zip(segments, lengths, strict=True)):
        start = 1 + len(segment.families)
        fields[row, :start] = prefix(segment.families)
        fields[row, start:length] = segment.elements
        table = np.array((0, *(f + 1 for f in segment.families)))
        families[row, :length] = table[fields[row, :length, SLOT]]
        remaining[row, start:length], bar[row, start:length] = line_marks(segment.elements, segment.bars, segment.ends)
    whole, kinds, left, bars = (torch.from_numpy(x) for x in (fields, families, remaining, bar))
    inputs = Inputs(whole[:, :-1], kinds[:, :-1], left[:, :-1], bars[:, :-1], torch.from_numpy(controls))
    targets = whole[:, 1:].clone()
    for row, segment in enumerate(segments):
        targets[row, : len(segment.families) + 1] = 0  # the prefix, and the first bar line, are given
    return inputs, targets, kinds[:, 1:]


class Sampler:
    """Endless batches of a number of elements, the same for the same seed and step."""

    def __init__(self, songs: Sequence[Song], batch: int, seed: int) -> None:
        self._by_style: dict[str, list[Song]] = {}
        for song in songs:
            self._by_style.setdefault(song.style, []).append(song)
        names = sorted(self._by_style)
        others = [name for name in names if name not in _SHARES]
        left = 1 - sum(_SHARES[name] for name in names if name in _SHARES)
        shares = np.array([_SHARES.get(name, left / max(len(others), 1)) for name in names])
        self._names, self._shares, self._batch, self._seed = names, shares / shares.sum(), batch, seed

    def round(self, number: int) -> Iterator[tuple[Inputs, Tensor, Tensor]]:
        """Yield the batches of a round: segments beside others of about their length."""
        rng = np.random.default_rng((self._seed, number))
        names = rng.choice(len(self._names), 96, p=self._shares)
        segments = sorted((draw(self._by_style[self._names[n]], rng) for n in names), key=lambda s: len(s.elements))
        batches: list[list[Segment]] = [[]]
        for segment in segments:
            if (len(batches[-1]) + 1) * len(segment.elements) > self._batch:
                batches.append([])
            batches[-1].append(segment)
        for index in rng.permutation(len(batches)).tolist():
            batch = batches[index]
            yield collate(batch, np.stack([hide(segment.controls, rng) for segment in batch]))
