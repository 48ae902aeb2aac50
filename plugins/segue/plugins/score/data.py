"""The parts that the data of ``score`` is in, and the pieces with a human analysis that it is measured on."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from segue.music import Piece, TrackInfo
from segue.music.theory import key_to_index
from segue.plugin_api.errors import InvalidRequest

Part = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Analysed:
    """A piece with a human Roman-numeral analysis.

    Attributes
    ----------
    path
        Which piece it is.
    piece
        Its notes.
    first, main, last
        Key at the beginning, for the longest time, and at the end, 0-23.
    events
        Start and length in beats, key, figure and pitch class of the root of each chord.
    """

    path: str
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


def part_of(name: str) -> Part:
    """Return the part of the data that a name belongs to, by its hash: a fifth tests, a tenth validates."""
    bucket = int(hashlib.sha1(name.encode()).hexdigest(), 16) % 10
    return "test" if bucket < 2 else "valid" if bucket == 2 else "train"


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
    return Analysed(str(row["path"]), piece, first, main, last, events)
