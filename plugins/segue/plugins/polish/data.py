"""Pieces to learn from and to measure with, each in a fixed part: train, dev or test.

Read from a folder that holds some of these packs: ``jsb_chorales`` (its own split), ``pop909``, ``openewld`` (only the
rows that are in the public domain in the United States) and ``style_parallel_synth`` (training only). A pop909 or
openewld piece belongs to the part that the SHA-256 of its id says: 80 % train, 10 % dev, 10 % test. A synthetic
accompaniment follows the song it was made from, so no song is in two parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from segue.music import Piece, TrackInfo
from segue.plugin_api.errors import InvalidField
from segue.plugin_api.training import DataSource
from segue.plugins.packs import jsb, openewld, pop909, synth

PARTS: Final = ("train", "dev", "test")


def part_of(name: str) -> str:
    """Return the part that a piece's id puts it into."""
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "dev"}.get(bucket, "train")


def chorales(data: Path, part: str) -> Iterator[Piece]:
    """Chorales on a sixteenth grid, one track a voice; a repeated pitch counts as held, as the pack has it."""
    split = {"train": "train", "dev": "valid", "test": "test"}[part]
    tracks = tuple(TrackInfo(name, 52) for name in jsb.VOICES)
    for chorale in jsb.chorales(data / jsb.PLACE):
        if chorale.split == split:
            begin, end, pitch, voice = chorale.notes().T
            yield Piece.of(begin / 4, (end - begin) / 4, pitch, 72, voice, tracks=tracks)


def pop_songs(data: Path, part: str) -> Iterator[Piece]:
    """Pop songs: melody, bridge, piano."""
    for song in pop909.songs(data):
        if part_of(f"pop909/{song.number}") == part:
            yield song.piece()


def lead_sheets(data: Path, part: str) -> Iterator[Piece]:
    """Lead sheets: melody and chords."""
    for sheet in openewld.lead_sheets(data):
        if sheet.free and part_of(f"openewld/{sheet.number}") == part:
            yield sheet.piece()


def accompaniments(data: Path, part: str) -> Iterator[Piece]:
    """Synthetic accompaniments in sixteen styles; never in a part to measure with."""
    for arrangement in synth.arrangements(data):
        if part == "train" and part_of(f"openewld/{arrangement.number}") == part:
            yield arrangement.band()


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
    found = {name: list(reader(data, part)) for name, (reader, _) in PACKS.items() if (data / name).is_dir()}
    found = {name: [piece for piece in pieces if len(piece) > 7] for name, pieces in found.items()}
    found = {name: pieces for name, pieces in found.items() if pieces}
    if not found:
        raise InvalidField("data", f"{data} holds none of the packs {', '.join(PACKS)}")
    return found


def sources(data: Path) -> list[DataSource]:
    """Return the packs in a folder, for the model card."""
    return [DataSource(name, licence, data / name) for name, (_, licence) in PACKS.items() if (data / name).is_dir()]
