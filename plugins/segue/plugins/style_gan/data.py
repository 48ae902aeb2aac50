"""Songs to learn from: the same charts in many styles, chorales, and lead sheets, cut into half beats.

``style_parallel_synth`` gives each chart in sixteen styles (synthetic) with its tune; ``jsb_chorales`` and, where they are
there, the lead sheets of ``openewld`` are real. A song is in one part only, by the hash that ``score`` splits its data
with; so the classifier of ``score``, by which results are measured, has not learnt from the test part either.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, midi_to_piece
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.score.corpus import chorales
from segue.plugins.score.data import part_of
from segue.plugins.score.networks import Networks
from segue.plugins.style_gan.groove import Groove, measure
from segue.plugins.style_gan.roll import Frames, draw, draw_drums, shift_of, step_edges, swings, to_steps

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "jazz": ("jazz_swing", "jazz_combo", "ragtime", "bossanova"),
    "classical": ("chorale", "hymn", "arpeggio"),
    "pop": ("pop_ballad", "pop_8beat"),
}
"""Domains and the styles that are written in each."""
LEAD_SHEET: Final = "lead_sheet"
_FREE: Final = ("yes", "traditional")
_PERCUSSIVE: Final = 112
"""General MIDI program from which on a pitched track is percussion."""


@dataclass(frozen=True)
class Song:
    """A song in one style.

    Attributes
    ----------
    title, chart, part, style
        ``chart`` is the same for all arrangements of a chart.
    piece, tune
        All its notes, and which of them are the tune.
    frames
        Chords and places of its cells.
    band, melody : ndarray of bool, shape (cells, steps, pitches, layers)
    drums : ndarray of bool, shape (cells, steps, kinds)
    timing : tuple of ndarray, shape (notes,)
        Step, pitch and distance to the step, in beats, of each note of the accompaniment.
    swung
        Whether it swings.
    """

    title: str
    chart: str
    part: str
    style: str
    piece: Piece
    tune: NDArray[np.bool_]
    frames: Frames
    band: NDArray[np.bool_]
    melody: NDArray[np.bool_]
    drums: NDArray[np.bool_]
    timing: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
    swung: bool


def sources(data: Path) -> list[DataSource]:
    """Return the packs in a folder, for the model card."""
    known = {
        "style_parallel_synth": ("style_parallel_synth (synthetic)", "public-domain charts"),
        "jsb_chorales": ("JSB chorales", "public domain"),
        "openewld": ("OpenEWLD (published before 1931, or traditional)", "public domain"),
    }
    return [DataSource(name, licence, data / pack) for pack, (name, licence) in known.items() if (data / pack).is_dir()]


def read_songs(data: Path, networks: Networks) -> list[Song]:
    """Read every song of a folder, with the chords that ``score`` hears in it.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the arrangements or the chorales.
    """
    if not (data / "style_parallel_synth" / "index.csv").is_file():
        raise InvalidRequest("data", f"{data} holds no style_parallel_synth/index.csv")
    songs = [_song(*found, networks) for found in _arrangements(data / "style_parallel_synth")]
    for title, piece in chorales(data):
        songs.append(_song(title, title, part_of(title), "chorale", piece, piece.track == 0, networks))
    if (data / "openewld").is_dir():
        songs += [_song(*found, networks) for found in _lead_sheets(data / "openewld")]
    return songs


def grooves(songs: list[Song]) -> dict[str, Groove]:
    """Measure how each style is played."""
    found = {}
    for style in sorted({song.style for song in songs}):
        own = [song for song in songs if song.style == style]
        swung = float(np.mean([song.swung for song in own])) > 0.5
        found[style] = measure(swung, [song.timing for song in own if song.swung == swung])
    return found


def _song(
    title: str, chart: str, part: str, style: str, piece: Piece, tune: NDArray[np.bool_], networks: Networks
) -> Song:
    reading = networks.read(piece)
    chords, grid = reading.chords, reading.grid
    frames = Frames.of(np.repeat(chords.chord, np.diff(chords.cell)), grid, reading.cells.level)
    beaten = piece.is_drum
    others = ~tune & ~beaten
    swung = swings(piece.start[others], grid)
    edges = step_edges(grid, swung=swung)
    shift = shift_of(frames.chord)
    begin, end = to_steps(piece.start, edges), to_steps(piece.end, edges)
    band, melody = (draw(begin[own], end[own], piece.pitch[own], shift) for own in (others, tune))
    late = piece.start - edges[np.minimum(begin, len(edges) - 1)]
    return Song(
        title,
        chart,
        part,
        style,
        piece,
        tune,
        frames,
        band,
        melody,
        draw_drums(begin[beaten], piece.pitch[beaten], len(frames)),
        (begin[others], piece.pitch[others], late[others]),
        swung,
    )


Found = tuple[str, str, str, str, Piece, NDArray[np.bool_]]


def _arrangements(root: Path) -> Iterator[Found]:
    with (root / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path, tune = root / row["midi"], root / "melody" / f"{row['chart_id']}.mid"
            if not path.is_file() or not tune.is_file():
                continue
            band, line = (midi_to_piece(each.read_bytes())[0] for each in (path, tune))
            percussion = np.array([info.program >= _PERCUSSIVE and not info.drums for info in band.tracks])
            band = band.select(~percussion[band.track])
            if len(band.without_drums()):
                chart = f"c{row['chart_id']}"
                yield row["title"], chart, part_of(chart), row["style"], *with_tune(band, line)


def with_tune(band: Piece, line: Piece) -> tuple[Piece, NDArray[np.bool_]]:
    """Lay a tune over its accompaniment, in a track of its own, the last; returns which notes it is."""
    columns = {
        name: np.concatenate([getattr(band, name), getattr(line, name)])
        for name in ("start", "duration", "pitch", "velocity")
    }
    track = np.r_[band.track, np.full(len(line), len(band.tracks))]
    tracks = (*band.tracks, line.tracks[0]._replace(name="Melody", program=73, drums=False))
    about = {name: getattr(band, name) for name in ("tempos", "meters", "keys")}
    piece = Piece.of(**columns, track=track, tracks=tracks, **about)
    return piece, piece.track == len(band.tracks)


def _lead_sheets(root: Path) -> Iterator[Found]:
    with (root / "index.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["us_pd_pre1931"] in _FREE and (root / row["midi"]).is_file():
                piece = midi_to_piece((root / row["midi"]).read_bytes())[0]
                if np.ptp(piece.track):
                    chart = f"c{row['id']}"
                    yield row["title"], chart, part_of(chart), LEAD_SHEET, piece, piece.track == 0
