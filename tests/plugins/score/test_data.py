"""What the packs' indexes name is read, and belongs to one part of the data."""

import csv

import numpy as np
import pytest
from segue.music import Piece, piece_to_midi
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.score.data import part_of, songs


@pytest.fixture
def data(tmp_path):
    """Songs 1 and 100; the index writes the first without the zeros of its folder, and names one that isn't there."""
    root = tmp_path / "pop909"
    for folder in ("001", "100"):
        (root / folder).mkdir(parents=True)
        (root / folder / f"{folder}.mid").write_bytes(piece_to_midi(Piece.of(np.arange(4.0), 1.0, 60, 80, 0)))
        (root / folder / "chord_midi.txt").write_text("0.0 0.5 C:maj\n0.5 0.5 G:maj\n0.5 2.0 A:min\n")
    columns = ["song_id", "name", "num_beats_per_measure", "num_quavers_per_beat", "main_key"]
    rows = [columns, [1, "First", 2, 2, "Gb:maj"], [2, "Not here", 2, 2, "C:maj"], [100, "Other", 3, 2, "B:min"]]
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


def test_songs_are_read_whose_number_has_fewer_digits_than_their_folder(data):
    first, other = songs(data)
    assert (first.number, first.title, first.key, first.beats, first.quavers) == ("001", "First", 6, 2, 2)
    assert (other.number, other.key, other.beats) == ("100", 23, 3)
    assert len(first.piece()) == 4


def test_chords_without_length_are_left_out(data):
    assert next(songs(data)).chords == [(0.0, 0.5, "C:maj"), (0.5, 2.0, "A:min")]


def test_a_song_belongs_to_the_part_of_its_folder(data):
    assert [song.part for song in songs(data)] == [part_of("001"), part_of("100")]


def test_a_folder_without_songs_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="pop909"):
        list(songs(tmp_path))
