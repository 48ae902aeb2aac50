"""The pack ``style_parallel_synth``: charts, each arranged in sixteen styles by a program, aligned in time: synthetic.

``index.csv`` lists the arrangements and names their MIDI files, ``melody/ID.mid`` is the tune of a chart, and
``charts.json`` holds its chords: for each bar a symbol or a slash for each beat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece
from segue.music.theory import QUALITY_NAMES, key_to_index
from segue.plugins.packs.files import read_index, reading

INDEX: Final = Path("style_parallel_synth", "index.csv")
CHORDS: Final = INDEX.with_name("charts.json")
"""The files, in a folder of packs."""
_QUALITIES: Final = {
    "": "maj", "6": "maj", "m": "min", "m6": "min", "7": "7", "9": "7", "11": "7", "13": "7", "M7": "maj7",
    "m7": "min7", "m9": "min7", "m7b5": "hdim7", "dim": "dim7", "dim7": "dim7", "aug": "aug", "aug7": "aug",
}  # fmt: skip


@dataclass(frozen=True)
class Arrangement:
    """A chart in one style; its notes are read when they are asked for.

    Attributes
    ----------
    number, title
        Id of its chart, which is that of its lead sheet in OpenEWLD, and its title.
    style
        Name of the style.
    bars
        Its length, in bars of four beats.
    path
        MIDI file of the accompaniment.
    """

    number: str
    title: str
    style: str
    bars: int
    path: Path

    def band(self) -> Piece:
        """Read the accompaniment, which leaves out the tune."""
        return midi_to_piece(self.path.read_bytes())[0]

    def tune(self) -> Piece | None:
        """Read the tune of the chart; None if there is none."""
        path = self.path.parents[1] / "melody" / f"{self.number}.mid"
        return midi_to_piece(path.read_bytes())[0] if path.is_file() else None


def arrangements(data: Path) -> list[Arrangement]:
    """List the arrangements of a folder of packs in order of the index, but those without a MIDI file.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the pack, or its index can't be read.
    """
    return [arrangement for arrangement in read_index(data / INDEX, _arrangement) if arrangement.path.is_file()]


def _arrangement(pack: Path, row: dict[str, str]) -> Arrangement:
    return Arrangement(row["chart_id"], row["title"], row["style"], int(row["bars"]), pack / row["midi"])


def written_chords(data: Path) -> dict[str, NDArray[np.int64]]:
    """Read the chords of each chart by its id.

    Returns
    -------
    dict
        For each half beat the chord, as an index of ``segue.music.theory``, and the pitch class of the bass, 0-11;
        shape (2, half beats).

    Raises
    ------
    InvalidRequest
        If the folder does not hold them, or they can't be read.
    """
    path = data / CHORDS
    with reading(path):
        charts = json.loads(path.read_text())
        return {number: _chords(charts[number]) for number in charts}


def _chords(bars: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    found: list[tuple[int, int]] = []
    for symbol in (symbol for bar in bars for symbol in bar):
        found += [found[-1] if symbol == "/" else _chord(symbol)] * 2
    return np.array(found, np.int64).reshape(-1, 2).T


def _chord(symbol: str) -> tuple[int, int]:
    match = re.fullmatch(r"([A-G][b#]?)([^/]*)(?:/([A-G][b#]?))?", symbol)
    if match is None or match[2] not in _QUALITIES:
        raise ValueError(f"{symbol!r} is no chord")
    root = key_to_index(match[1]) % 12
    return QUALITY_NAMES.index(_QUALITIES[match[2]]) * 12 + root, key_to_index(match[3]) % 12 if match[3] else root


def join(first: Piece, second: Piece) -> Piece:
    """Play two pieces at once, the tracks of the second after those of the first, whose tempo and metre hold."""
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("start", "duration", "pitch", "velocity")
    }
    track = np.concatenate([first.track, second.track + len(first.tracks)])
    return replace(first, tracks=(*first.tracks, *second.tracks)).with_notes(**columns, track=track)
