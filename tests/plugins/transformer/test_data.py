import csv

import pytest
from segue.music import Meter, Piece, piece_to_midi
from segue.plugins.score.data import part_of
from segue.plugins.transformer.data import read_songs

from ..synth_pack import write_synth


@pytest.fixture
def data(tmp_path):
    """Thirty tunes, each as a lead sheet and as a chart, whose parts have nothing to do with each other."""
    piece = Piece.of([0.0, 1.0, 2.0, 3.0], 1.0, [60, 64, 67, 72], meters=(Meter(0.0, 4, 4),))
    sheets = [[n, f"Song {n}", "yes", "4/4", "C major", "a.mid"] for n in range(30)]
    (tmp_path / "openewld").mkdir()
    with (tmp_path / "openewld" / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "title", "us_pd_pre1931", "metric", "tonality", "midi"], *sheets])
    (tmp_path / "openewld" / "a.mid").write_bytes(piece_to_midi(piece))
    write_synth(tmp_path, {("rock", n): piece for n in range(30)}, {})
    return tmp_path


def test_no_tune_that_is_learnt_in_one_pack_is_held_out_in_another(data):
    found = {(song.title.removesuffix(" (rock)"), song.style): song.part for song in read_songs(data)}
    parts = {f"Song {n}": (part_of(f"Song {n}"), part_of(f"c{n}")) for n in range(30)}
    mixed = [title for title, both in parts.items() if "train" in both and len(set(both)) > 1]
    assert mixed
    for title, (sheet, chart) in parts.items():
        own = {style: part for (name, style), part in found.items() if name == title}
        if title in mixed:
            assert set(own.values()) == {"train"}
        else:
            assert own == {"lead_sheet": sheet, "rock": chart}
