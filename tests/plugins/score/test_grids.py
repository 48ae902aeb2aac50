"""The measure of stated grids and unstated metres."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo, piece_to_midi
from segue.music.meter import accented_bars
from segue.plugins.score.grids import measure_grids

from ..synth_pack import write_synth


def oompah(metre, bars=24):
    """A bass on each bar, chords between, a tune in eighths, in a file that states its metre."""
    length, unit = metre[0], 4 / metre[1]
    strong = range(0, length, 3) if unit == 0.5 else range(length)
    rows = []
    for bar in range(bars):
        at, root, rng = bar * length * unit, (0, 5, 7, 0, 9, 2, 7, 0)[bar % 8], np.random.default_rng(bar % 8)
        rows.append((at, 0.9 * length * unit, 36 + root))
        rows += [(at + beat * unit, unit, 55 + root) for beat in strong]
        rows += [(at + beat * unit, 0.45 * unit, 72 + int(rng.choice([0, 2, 4, 7]))) for beat in range(length)]
    return Piece.of(*zip(*rows, strict=True), meters=(Meter(0.0, *metre),))


@pytest.fixture
def data(tmp_path):
    """Charts with a bass drum and a snare, no lead sheets, human drums, a waltz and a jig."""
    band = oompah((4, 4))
    at = 2.0 * np.arange(48)
    kit = Piece.of(np.r_[at, at + 1], 0.1, np.repeat([36, 38], 48), 90, tracks=(TrackInfo("Kit", drums=True),))
    both = Piece.of(
        *(np.r_[getattr(band, name), getattr(kit, name)] for name in ("start", "duration", "pitch", "velocity")),
        np.repeat([0, 1], [len(band), len(kit)]),
        tracks=(TrackInfo(), TrackInfo("Kit", drums=True)),
        meters=band.meters,
    )
    write_synth(tmp_path, {("oompah", number): both for number in range(12)}, {}, bars=24)
    tables = {
        "openewld/index.csv": [["id", "title", "us_pd_pre1931", "metric", "tonality", "midi"]],
        "groove_midi/info.csv": [
            ["split", "beat_type", "time_signature", "midi_filename"],
            ["test", "beat", "4-4", "a.mid"],
            ["train", "beat", "4-4", "b.mid"],
        ],
    }
    for name, rows in tables.items():
        path = tmp_path / name
        path.parent.mkdir()
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    drums = replace(kit, meters=(Meter(0.0, 4, 4),))
    pieces = {"groove_midi/a": drums, "nottingham/MIDI/jig": oompah((6, 8)), "nottingham/MIDI/waltz": oompah((3, 4))}
    (tmp_path / "nottingham" / "MIDI").mkdir(parents=True)
    for name, piece in pieces.items():
        (tmp_path / f"{name}.mid").write_bytes(piece_to_midi(piece))
    return tmp_path


def test_grids_are_kept_and_found_and_metres_are_told(data):
    reports = measure_grids(data, accented_bars, Console(quiet=True))
    places = reports["stated grids"].rows
    kinds = {name.rpartition(",")[0] for name in places}
    assert kinds == {
        "human drums alone",
        "charts, whole band",
        "charts, band without its drums",
        "charts, human drums instead",
    }
    assert places["human drums alone, 1 pieces"] == {
        "kept": 1,
        "moved by half a beat": 1,
        "moved by a quarter of a beat": 1,
    }
    metres = reports["unstated metres"].rows
    assert metres["Nottingham, 6/8, 1 pieces"] == metres["Nottingham, 3/4, 1 pieces"] == {"accents": 1, "score": 1}


def test_what_never_moves_finds_nothing(data, monkeypatch):
    from segue.plugins.score import grids

    found = grids.find_grid
    monkeypatch.setattr(grids, "find_grid", lambda piece, *_: replace(found(piece), stated=True))
    for row in measure_grids(data, accented_bars, Console(quiet=True))["stated grids"].rows.values():
        assert list(row.values()) == [1, 0, 0]
