"""The music that ``style-seq`` learns from: content and accompaniment, bar by bar, of charts, songs and chorales.

``style_parallel_synth`` holds the same charts in sixteen styles, aligned in time (synthetic, made by a program): the
accompaniment in one style is learnt from the sound of another. POP909 and the JSB chorales are real, and learnt from
themselves: piano under the melody of a song, three voices under a soprano. Pieces in 4/4 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, TrackInfo
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD
from segue.plugins.packs import pop909, synth
from segue.plugins.score.data import Part, part_of
from segue.plugins.score.examples import label_to_chord
from segue.plugins.style_seq.content import HALVES, Content, line, liveliness, settle, sounding
from segue.plugins.style_seq.cycles import find_cycles
from segue.plugins.style_seq.elements import to_rows
from segue.plugins.style_seq.hearing import Listener
from segue.plugins.transformer.data import chorales, on_beats
from segue.plugins.transformer.elements import METRES, family, to_piece

POP, CHORALE = "pop_piano", "chorale"
_DEGREES: Final = {"1": 0, "2": 2, "3": 4, "4": 5, "5": 7, "6": 9, "7": 11}
_LEAD: Final = 60
"""Velocity of a voice of a chorale, which has none."""


@dataclass(frozen=True)
class Voice:
    """A part of an ensemble: name, program, whether it is a drum kit, and its notes (``elements.to_rows``)."""

    name: str
    program: int
    drums: bool
    rows: NDArray[np.int64]

    @property
    def family(self) -> int:
        """Family of the instrument."""
        return family(self.program, self.drums)


@dataclass(frozen=True)
class Song:
    """A piece in one style.

    Attributes
    ----------
    title, chart
        Its name; charts of one name are the same piece.
    style, part
        Its style, and the part of the data it belongs to.
    content
        What its accompaniment follows.
    voices
        The accompaniment.
    cycle
        Place of its first bar in the cycle of four bars that its patterns have.
    heard
        The content as it is heard in the piece with its melody; None if nobody listened.
    """

    title: str
    chart: str
    style: str
    part: Part
    content: Content
    voices: tuple[Voice, ...]
    cycle: int = 0
    heard: Content | None = None

    @property
    def bars(self) -> int:
        """Number of bars."""
        return len(self.content)


def read_songs(data: Path, listener: Listener | None = None) -> Iterator[Song]:
    """Read everything.

    Parameters
    ----------
    data
        Folder of the packs.
    listener
        Who hears the charts of the train part in each style: then what is learnt from is what will be heard.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the charts.
    """
    charts = list(_charts(data, listener))
    cycles = find_cycles(charts)
    yield from (replace(song, cycle=cycles[song.chart]) for song in charts)
    if (data / "pop909" / "index.csv").is_file():
        yield from _pop(data)
    yield from _voices_of_chorales(data)


def _charts(data: Path, listener: Listener | None) -> Iterator[Song]:
    arrangements, written = synth.arrangements(data), synth.written_chords(data)
    for found in arrangements:
        band, melody = found.band(), found.tune()
        chord, bass = written[found.number]
        bars = len(chord) // HALVES
        chart, title = f"c{found.number}", f"{found.title} ({found.style})"
        harmony = settle(chord, bass, bars)
        song = _song(title, chart, found.style, part_of(chart), band, melody, harmony, bars, played=False)
        if listener is not None and melody is not None and song.part == "train":
            song = replace(song, heard=listener.content(synth.join(melody, band)))
        yield song


def _song(
    title: str,
    chart: str,
    style: str,
    part: Part,
    band: Piece,
    melody: Piece | None,
    harmony: dict[str, NDArray[np.int64]],
    bars: int,
    played: bool,
) -> Song:
    roots = harmony["root"].reshape(-1)
    voices = []
    for index, info in enumerate(band.tracks):
        own = band.select(band.track == index)
        if len(own):
            rows = to_rows(own.start, own.duration, own.pitch, own.velocity, roots, info.drums, played)
            voices.append(Voice(info.name, info.program, info.drums, rows[rows[:, 0] < bars]))
    pitched = band.without_drums()
    tune = np.full((bars, HALVES), -1) if melody is None else line(melody.start, melody.end, melody.pitch, bars)
    content = Content(
        **harmony,
        melody=tune,
        chroma=sounding(pitched.start, pitched.end, pitched.pitch, bars),
        lively=liveliness(np.concatenate([voice.rows[:, 0] for voice in voices]), bars),
    )
    return Song(title, chart, style, part, content, tuple(voices))


def _pop(data: Path) -> Iterator[Song]:
    for song in pop909.songs(data):
        if (song.beats, song.quavers) != (2, 2):
            continue
        marks = song.marks()
        piece = on_beats(_with_chords(song.piece(), song.chords), marks.seconds, marks.pairs, METRES[0])
        labels = piece.select(piece.track == len(piece.tracks) - 1)
        names = [info.name for info in piece.tracks]
        if not {pop909.MELODY, pop909.PIANO} <= set(names):
            continue
        melody, band = (piece.select(piece.track == names.index(name)) for name in (pop909.MELODY, pop909.PIANO))
        if not len(band):
            continue
        bars = int(band.start.max() // 4) + 1
        middle = (np.arange(bars * HALVES) + 0.5) / 2
        row = np.searchsorted(labels.start, middle, side="right") - 1
        inside = (row >= 0) & (middle < labels.end[row])
        harmony = settle(
            np.where(inside, labels.pitch[row], NO_CHORD), np.where(inside, labels.velocity[row], -1), bars
        )
        chart, part = f"pop909/{song.number}", part_of(song.number)
        yield _song(song.title, chart, POP, part, band, melody, harmony, bars, played=True)


def _with_chords(piece: Piece, chords: list[tuple[float, float, str]]) -> Piece:
    """Add a track whose pitch and velocity say which chord and bass sound, so that they are moved with the rest."""
    times = piece.seconds_to_beats([[start, end] for start, end, _ in chords])
    chord = np.array([label_to_chord(label) for _, _, label in chords])
    bass = np.array([_bass(label, int(index)) for (_, _, label), index in zip(chords, chord, strict=True)])
    return Piece.of(
        np.r_[piece.start, times[:, 0]],
        np.r_[piece.duration, times[:, 1] - times[:, 0]],
        np.r_[piece.pitch, chord],
        np.r_[piece.velocity, bass],
        np.r_[piece.track, np.full(len(chords), len(piece.tracks))],
        tracks=(*piece.tracks, TrackInfo("CHORDS")),
        tempos=piece.tempos,
    )


def _bass(label: str, chord: int) -> int:
    if chord == NO_CHORD:
        return -1
    degree = label.partition("/")[2]
    step = _DEGREES.get(degree.lstrip("b#"), 0) + degree.count("#") - degree.count("b")
    return (chord + step) % 12


def _voices_of_chorales(data: Path) -> Iterator[Song]:
    for song in chorales(data):
        if song.metre != 0:
            continue
        piece = to_piece(song.notes, METRES[0], tracks=(TrackInfo("", 52),) * 4)
        reading = Reading(piece)
        middle = (np.arange(song.bars * HALVES) + 0.5) / 2
        found = reading.chords
        cell = np.clip(np.searchsorted(reading.cells.edges[found.cell], middle, side="right") - 1, 0, len(found) - 1)
        harmony = settle(found.chord[cell], found.bass[cell], song.bars)
        soprano, rest = piece.select(piece.track == 0), piece.select(piece.track != 0)
        band = rest.with_notes(track=np.zeros(len(rest), np.int64), velocity=np.full(len(rest), _LEAD))
        yield _song(song.title, song.title, CHORALE, song.part, band, soprano, harmony, song.bars, played=False)
