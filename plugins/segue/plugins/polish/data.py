"""Pieces to learn from and to measure with, each in a fixed part: train, dev or test.

Read from a folder that holds some of these packs: ``jsb_chorales`` (its own split), ``pop909``, ``openewld`` (only the
rows that are in the public domain in the United States) and ``style_parallel_synth`` (training only). A pop909 or
openewld piece belongs to the part that the SHA-256 of its id says: 80 % train, 10 % dev, 10 % test. A synthetic
accompaniment follows the song it was made from, so no song is in two parts.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.plugin_api.errors import InvalidField
from segue.plugin_api.training import DataSource

PARTS: Final = ("train", "dev", "test")
_VOICES: Final = ("Soprano", "Alto", "Tenor", "Bass")


def part_of(name: str) -> str:
    """Return the part that a piece's id puts it into."""
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "dev"}.get(bucket, "train")


def chorales(root: Path, part: str) -> Iterator[Piece]:
    """Chorales on a sixteenth grid, one track a voice; a repeated pitch counts as held, as the pack has it."""
    split = {"train": "train", "dev": "valid", "test": "test"}[part]
    for steps in json.loads((root / "Jsb16thSeparated.json").read_text())[split]:
        grid = np.array(steps)  # (steps, 4)
        columns = []
        for voice in range(4):
            changes = np.flatnonzero(np.diff(grid[:, voice])) + 1
            starts = np.concatenate(([0], changes))
            ends = np.concatenate((changes, [len(grid)]))
            pitch = grid[starts, voice]
            columns.append(np.stack([starts, ends - starts, pitch, np.full_like(starts, voice)])[:, pitch >= 0])
        start, duration, pitch, voice = np.concatenate(columns, axis=1)
        yield Piece.of(start / 4, duration / 4, pitch, 72, voice, tracks=tuple(TrackInfo(n, 52) for n in _VOICES))


def pop_songs(root: Path, part: str) -> Iterator[Piece]:
    """Pop songs: melody, bridge, piano."""
    for path in sorted(root.glob("[0-9]*/*.mid")):
        if part_of(f"pop909/{path.stem}") == part:
            yield midi_to_piece(path.read_bytes())[0]


def lead_sheets(root: Path, part: str) -> Iterator[Piece]:
    """Lead sheets: melody and chords."""
    with (root / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["us_pd_pre1931"] in ("yes", "traditional") and part_of(f"openewld/{row['id']}") == part:
                yield midi_to_piece((root / row["midi"]).read_bytes())[0]


def accompaniments(root: Path, part: str) -> Iterator[Piece]:
    """Synthetic accompaniments in sixteen styles; never in a part to measure with."""
    with (root / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if part == "train" and part_of(f"openewld/{row['chart_id']}") == part:
                yield midi_to_piece((root / row["midi"]).read_bytes())[0]


PACKS: Final[dict[str, tuple[Callable[[Path, str], Iterator[Piece]], str]]] = {
    "jsb_chorales": (chorales, "public domain"),
    "pop909": (pop_songs, "MIT"),
    "openewld": (lead_sheets, "public domain"),
    "style_parallel_synth": (accompaniments, "public domain charts, synthetic"),
}


def read(data: Path, part: str) -> dict[str, list[Piece]]:
    """Return the pieces of one part, by pack.

    Raises
    ------
    InvalidField
        If the folder holds none of the packs.
    """
    found = {name: list(reader(data / name, part)) for name, (reader, _) in PACKS.items() if (data / name).is_dir()}
    found = {name: [piece for piece in pieces if len(piece) > 7] for name, pieces in found.items()}
    found = {name: pieces for name, pieces in found.items() if pieces}
    if not found:
        raise InvalidField("data", f"{data} holds none of the packs {', '.join(PACKS)}")
    return found


def sources(data: Path) -> list[DataSource]:
    """Return the packs in a folder, for the model card."""
    return [DataSource(name, licence, data / name) for name, (_, licence) in PACKS.items() if (data / name).is_dir()]
