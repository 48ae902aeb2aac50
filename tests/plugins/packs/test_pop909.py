import csv

import numpy as np
import pytest
from segue.music import Piece, TrackInfo, piece_to_midi
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.packs.pop909 import MELODY, PIANO, played_by, songs

COLUMNS = ["song_id", "name", "num_beats_per_measure", "num_quavers_per_beat", "main_key"]
TRACKS = (TrackInfo(MELODY), TrackInfo(PIANO))


def write_index(root, *rows, columns=COLUMNS):
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture
def data(tmp_path):
    """Songs 1 and 100; the index writes the first without the zeros of its folder, and names one that isn't there."""
    root = tmp_path / "pop909"
    piece = Piece.of(np.arange(4.0), 1.0, 60, 80, [0, 1, 0, 1], tracks=TRACKS)  # two beats a second
    for folder in ("001", "100"):
        (root / folder).mkdir(parents=True)
        (root / folder / f"{folder}.mid").write_bytes(piece_to_midi(piece))
        (root / folder / "chord_midi.txt").write_text("0.0 0.5 C:maj\n0.5 0.5 G:maj\n0.5 2.0 A:min\n")
        (root / folder / "beat_midi.txt").write_text("0.5 1.0 1.0\n1.0 0.0 0.0\n1.5 1.0 0.0\n")
    write_index(root, [1, "First", 2, 2, "Gb:maj"], [2, "Not here", 2, 2, "C:maj"], [100, "Other", 3, 2, "B:min"])
    return tmp_path


def test_songs_are_read_whose_number_has_fewer_digits_than_their_folder(data):
    first, other = songs(data)
    assert (first.number, first.title, first.key, first.beats, first.quavers) == ("001", "First", 6, 2, 2)
    assert (other.number, other.key, other.beats) == ("100", 23, 3)
    assert first.citation == "First (POP909 001)"
    assert len(first.piece()) == 4


def test_notes_are_known_by_the_name_of_their_track(data):
    piece = songs(data)[0].piece()
    assert played_by(piece, MELODY).tolist() == [True, False, True, False]
    assert not played_by(piece, "BRIDGE").any()


def test_chords_without_length_are_left_out(data):
    assert songs(data)[0].chords == [(0.0, 0.5, "C:maj"), (0.5, 2.0, "A:min")]


def test_notes_are_counted_in_marked_beats_and_end_with_them(data):
    song = songs(data)[0]
    marks = song.marks()
    assert (marks.bars.tolist(), marks.pairs.tolist()) == ([True, False, True], [True, False, False])
    begin, end = marks.count(song.piece())
    assert begin.tolist() == [0.0, 0.0, 1.0, 2.0]
    assert end.tolist() == [0.0, 1.0, 2.0, 2.0]


@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize("text", ["", "0.5 1.0\n1.0 0.0\n", "0.5 1.0 1.0\n1.0 0.0\n", "0.5 1.0 1.0\n1.0 x 0.0\n"])
def test_beats_that_are_not_as_the_pack_has_them_are_named(data, text):
    (data / "pop909" / "001" / "beat_midi.txt").write_text(text)
    with pytest.raises(InvalidRequest, match=r"data: 001/beat_midi\.txt must be as the pack has it"):
        songs(data)[0].marks()


def test_chords_that_are_not_as_the_pack_has_them_are_named(data):
    (data / "pop909" / "001" / "chord_midi.txt").write_text("0.0 x C:maj\n")
    with pytest.raises(InvalidRequest, match=r"data: 001/chord_midi\.txt must be as the pack has it, but: .*'x'"):
        print(songs(data)[0].chords)


@pytest.mark.parametrize("name", ["beat_midi.txt", "chord_midi.txt"])
def test_labels_that_are_not_there_are_named(data, name):
    (data / "pop909" / "001" / name).unlink()
    with pytest.raises(InvalidRequest, match=f"data: .* holds no 001/{name}"):
        print(songs(data)[0].marks(), songs(data)[0].chords)


def test_a_folder_without_songs_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match=r"data: .* holds no pop909/index\.csv"):
        songs(tmp_path)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ([1, "First", 2, 2, "H:maj"], "'H:maj' is no key"),
        (["one", "First", 2, 2, "C:maj"], "'one'"),
        ([1, "First", 2, 2], "main_key"),
    ],
)
def test_what_cannot_be_read_in_the_index_is_named(data, row, wrong):
    write_index(data / "pop909", row, columns=COLUMNS[: len(row)])
    with pytest.raises(InvalidRequest, match=rf"data: pop909/index\.csv must be as the pack has it, but: .*{wrong}"):
        songs(data)
