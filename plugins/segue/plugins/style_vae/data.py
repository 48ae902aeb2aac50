"""Accompaniments to learn from and to measure with, cut into blocks.

Read from a folder that holds some of ``style_parallel_synth`` (public-domain charts arranged by a program in sixteen
styles, with their melodies: synthetic), ``pop909`` (bridge and piano below the melody) and ``jsb_chorales`` (three
voices below the soprano, its own split). A song is in the same part as in the training of ``score``, in all styles, so
that what ``score`` hears in the test part it never saw. Chords are those that its model hears, as when serving.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter, Piece, TrackInfo
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.packs import jsb, pop909, synth
from segue.plugins.score.data import part_of
from segue.plugins.score.networks import Networks
from segue.plugins.style.pack import read_charts
from segue.plugins.style_vae.attributes import measure
from segue.plugins.style_vae.bars import SLOTS, Blocks, Ints, Notes, Timeline, lateness, surroundings, to_notes

POP: Final = "pop_piano"
CHORALE: Final = "chorale"
BASS_BELOW: Final = 52
"""Pitch below which a note is of the bass."""
_PERCUSSIVE: Final = 112
"""General MIDI program from which on a pitched track is percussion."""
_FEWEST: Final = 16
PACKS: Final = ("style_parallel_synth", "pop909", "jsb_chorales")


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
    name, style
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
    if not any((data / pack).is_dir() for pack in PACKS):
        raise InvalidRequest("data", f"{data} holds none of {', '.join(PACKS)}")
    readers = (_charts, _pop909, _chorales)
    for pack, reader in zip(PACKS, readers, strict=True):
        if (data / pack).is_dir():
            yield from reader(data)


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
    return Lesson(song.name, song.style, measure(piece, timeline), low, high, late, blocks, notes)


def _charts(data: Path) -> Iterator[Song]:
    for chart in read_charts(data):
        for style, band in chart.styles.items():
            plays = np.array([info.drums or info.program < _PERCUSSIVE for info in band.tracks])[band.track]
            piece = replace(synth.join(chart.melody, band.select(plays)), meters=(Meter(0.0, 4, 4),))
            bars = np.arange(chart.bars + 1) * 4.0
            yield Song(f"chart/{chart.number}", chart.part, style, piece, piece.track < len(chart.melody.tracks), bars)


def _pop909(data: Path) -> Iterator[Song]:
    for song in pop909.songs(data):
        piece, marks = song.piece(), song.marks()
        downbeats = np.flatnonzero(marks.pairs).astype(np.float64)
        begin, end = marks.count(piece)
        piece = replace(piece, meters=(Meter(float(downbeats[0] % 4), 4, 4),), tempos=())
        piece = piece.with_notes(start=begin, duration=np.maximum(end - begin, 0.05))
        melody = pop909.played_by(piece, pop909.MELODY)
        yield Song(f"pop909/{song.number}", part_of(song.number), POP, piece, melody, downbeats)


def _chorales(data: Path) -> Iterator[Song]:
    for chorale in sorted(jsb.chorales(data / jsb.PLACE), key=lambda chorale: jsb.SPLITS.index(chorale.split)):
        if chorale.metre is None:
            continue
        begin, end, pitch, voice = chorale.notes().T
        first = -chorale.metre.offset % chorale.metre.bar_frames / 4
        bar = chorale.metre.bar_frames / 4
        meter = Meter(first, chorale.metre.bar_frames // 4, 4)
        upbeat = (Meter(0.0, max(round(first), 1), 4),) if first else ()
        bars = np.arange(first, len(chorale.frames) / 4 + bar - 0.01, bar)
        bars = np.r_[0.0, bars] if first else bars
        tracks = tuple(TrackInfo(name, 19) for name in jsb.VOICES)
        piece = Piece.of(begin / 4, (end - begin) / 4, pitch, 72, voice, tracks=tracks, meters=(*upbeat, meter))
        yield Song(f"jsb/{chorale.split}/{chorale.number}", chorale.split, CHORALE, piece, piece.track == 0, bars)
