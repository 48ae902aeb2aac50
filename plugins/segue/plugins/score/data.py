"""The data that ``score`` is measured and trained on, read from the packs' folders."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.plugin_api.errors import InvalidRequest

_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
Part = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Analysed:
    """A piece with a human Roman-numeral analysis.

    Attributes
    ----------
    path, composer
        Which piece it is.
    piece
        Its notes.
    first, main, last
        Key at the beginning, for the longest time, and at the end, 0-23.
    events
        Start and length in beats, key, figure and pitch class of the root of each chord.
    """

    path: str
    composer: str
    piece: Piece
    first: int
    main: int
    last: int
    events: list[tuple[float, float, int, str, int]]

    @property
    def chorale(self) -> bool:
        """True for a chorale by Bach."""
        return self.path.startswith("Early_Choral/Bach")

    @property
    def development(self) -> bool:
        """True for the third of the pieces on which choices were made."""
        return int(hashlib.sha1(self.path.encode()).hexdigest(), 16) % 3 == 0


@dataclass(frozen=True)
class Song:
    """A song of POP909.

    Attributes
    ----------
    number
        Name of its folder, ``"001"`` to ``"909"``.
    title
        Its title.
    path
        Its MIDI file.
    chords
        Start and end in seconds, and label, of each chord.
    key
        Main key, 0-23.
    beats, quavers
        Beats in a bar as they were marked, and quavers in a beat.
    """

    number: str
    title: str
    path: Path
    chords: list[tuple[float, float, str]]
    key: int
    beats: int
    quavers: int

    @property
    def part(self) -> Part:
        """The part of the data it belongs to."""
        return part_of(self.number)

    def piece(self) -> Piece:
        """Read its notes."""
        return midi_to_piece(self.path.read_bytes())[0]


def part_of(name: str) -> Part:
    """Return the part of the data that a name belongs to, by its hash: a fifth tests, a tenth validates."""
    bucket = int(hashlib.sha1(name.encode()).hexdigest(), 16) % 10
    return "test" if bucket < 2 else "valid" if bucket == 2 else "train"


def key_to_index(name: str) -> int:
    """Read a key such as ``Bb``, ``f#`` or ``Gb:maj``: 0-11 major, 12-23 minor."""
    tonic, _, mode = name.partition(":")
    pitch_class = _LETTERS[tonic[0].upper()] + tonic.count("#") - tonic[1:].count("b") - tonic.count("-")
    minor = mode.startswith("min") if mode else tonic[0].islower()
    return pitch_class % 12 + 12 * minor


def analysed_pieces(data: Path) -> list[Analysed]:
    """Read the aligned pieces of When in Rome.

    Raises
    ------
    InvalidRequest
        If the folder does not hold them.
    """
    source = data / "when_in_rome" / "aligned_pieces.jsonl.gz"
    if not source.is_file():
        raise InvalidRequest("data", f"{data} holds no when_in_rome/aligned_pieces.jsonl.gz")
    with gzip.open(source, "rt") as lines:
        return [_analysed(json.loads(line)) for line in lines]


def _analysed(row: dict[str, object]) -> Analysed:
    notes = np.array(row["notes"], np.float64)
    notes = notes[notes[:, 1] > 0]
    tracks = (TrackInfo(),) * (int(notes[:, 3].max()) + 1)
    piece = Piece.of(notes[:, 0], notes[:, 1], notes[:, 2], 64, notes[:, 3], tracks=tracks)
    events = [(e[0], e[1], key_to_index(e[2]), e[3], e[4]) for e in row["events"]]  # type: ignore[attr-defined]
    first, main, last = (key_to_index(str(row[name])) for name in ("first_key", "main_key", "last_key"))
    return Analysed(str(row["path"]), str(row["composer"]), piece, first, main, last, events)


def songs(data: Path) -> Iterator[Song]:
    """Read the songs of POP909.

    Raises
    ------
    InvalidRequest
        If the folder does not hold them.
    """
    index = data / "pop909" / "index.csv"
    if not index.is_file():
        raise InvalidRequest("data", f"{data} holds no pop909/index.csv")
    with index.open(newline="") as rows:
        for row in csv.DictReader(rows):
            folder = index.parent / f"{int(row['song_id']):03d}"
            path = folder / f"{folder.name}.mid"
            if path.is_file():
                lines = [line.split() for line in (folder / "chord_midi.txt").read_text().splitlines()]
                chords = [(float(a), float(b), label) for a, b, label in (x for x in lines if len(x) == 3)]
                yield Song(
                    number=folder.name,
                    title=row["name"],
                    path=path,
                    chords=[chord for chord in chords if chord[1] > chord[0]],
                    key=key_to_index(row["main_key"]),
                    beats=int(row["num_beats_per_measure"]),
                    quavers=int(row["num_quavers_per_beat"]),
                )
