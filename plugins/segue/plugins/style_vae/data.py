"""Accompaniments to learn from and to measure with, cut into blocks.

Read from a folder that holds some of ``style_parallel_synth`` (public-domain charts arranged by a program in sixteen
styles, with their melodies: synthetic), ``pop909`` (bridge and piano below the melody) and ``jsb_chorales`` (three
voices below the soprano, its own split). A song is in the same part as in the training of ``score``, in all styles, so
that what ``score`` hears in the test part it never saw. Chords are those that its model hears, as when serving.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter, Piece, TrackInfo, midi_to_piece
from segue.music.bar_lines import infer_metres
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.score.data import part_of
from segue.plugins.score.networks import Networks
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.plugins.style.pack import join, read_charts
from segue.plugins.style_vae.attributes import measure
from segue.plugins.style_vae.bars import SLOTS, Blocks, Ints, Notes, Timeline, lateness, surroundings, to_notes

POP: Final = "pop_piano"
CHORALE: Final = "chorale"
BASS_BELOW: Final = 52
"""Pitch below which a note is of the bass."""
_PERCUSSIVE: Final = 112
"""General MIDI program from which on a pitched track is percussion."""
_FEWEST: Final = 16
_PACKS: Final = {
    "style_parallel_synth": ("style_parallel_synth (synthetic)", "public-domain charts"),
    "pop909": ("POP909", "MIT"),
    "jsb_chorales": ("JSB chorales", "public domain"),
}


@dataclass(frozen=True)
class Song:
    """A song in one style.

    Attributes
    ----------
    name, part, style
        Its id, the same in all styles; its part of the data; its style.
    piece
        All of it, in quarters of its bars.
    melody : ndarray of bool, shape (notes,)
    bars : ndarray, shape (bars + 1,)
        Quarters at which its bars begin and the last one ends.
    """

    name: str
    part: str
    style: str
    piece: Piece
    melody: NDArray[np.bool_]
    bars: NDArray[np.float64]


@dataclass(frozen=True)
class Lesson:
    """What is learnt from a song.

    Attributes
    ----------
    name, part, style
        As in ``Song``.
    figures : ndarray, shape (4,)
        What ``attributes.measure`` says of the whole.
    low, high : ndarray of int, shape (128,)
        Notes of the accompaniment below and from ``BASS_BELOW`` on, by General MIDI program.
    late : ndarray, shape (4,)
        Quarters by which what lies on each sixteenth of a quarter is played late, in the middle.
    blocks, notes
        The accompaniment.
    """

    name: str
    part: str
    style: str
    figures: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    late: NDArray[np.float64]
    blocks: Blocks
    notes: Notes


def read_songs(data: Path) -> Iterator[Song]:
    """Read every song of a folder.

    Raises
    ------
    InvalidRequest
        If the folder holds none of the packs.
    """
    if not any((data / pack).is_dir() for pack in _PACKS):
        raise InvalidRequest("data", f"{data} holds none of {', '.join(_PACKS)}")
    readers = (_charts, _pop909, _chorales)
    for pack, reader in zip(_PACKS, readers, strict=True):
        if (data / pack).is_dir():
            yield from reader(data)


def sources(data: Path) -> list[DataSource]:
    """Return the packs in a folder, for the model card."""
    return [
        DataSource(name, licence, data / pack) for pack, (name, licence) in _PACKS.items() if (data / pack).is_dir()
    ]


def listener() -> Networks:
    """Return the shipped networks of ``score``, which hear the chords."""
    shipped = ScoreAnalyzer.models[0].shipped
    assert shipped is not None
    return Networks.load(shipped / "1")


def lay_out(song: Song, networks: Networks) -> tuple[Timeline, Ints]:
    """Return where the blocks of a song are, and the chord that is heard in each slot, shape (blocks, 16)."""
    quarters = np.array([0.0, max(song.piece.beats, song.bars[-1])])
    timeline = Timeline.of(quarters, quarters, song.bars)
    return timeline, networks.read(song.piece).chord_at(timeline.slot_beats().reshape(-1)).reshape(-1, SLOTS)


def to_lesson(song: Song, networks: Networks) -> Lesson | None:
    """Cut a song into blocks; None if hardly anything accompanies its melody."""
    piece = song.piece
    below = ~song.melody & ~piece.is_drum
    if below.sum() < _FEWEST:
        return None
    timeline, chord = lay_out(song, networks)
    tune, rest = piece.select(song.melody), piece.select(below)
    inside = (rest.start >= song.bars[0] - 0.1) & (rest.start < song.bars[-1] - 0.1)
    rest = rest.select(inside)
    blocks = surroundings(timeline, chord, tune.start, tune.end, tune.pitch)
    notes = to_notes(timeline, blocks, rest.start, rest.end, rest.pitch, rest.velocity)
    programs = np.array([info.program for info in piece.tracks])[rest.track]
    low, high = (
        np.bincount(programs[part], minlength=128) for part in (rest.pitch < BASS_BELOW, rest.pitch >= BASS_BELOW)
    )
    late = lateness(timeline, rest.start)
    return Lesson(song.name, song.part, song.style, measure(piece, timeline), low, high, late, blocks, notes)


def _charts(data: Path) -> Iterator[Song]:
    for chart in read_charts(data):
        for style, band in chart.styles.items():
            plays = np.array([info.drums or info.program < _PERCUSSIVE for info in band.tracks])[band.track]
            piece = replace(join(chart.melody, band.select(plays)), meters=(Meter(0.0, 4, 4),))
            bars = np.arange(chart.bars + 1) * 4.0
            yield Song(f"chart/{chart.number}", chart.part, style, piece, piece.track < len(chart.melody.tracks), bars)


def _pop909(data: Path) -> Iterator[Song]:
    root = data / "pop909"
    with (root / "index.csv").open(encoding="utf-8") as file:
        numbers = [f"{int(row['song_id']):03d}" for row in csv.DictReader(file)]
    for number in numbers:
        path = root / number / f"{number}.mid"
        if not path.is_file():
            continue
        piece, _ = midi_to_piece(path.read_bytes())
        beats = np.loadtxt(root / number / "beat_midi.txt", ndmin=2)
        downbeats = np.flatnonzero(beats[:, 2] == 1).astype(np.float64)
        at = piece.seconds_to_beats(beats[:, 0])
        begin, end = (np.interp(time, at, np.arange(len(at))) for time in (piece.start, piece.end))
        piece = replace(piece, meters=(Meter(float(downbeats[0] % 4), 4, 4),), tempos=())
        piece = piece.with_notes(start=begin, duration=np.maximum(end - begin, 0.05))
        names = np.array([info.name for info in piece.tracks])[piece.track]
        yield Song(f"pop909/{number}", part_of(number), POP, piece, names == "MELODY", downbeats)


def _chorales(data: Path) -> Iterator[Song]:
    raw = json.loads((data / "jsb_chorales" / "Jsb16thSeparated.json").read_text())
    for part in ("train", "valid", "test"):
        pieces = [np.array(piece, np.int64).reshape(-1, 4) for piece in raw[part]]
        for number, (frames, metre) in enumerate(zip(pieces, infer_metres(pieces), strict=True)):
            if metre is None:
                continue
            columns = []
            for voice in range(4):
                line = frames[:, voice]
                cuts = np.r_[0, np.flatnonzero(np.diff(line)) + 1, len(line)]
                columns += [(a / 4, (b - a) / 4, line[a], voice) for a, b in pairwise(cuts) if line[a] >= 0]
            start, duration, pitch, voice_of = np.array(columns).T
            first = -metre.offset % metre.bar_frames / 4
            bar = metre.bar_frames / 4
            meter = Meter(first, metre.bar_frames // 4, 4)
            upbeat = (Meter(0.0, max(round(first), 1), 4),) if first else ()
            bars = np.arange(first, len(frames) / 4 + bar - 0.01, bar)
            bars = np.r_[0.0, bars] if first else bars
            tracks = tuple(TrackInfo(name, 19) for name in ("Soprano", "Alto", "Tenor", "Bass"))
            piece = Piece.of(start, duration, pitch, 72, voice_of, tracks=tracks, meters=(*upbeat, meter))
            yield Song(f"jsb/{part}/{number}", part, CHORALE, piece, piece.track == 0, bars)
