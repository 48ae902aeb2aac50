"""Songs to learn from: the same charts in many styles, chorales, and lead sheets.

``style_parallel_synth`` gives each chart in sixteen styles (synthetic) with its tune; ``jsb_chorales`` and, where they
are there, the lead sheets of ``openewld`` are real. A song is in one part only, by the hash that ``score`` splits its
data with; so the classifier of ``score``, by which results are measured, has not learnt from the test part either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.packs import openewld
from segue.plugins.score.corpus import chorales
from segue.plugins.score.data import part_of
from segue.plugins.score.harmony import describe_chords, describe_key
from segue.plugins.score.networks import Networks, shipped_networks
from segue.plugins.score.timing import describe_meter
from segue.plugins.style import pack
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style_gan.groove import Groove, measure
from segue.plugins.style_gan.sheet import Sheet, sheet_of
from segue.v1 import analyze_pb2

DOMAINS: Final[Mapping[str, tuple[str, ...]]] = {
    "jazz": ("jazz_swing", "jazz_combo", "ragtime", "bossanova"),
    "classical": ("chorale", "hymn", "arpeggio"),
    "pop": ("pop_ballad", "pop_8beat"),
}
"""Domains between which the cycles go, and the styles that are written in each."""
LEAD_SHEET: Final = "lead_sheet"
_PERCUSSIVE: Final = 112
"""General MIDI program from which on a pitched track is percussion."""


@dataclass(frozen=True)
class Song:
    """A song in one style.

    Attributes
    ----------
    title, chart, part, style
        ``chart`` is the same for all arrangements of a chart.
    arrangement, sheet
        The song with its tune as the melody, and as the networks hear it.
    """

    title: str
    chart: str
    part: str
    style: str
    arrangement: Arrangement
    sheet: Sheet


Found = tuple[str, str, str, str, Piece, NDArray[np.bool_]]
"""Title, chart, part, style, piece, tune."""


def read_songs(data: Path, parts: Iterable[str]) -> list[Song]:
    """Read the songs of some parts, with the bars and chords that ``score`` hears in them.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the arrangements or the chorales.
    """
    networks, wanted = shipped_networks(), set(parts)
    found = [*_arrangements(data), *_chorales(data), *_lead_sheets(data)]
    songs = []
    for title, chart, part, style, piece, tune in found:
        if part in wanted and len(piece.without_drums()):
            arrangement = replace(read_arrangement(piece, _hear(piece, networks)), melody=tune)
            songs.append(Song(title, chart, part, style, arrangement, sheet_of(arrangement)))
    return songs


def grooves(songs: Sequence[Song], styles: Sequence[str]) -> list[Groove]:
    """Measure how each style is played."""
    found = []
    for style in styles:
        own = [song for song in songs if song.style == style]
        swung = sum(song.sheet.swung for song in own) > len(own) / 2
        timing = []
        for song in own:
            if song.sheet.swung == swung:
                band = song.arrangement.accompaniment
                timing.append((song.sheet.begin[band], song.arrangement.piece.pitch[band], song.sheet.late[band]))
        found.append(measure(swung, timing))
    return found


def _hear(piece: Piece, networks: Networks) -> analyze_pb2.AnalyzeResponse:
    reading = networks.read(piece)
    return analyze_pb2.AnalyzeResponse(
        meter=describe_meter(reading), key=describe_key(reading), chords=describe_chords(reading, "sevenths")
    )


def _arrangements(data: Path) -> Iterator[Found]:
    for chart in pack.read_charts(data):
        for style in chart.styles:
            piece = chart.with_melody(style)
            percussion = np.array([info.program >= _PERCUSSIVE and not info.drums for info in piece.tracks])
            piece = piece.select(~percussion[piece.track])
            title = f"c{chart.number}"
            yield title, title, chart.part, style, piece, piece.track < len(chart.melody.tracks)


def _chorales(data: Path) -> Iterator[Found]:
    for title, piece in chorales(data):
        yield title, title, part_of(title), "chorale", piece, piece.track == 0


def _lead_sheets(data: Path) -> Iterator[Found]:
    if not (data / "openewld" / "index.csv").is_file():
        return
    for sheet in openewld.lead_sheets(data):
        if sheet.free and np.ptp((piece := sheet.piece()).track):
            chart = f"c{sheet.number}"
            yield sheet.title, chart, part_of(chart), LEAD_SHEET, piece, piece.track == 0
