"""The pack ``style_parallel_synth``: one chart in sixteen styles, aligned in time, and its melody. It is synthetic."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from segue.music import Piece, midi_to_piece
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.score.data import Part, part_of

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


def join(first: Piece, second: Piece) -> Piece:
    """Play two pieces at once, the tracks of the second after those of the first, whose tempo and metre hold."""
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("start", "duration", "pitch", "velocity")
    }
    track = np.concatenate([first.track, second.track + len(first.tracks)])
    return replace(first, tracks=(*first.tracks, *second.tracks)).with_notes(**columns, track=track)
