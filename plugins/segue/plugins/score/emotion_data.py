"""The music that the listeners learn from: clips with a quadrant, and songs without."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segue.music import Piece, midi_to_piece
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.score.data import songs
from segue.plugins.score.emotion_nets import note_tokens
from segue.plugins.score.emotion_pretraining import Pack, Song


@dataclass(frozen=True)
class Clip:
    """A clip with its quadrant, 0 happy, 1 tense, 2 sad, 3 calm, and the song it is of."""

    piece: Piece
    quadrant: int
    song: str


def emopia(data: Path, part: str) -> list[Clip]:
    """Read a part (``train``, ``val``, ``test``) of the official split of EMOPIA.

    Raises
    ------
    InvalidRequest
        If the folder does not hold it.
    """
    folder = data / "emopia"
    listing = folder / "split" / f"{part}_clip.csv"
    if not listing.is_file():
        raise InvalidRequest("data", f"{data} holds no emopia/split/{part}_clip.csv")
    with listing.open(newline="") as rows:
        names = [row["clip_name"] for row in csv.DictReader(rows)]
    pieces = [midi_to_piece((folder / "midis" / name).read_bytes())[0] for name in names]
    return [Clip(p, int(n[1]) - 1, n[3:].rpartition("_")[0]) for p, n in zip(pieces, names, strict=True)]


def piano_songs(data: Path, clips: Sequence[Clip]) -> list[Pack]:
    """Return the packs to learn from: the songs of labelled clips and, where they are at hand, those of POP909.

    POP909 outweighs them by two to one; a fifth of its songs, by their hash, is left out as everywhere in ``score``.
    """
    by_song: dict[str, Song] = {}
    for clip in clips:
        by_song.setdefault(clip.song, []).append(note_tokens(clip.piece))
    packs: list[Pack] = [list(by_song.values())]
    if (data / "pop909").is_dir():
        packs += [[[note_tokens(song.piece())] for song in songs(data) if song.part != "test"]] * 2
    return packs
