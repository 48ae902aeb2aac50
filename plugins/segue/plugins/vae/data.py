"""Melodies to learn from and to measure with: read, moved to one key, and cut into bars.

Read from a folder that holds some of these packs: ``pop909`` (the melody track), ``openewld`` (rows in the public
domain in the United States) and ``jsb_chorales`` (sopranos, its own split); or from any folder of MIDI files, the
melody of each being its first track of one voice. The part of a song is what the SHA-256 of its id says: 80 % train,
10 % valid, 10 % test. Only 4/4 is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece
from segue.plugin_api.errors import InvalidMusic, InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.packs import files, jsb, openewld, pop909
from segue.plugins.vae.attributes import fits
from segue.plugins.vae.tokens import (
    BAR,
    HIGHEST,
    LOWEST,
    PER_BEAT,
    WINDOW,
    home_shift,
    melody_key,
    to_events,
    to_notes,
    transpose,
)

PARTS: Final = jsb.SPLITS
_PACKS: Final = ("pop909", "openewld", "jsb_chorales")
_FEWEST: Final = 8
_SILENCE: Final = np.zeros((0, 3))


@dataclass(frozen=True)
class Melody:
    """The melody of a song.

    Attributes
    ----------
    title, part
        Its name and its part of the data.
    minor
        Whether it is in minor.
    runs
        Stretches of whole bars of 4/4, as events in C major or A minor.
    """

    title: str
    part: str
    minor: bool
    runs: tuple[NDArray[np.int64], ...]

    def windows(self, bars: int, step: int = 1) -> NDArray[np.int64]:
        """Return the windows of so many bars that say enough, every ``step`` bars, shape (windows, 16 bars)."""
        found = [
            run[at : at + bars * BAR]
            for run in self.runs
            for at in range(0, len(run) - bars * BAR + 1, step * BAR)
            if fits(run[at : at + bars * BAR].reshape(-1, WINDOW)[0]) and _plays(run[at : at + bars * BAR])
        ]
        return np.array(found, np.int64).reshape(-1, bars * BAR)

    def piece(self) -> Piece:
        """Return it as notes, for the originality index."""
        rows, offset = [np.zeros((0, 3), np.int64)], 0
        for run in self.runs:
            rows.append(to_notes(run) + np.array([offset, offset, 0]))
            offset += len(run)
        begin, end, pitch = np.concatenate(rows).T
        return Piece.of(begin / PER_BEAT, (end - begin) / PER_BEAT, pitch)


def _plays(events: NDArray[np.int64]) -> bool:
    """Return whether something is struck in every two bars."""
    return bool((events.reshape(-1, WINDOW) > 1).any(1).all())


def part_of(name: str) -> str:
    """Return the part that a song's id puts it into."""
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "valid"}.get(bucket, "train")


def read_melodies(data: Path) -> list[Melody]:
    """Read every melody of a folder.

    Raises
    ------
    InvalidRequest
        If the folder holds too few.
    """
    readers = (_pop909, _openewld, _chorales)
    found = [m for name, read in zip(_PACKS, readers, strict=True) if (data / name).is_dir() for m in read(data)]
    found = found or list(_folder(data))
    if sum(melody.part == "train" for melody in found) < _FEWEST or any(
        all(melody.part != part for melody in found) for part in PARTS
    ):
        raise InvalidRequest(
            "data", f"{data} holds none of {', '.join(_PACKS)}, nor enough MIDI files with a melody in 4/4"
        )
    return found


def sources(data: Path) -> list[DataSource]:
    """Return the packs in a folder, for the model card."""
    taken = {"POP909": "POP909, melodies", "JSB chorales": "JSB chorales, sopranos"}
    known = files.sources(data, *_PACKS)
    return [replace(source, name=taken.get(source.name, source.name)) for source in known] or [
        DataSource(data.name, "as its owner states", data)
    ]


def _melody(title: str, part: str, key: int, notes: NDArray[np.int64], bars: list[tuple[int, int]]) -> Melody | None:
    """Make a melody of notes (begin, end, pitch; in sixteenths) and stretches of whole bars."""
    notes = notes[(notes[:, 2] >= LOWEST) & (notes[:, 2] <= HIGHEST)]
    notes = notes[np.lexsort((-notes[:, 2], notes[:, 0]))]
    notes = notes[np.r_[True, np.diff(notes[:, 0]) > 0]] if len(notes) else notes
    if len(notes) < _FEWEST:
        return None
    begin, end, pitch = notes.T
    shift = home_shift(key % 12, key >= 12)
    runs = []
    for first, last in bars:
        events = to_events(begin - first, end - first, pitch, last - first)
        runs.append(transpose(events, shift))
    return Melody(title, part, key >= 12, tuple(runs))


def _pop909(data: Path) -> Iterator[Melody]:
    for song in pop909.songs(data):
        piece, marks = song.piece(), song.marks()
        own = piece.select(pop909.played_by(piece, pop909.MELODY))
        if not len(own) or len(marks.seconds) < 16:
            continue
        begin, end = (np.rint(beats * PER_BEAT).astype(np.int64) for beats in marks.count(own))
        first, last = piece.seconds_to_beats(marks.seconds[[0, -1]])
        inside = (own.start >= first - 0.1) & (own.end <= last + 0.1)
        notes = np.stack([begin, np.maximum(end, begin + 1), own.pitch], axis=1)[inside]
        part, bars = part_of(f"pop909/{song.number}"), regular_bars(np.flatnonzero(marks.pairs))
        melody = _melody(song.citation, part, song.key, notes, bars)
        if melody is not None:
            yield melody


def regular_bars(downbeats: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the stretches, in sixteenths, in which a bar begins every four beats."""
    cuts = np.flatnonzero(np.diff(downbeats) != 4) + 1
    parts = np.split(downbeats, cuts)
    return [(int(p[0]) * PER_BEAT, int(p[-1]) * PER_BEAT) for p in parts if len(p) > 2]


def _openewld(data: Path) -> Iterator[Melody]:
    written = openewld.melodies(data)
    for sheet in openewld.lead_sheets(data):
        rows = written.get(sheet.number, _SILENCE)
        if sheet.free and sheet.metric == "4/4" and len(rows):
            rows = rows[rows[:, 1] > rows[:, 0]]
            key = melody_key(Piece.of(rows[:, 0], rows[:, 1] - rows[:, 0], rows[:, 2]))
            begin, end = (np.rint(rows[:, column] * PER_BEAT).astype(np.int64) for column in (0, 1))
            notes = np.stack([begin, np.maximum(end, begin + 1), rows[:, 2].astype(np.int64)], axis=1)
            part = part_of(f"openewld/{sheet.number}")
            melody = _melody(sheet.title, part, key, notes, [(0, -(-int(end.max()) // BAR) * BAR)])
            if melody is not None:
                yield melody


def _chorales(data: Path) -> Iterator[Melody]:
    for chorale in sorted(jsb.chorales(data / jsb.PLACE), key=lambda chorale: PARTS.index(chorale.split)):
        notes = chorale.notes()
        notes = notes[notes[:, 3] == 0, :3]
        if chorale.metre is None or chorale.metre.bar_frames != BAR or len(notes) < _FEWEST:
            continue
        first = -chorale.metre.offset % BAR
        whole = (len(chorale.frames) - first) // BAR * BAR
        key = melody_key(Piece.of(notes[:, 0] / PER_BEAT, (notes[:, 1] - notes[:, 0]) / PER_BEAT, notes[:, 2]))
        melody = _melody(chorale.title, chorale.split, key, notes, [(first, first + whole)])
        if melody is not None:
            yield melody


def _folder(root: Path) -> Iterator[Melody]:
    for path in sorted(root.rglob("*.mid*")):
        try:
            piece, _ = midi_to_piece(path.read_bytes())
        except InvalidMusic:
            continue
        if any((meter.numerator, meter.denominator) != (4, 4) for meter in piece.meter_map):
            continue
        for track, info in enumerate(piece.tracks):
            own = piece.select(piece.track == track)
            if not info.drums and len(own) >= _FEWEST and (own.start[1:] >= own.end[:-1] - 0.1).all():
                begin, end = (np.rint(beats * PER_BEAT).astype(np.int64) for beats in (own.start, own.end))
                notes = np.stack([begin, np.maximum(end, begin + 1), own.pitch], axis=1)
                melody = _melody(
                    path.stem, part_of(path.stem), melody_key(own), notes, [(0, -(-int(end.max()) // BAR) * BAR)]
                )
                if melody is not None:
                    yield melody
                break
