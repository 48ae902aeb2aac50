"""How well the beats that a file states are kept or moved, and metres are heard that it does not state."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track
from segue.music import Meter, Piece, midi_to_piece
from segue.music.grid import Grid, find_grid
from segue.music.meter import BarFinder, accented_bars
from segue.plugin_api.training import Report
from segue.plugins.packs import openewld, synth
from segue.plugins.packs.files import reading
from segue.plugins.score.bar_examples import in_four, repeat_beat, skip_eighth, skip_three, written_pieces
from segue.plugins.score.data import part_of
from segue.plugins.score.meters import asap_scores

_MOVED: Final = (0.0, 0.5, 0.25)
_NEAR: Final = 0.08
_METRES: Final = ((4, 4), (3, 4), (5, 4), (6, 8), (7, 8), (9, 8))


def measure_grids(data: Path, find_bars: BarFinder, console: Console) -> dict[str, Report]:
    """Measure stated grids on test parts, and unstated metres on packs that nothing was learnt from.

    Parameters
    ----------
    data
        Folder that holds the packs ``style_parallel_synth``, ``openewld``, ``groove_midi``, ``nottingham`` and
        ``genre_midi``; what is not there is left out.
    find_bars
        What finds bars.
    console
        Where progress is shown.
    """
    places: dict[str, list[list[bool]]] = defaultdict(list)
    for kind, piece in track(list(_stated(data)), "stated grids", console=console):
        places[kind].append([_found(piece, moved) for moved in _MOVED])
    metres: dict[str, list[list[bool]]] = defaultdict(list)
    for pack, piece in track(list(_written(data)), "unstated metres", console=console):
        stated = {meter[1:] for meter in piece.meters}
        if len(stated) == 1 and (metre := stated.pop()) in _METRES:
            grids = (find_grid(replace(piece, meters=()), finder) for finder in (accented_bars, find_bars))
            metres[f"{pack}, {metre[0]}/{metre[1]}"].append([main_metre(grid) == metre for grid in grids])
    return {
        "stated grids": Report(
            "Beats of test pieces whose file states tempo and metre: the share where they are kept, and where all "
            "notes are moved against them, found. Charts are synthetic; human drums were put over them by us. "
            "Believing every file keeps 1.000 and finds 0.",
            _table(places, ("kept", "moved by half a beat", "moved by a quarter of a beat")),
        ),
        "unstated metres": Report(
            "Metre of pieces of one metre, with the file's beats and without its metre: the share where that metre is "
            "told for most of the bars. None was learnt from, but fives and sevens are made: of test charts and lead "
            "sheets in 4/4, one beat of each bar played twice or three of each two bars cut out; or half a beat of "
            "each bar cut out. accents: bars of one length by their accents.",
            _table(metres, ("accents", "score")),
        ),
    }


def _table(rows: Mapping[str, Sequence[Sequence[bool]]], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    return {
        f"{name}, {len(hits)} pieces": dict(zip(metrics, np.mean(hits, axis=0).tolist(), strict=True))
        for name, hits in sorted(rows.items())
    }


def _found(piece: Piece, moved: float) -> bool:
    """Move all notes, and say whether the beats went with them, or stay as stated where nothing was moved."""
    grid = find_grid(piece.with_notes(start=piece.start + moved))
    if moved == 0 or grid.stated:
        return grid.stated and moved == 0
    return bool(np.median(np.abs((grid.beats - moved + 0.5) % 1 - 0.5)) < _NEAR)


def main_metre(grid: Grid) -> tuple[int, int]:
    """Return the metre of most of the bars."""
    if grid.meters[0].denominator == 8:
        return grid.meters[0].numerator, 8
    return int(np.bincount(np.diff(np.r_[grid.downbeats, len(grid.beats)])).argmax()), 4


def _stated(data: Path) -> Iterator[tuple[str, Piece]]:
    drums = list(_drums(data / "groove_midi"))
    for piece in drums:
        yield "human drums alone", piece
    for number, arrangement in enumerate(synth.arrangements(data)):
        if part_of(f"c{arrangement.number}") == "test":
            band = replace(arrangement.band(), meters=(Meter(0.0, 4, 4),))
            pitched = band.without_drums()
            yield "charts, whole band", band
            if len(pitched) < len(band):
                yield "charts, band without its drums", pitched
            if drums:
                yield "charts, human drums instead", _over(drums[number % len(drums)], pitched)
    for sheet in openewld.lead_sheets(data):
        if part_of(f"c{sheet.number}") == "test" and sheet.free:
            yield "lead sheets", sheet.piece()


def _drums(folder: Path) -> Iterator[Piece]:
    """Read human drumming in four-four of the pack's own test part."""
    index = folder / "info.csv"
    if index.is_file():
        with reading(index), index.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "test" and row["beat_type"] == "beat"]
        for row in rows:
            if row["time_signature"] == "4-4":
                yield midi_to_piece((folder / row["midi_filename"]).read_bytes())[0]


def _over(drums: Piece, band: Piece) -> Piece:
    """Play drums, over and over, as long as a band."""
    length = max(4 * np.floor(drums.beats / 4), 4.0)
    times = int(np.ceil(band.beats / length))
    start = np.concatenate([drums.start + length * turn for turn in range(times)])
    columns = (np.tile(column, times) for column in (drums.duration, drums.pitch, drums.velocity, drums.track))
    loop = Piece.of(start, *columns, tracks=drums.tracks)
    return synth.join(band, loop.select(loop.start < band.beats))


def _written(data: Path) -> Iterator[tuple[str, Piece]]:
    for path in sorted((data / "nottingham" / "MIDI").glob("*.mid")):
        yield "Nottingham", midi_to_piece(path.read_bytes())[0]
    for _, piece, _, _ in asap_scores(data):
        yield "ASAP", piece
    fours = (barred for barred in written_pieces(data) if barred.part == "test" and in_four(barred))
    for number, barred in enumerate(fours):
        made = (repeat_beat, skip_three)[number % 2](barred, 1 + number % 3)
        yield "made", replace(made.piece, meters=(Meter(0.0, 5, 4),))
        yield "made", replace(skip_eighth(barred, 1 + number % 3).piece, meters=(Meter(0.0, 7, 8),))
