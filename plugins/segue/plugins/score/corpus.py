"""The pieces that originality is measured against: packs whose licence lets results ship."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.score.data import songs

_FREE: Final = ("yes", "traditional")
_CHORALES: Final = Path("jsb_chorales", "Jsb16thSeparated.json")


def sources(data: Path) -> list[DataSource]:
    """Return the packs that are read here."""
    return [
        DataSource("JSB chorales", "public domain", data / "jsb_chorales"),
        DataSource("OpenEWLD (published before 1931, or traditional)", "public domain", data / "openewld"),
        DataSource("POP909", "MIT", data / "pop909"),
        DataSource("style_parallel_synth (synthetic)", "public-domain charts", data / "style_parallel_synth"),
    ]


def chorales(data: Path) -> Iterator[tuple[str, Piece]]:
    """Read the chorales, each with its name.

    Raises
    ------
    InvalidRequest
        If the folder does not hold them.
    """
    if not (data / _CHORALES).is_file():
        raise InvalidRequest("data", f"{data} holds no {_CHORALES}")
    for part, pieces in json.loads((data / _CHORALES).read_text()).items():
        for number, steps in enumerate(pieces):
            yield f"J. S. Bach, chorale (JSB {part} {number})", _voices(np.array(steps))


def _voices(steps: NDArray[np.int64]) -> Piece:
    """Turn sixteenths of four pitches into four voices; a pitch that stays is one note."""
    rows: list[tuple[float, float, int, int]] = []
    for voice, line in enumerate(steps.T):
        cuts = np.r_[0, np.flatnonzero(np.diff(line)) + 1, len(line)]
        rows += [(a / 4, (b - a) / 4, line[a], voice) for a, b in pairwise(cuts) if line[a] >= 0]
    start, duration, pitch, track = zip(*rows, strict=True)
    return Piece.of(start, duration, pitch, 64, track, tracks=(TrackInfo(),) * 4)


def known_melodies(data: Path) -> Iterator[tuple[str, Piece]]:
    """Read the pieces of the originality index: chorales, free lead sheets, melodies of POP909, each with its title."""
    yield from chorales(data)
    with (data / "openewld" / "index.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            if row["us_pd_pre1931"] in _FREE:
                piece = midi_to_piece((data / "openewld" / row["midi"]).read_bytes())[0]
                yield row["title"], piece.select(piece.track == 0)
    for song in songs(data):
        piece = song.piece()
        melody = [index for index, info in enumerate(piece.tracks) if info.name == "MELODY"]
        yield f"{song.title} (POP909 {song.number})", piece.select(np.isin(piece.track, melody))
