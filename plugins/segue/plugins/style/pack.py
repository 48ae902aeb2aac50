"""The pack ``style_parallel_synth``: one chart in sixteen styles, aligned in time, and its melody. It is synthetic."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.score.data import Part, key_to_index, part_of
from segue.plugins.score.examples import CHART_QUALITIES

_PACK: Final = "style_parallel_synth"


@dataclass(frozen=True)
class Chart:
    """A chart in all its styles.

    Attributes
    ----------
    number
        Its id.
    part
        The part of the data it belongs to; the same as in ``score``, whose classifier never saw the test part.
    bars
        Its length, in bars of four beats.
    melody
        Its tune.
    styles
        Style → accompaniment without the tune.
    """

    number: str
    part: Part
    bars: int
    melody: Piece
    styles: Mapping[str, Piece]

    def with_melody(self, style: str) -> Piece:
        """Return the tune, as the first track, over the accompaniment in a style."""
        return join(self.melody, self.styles[style])


def read_charts(data: Path) -> list[Chart]:
    """Read the charts, in order of their ids.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the pack.
    """
    folder = data / _PACK
    if not (folder / "index.csv").is_file():
        raise InvalidRequest("data", f"{data} holds no {_PACK}/index.csv")
    with (folder / "index.csv").open(newline="") as rows:
        listed = list(csv.DictReader(rows))
    charts = []
    for number in sorted({row["chart_id"] for row in listed}):
        own = [row for row in listed if row["chart_id"] == number]
        melody = folder / "melody" / f"{number}.mid"
        styles = {row["style"]: midi_to_piece((folder / row["midi"]).read_bytes())[0] for row in own}
        if melody.is_file():
            tune = midi_to_piece(melody.read_bytes())[0]
            charts.append(Chart(number, part_of(f"c{number}"), int(own[0]["bars"]), tune, styles))
    return charts


def chart_chords(bars: Sequence[Sequence[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read a chart, a symbol or a slash for each beat: index of the chord and pitch class of the bass by half beats.

    Returns
    -------
    chord, bass : ndarray, shape (half beats,)
        Index as in ``segue.music.theory``, and 0-11.
    """
    found: list[tuple[int, int]] = []
    for symbol in (symbol for bar in bars for symbol in bar):
        if symbol == "/":
            found += [found[-1]] * 2
            continue
        match = re.fullmatch(r"([A-G][b#]?)([^/]*)(?:/([A-G][b#]?))?", symbol)
        assert match is not None
        root = key_to_index(match[1]) % 12
        chord = QUALITY_NAMES.index(CHART_QUALITIES[match[2]]) * 12 + root
        found += [(chord, key_to_index(match[3]) % 12 if match[3] else root)] * 2
    chord, bass = np.array(found).T
    return chord, bass


def source(data: Path) -> DataSource:
    """Return the pack for the model card."""
    return DataSource(f"{_PACK} (synthetic)", "public-domain charts", data / _PACK)


def join(first: Piece, second: Piece) -> Piece:
    """Play two pieces at once, the tracks of the second after those of the first, whose tempo and metre hold."""
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("start", "duration", "pitch", "velocity")
    }
    track = np.concatenate([first.track, second.track + len(first.tracks)])
    return replace(first, tracks=(*first.tracks, *second.tracks)).with_notes(**columns, track=track)
