"""The pieces that ``transformer`` is trained on, on the grid, and the segments that are cut from them.

Read from the packs of the data folder: ``pop909`` (piano arrangements of pop songs), ``style_parallel_synth``
(synthetic accompaniments in sixteen styles), ``jsb_chorales`` and the free rows of ``openewld``. A folder without these
packs is read as MIDI files, whose subfolders name the styles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter, Piece, Tempo, TrackInfo, midi_to_piece
from segue.music.reading import Reading
from segue.plugin_api.errors import InvalidRequest
from segue.plugin_api.training import DataSource
from segue.plugins.packs import files, jsb, openewld, pop909, synth
from segue.plugins.score.data import Part, part_of
from segue.plugins.transformer.controls import STYLES
from segue.plugins.transformer.elements import GRID, METRES, SLOTS, Notes, bar_steps

_OPENEWLD: Final = Path("openewld", "index.csv")
_METRES: Final = {(4, 4): 0, (2, 2): 0, (3, 4): 1, (6, 8): 2}
_PLACES: Final = np.array([0, 3, 4, 6, 8, 9, 12])
"""Where in a beat a played note is put: sixteenths and triplets."""


@dataclass(frozen=True)
class Song:
    """A piece on the grid.

    Attributes
    ----------
    title, style, part
        Its name, one of ``STYLES``, and the part of the data it belongs to.
    metre
        Index in ``METRES``.
    tempo
        Quarter notes per minute; 0 if the data says nothing.
    programs, drums, lead
        General MIDI program of each slot, whether it is a drum kit, and whether slot 0 carries the tune.
    notes
        Its notes, in order of bar.
    keys
        Key of each bar, 0-23.
    """

    title: str
    style: str
    part: Part
    metre: int
    tempo: float
    programs: tuple[int, ...]
    drums: tuple[bool, ...]
    lead: bool
    notes: Notes
    keys: NDArray[np.int64]

    @property
    def bars(self) -> int:
        """How many bars it has."""
        return len(self.keys)

    @cached_property
    def first_note(self) -> NDArray[np.int64]:
        """Index of the first note of each bar, and the number of notes; shape (bars + 1,)."""
        return np.searchsorted(self.notes.bar, np.arange(self.bars + 1))


def to_song(piece: Piece, title: str, style: str, part: Part, lead: bool) -> Song | None:
    """Put a piece on the grid; None if its metre is none of ``METRES`` or it has no pitched note."""
    meters = {(meter.numerator, meter.denominator) for meter in piece.meter_map}
    if len(meters) != 1 or not meters <= set(_METRES) or not len(piece.without_drums()):
        return None
    metre = _METRES[meters.pop()]
    steps = bar_steps(METRES[metre])
    start = piece.start - (piece.meter_map[0].beat if piece.meters else 0.0)
    at = _snap(np.maximum(start, 0.0))
    end = np.rint((start + piece.duration) * GRID).astype(np.int64)
    used = np.unique(piece.track)
    mean = [piece.pitch[piece.track == track].mean() for track in used]
    order = sorted(
        range(len(used)),
        key=lambda i: (piece.tracks[used[i]].drums, not (lead and used[i] == 0), -mean[i]),
    )[:SLOTS]
    slot_of = np.full(len(piece.tracks), -1)
    for slot, index in enumerate(order):
        slot_of[used[index]] = slot
    slots = slot_of[piece.track]
    notes = Notes(at // steps, at % steps, slots, piece.pitch, np.maximum(end - at, 1), piece.velocity)
    notes = notes.select(slots >= 0)
    bars = int(at.max()) // steps + 1
    order_of_time = np.lexsort((notes.slot, notes.place, notes.bar))
    infos = [piece.tracks[used[index]] for index in order]
    return Song(
        title, style, part, metre,
        piece.tempos[0].quarters_per_minute if piece.tempos else 0.0,
        tuple(info.program for info in infos), tuple(info.drums for info in infos), lead and not infos[0].drums,
        Notes(*(column[order_of_time] for column in notes)),
        _keys(piece, bars, METRES[metre].bar_beats),
    )  # fmt: skip


def _snap(beats: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the step of the grid, a sixteenth or triplet, that is nearest to each beat."""
    whole = np.floor(beats + 1e-6)
    within = (beats - whole) * GRID
    snapped = (whole * GRID).astype(np.int64) + _PLACES[np.abs(within[:, None] - _PLACES).argmin(1)]
    return np.asarray(snapped)


def _keys(piece: Piece, bars: int, bar_beats: float) -> NDArray[np.int64]:
    """Find the key of each bar: the local key at its middle."""
    reading = Reading(piece)
    middle = (np.arange(bars) + 0.5) * bar_beats
    return reading.key_at(middle)


def read_songs(data: Path) -> Iterator[Song]:
    """Read all pieces of a data folder.

    Raises
    ------
    InvalidRequest
        If it holds neither a known pack nor MIDI files.
    """
    packs = [_pop(data), _synthetic(data), chorales(data), _lead_sheets(data)]
    if not any((data / pack).exists() for pack in ("pop909", synth.INDEX, jsb.PLACE, _OPENEWLD)):
        packs = [_folder(data)]
    for pack in packs:
        yield from pack


def sources(data: Path) -> list[DataSource]:
    """Return the packs that a folder holds."""
    known = files.sources(data, "pop909", "style_parallel_synth", "jsb_chorales", "openewld")
    return known or [DataSource("MIDI files", "not stated", data)]


def _folder(data: Path) -> Iterator[Song]:
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    if not files:
        raise InvalidRequest("data", f"{data} holds neither a known pack nor MIDI files")
    for path in files:
        style = path.parent.name if path.parent.name in STYLES else "pop_piano"
        piece = midi_to_piece(path.read_bytes())[0]
        song = to_song(piece, path.stem, style, part_of(path.stem), lead=False)
        if song is not None:
            yield song


def _pop(data: Path) -> Iterator[Song]:
    if not (data / "pop909").exists():
        return
    for song in pop909.songs(data):
        metre = {(2, 2): 0, (3, 2): 1, (2, 3): 2}.get((song.beats, song.quavers))
        if metre is None:
            continue
        marks = song.marks()
        piece = on_beats(song.piece(), marks.seconds, marks.pairs if metre == 0 else marks.bars, METRES[metre])
        found = to_song(piece, song.citation, "pop_piano", part_of(song.number), lead=True)
        if found is not None:
            yield found


def on_beats(piece: Piece, seconds: NDArray[np.float64], downbeat: NDArray[np.bool_], metre: Meter) -> Piece:
    """Move a piece onto its marked beats; its first bar line is beat 0."""
    first = int(np.flatnonzero(downbeat)[0])
    beat = 1.5 if metre.denominator == 8 else 1.0
    pace = float(np.median(np.diff(seconds)))
    before = max(int(np.ceil((seconds[0] - 0) / pace)), 0) + 8
    marked = np.r_[seconds[0] - pace * np.arange(before, 0, -1), seconds, seconds[-1] + pace * np.arange(1, 65)]
    numbers = (np.arange(len(marked)) - before - first) * beat
    begin = float(np.interp(piece.beats_to_seconds(piece.start.min()), marked, numbers))
    bars_before = int(np.ceil(max(-begin, 0.0) / metre.bar_beats))
    numbers = numbers + bars_before * metre.bar_beats
    start, end = (np.interp(piece.beats_to_seconds(at), marked, numbers) for at in (piece.start, piece.end))
    tempo = (Tempo(0.0, 60 * beat / pace),)
    return Piece.of(
        np.maximum(start, 0), np.maximum(end - start, 0.05), piece.pitch, piece.velocity, piece.track,
        tracks=piece.tracks, tempos=tempo, meters=(metre,),
    )  # fmt: skip


def _charts(data: Path) -> list[synth.Arrangement]:
    return synth.arrangements(data) if (data / synth.INDEX).exists() else []


def _synthetic(data: Path) -> Iterator[Song]:
    learnt = {sheet.number for sheet in _free_sheets(data) if part_of(sheet.title) == "train"}
    for chart in _charts(data):
        part = part_of(f"c{chart.number}")
        if part != "train" and chart.number in learnt:
            continue  # a tune that is learnt as a lead sheet measures nothing
        piece, tune = chart.band(), chart.tune()
        title = f"{chart.title} ({chart.style})"
        plain = to_song(piece, title, chart.style, part, lead=False)
        if plain is not None:
            yield plain
        if plain is not None and tune is not None:
            with_tune = to_song(synth.join(tune, piece), title, chart.style, part, lead=True)
            if with_tune is not None:
                yield with_tune


def chorales(data: Path) -> Iterator[Song]:
    """Read the chorales whose metre their length tells, soprano first."""
    if not (data / jsb.PLACE).exists():
        return
    for chorale in jsb.chorales(data / jsb.PLACE):
        if chorale.metre is not None:
            begin, end, pitch, voice = chorale.notes().T
            metre = Meter(0.0, chorale.metre.bar_frames // 4, 4)
            piece = Piece.of(
                (begin + chorale.metre.offset) / 4, (end - begin) / 4, pitch, 80, voice,
                tracks=(TrackInfo("", 52),) * 4, meters=(metre,),
            )  # fmt: skip
            song = to_song(piece, chorale.title, "chorale", chorale.split, lead=True)
            assert song is not None
            yield song


def _free_sheets(data: Path) -> list[openewld.LeadSheet]:
    return [sheet for sheet in openewld.lead_sheets(data) if sheet.free] if (data / _OPENEWLD).exists() else []


def _lead_sheets(data: Path) -> Iterator[Song]:
    learnt = {chart.number for chart in _charts(data) if part_of(f"c{chart.number}") == "train"}
    for sheet in _free_sheets(data):
        part = part_of(sheet.title)
        if part == "train" or sheet.number not in learnt:  # likewise
            song = to_song(sheet.piece(), sheet.title, "lead_sheet", part, lead=True)
            if song is not None:
                yield song
