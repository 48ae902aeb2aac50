import numpy as np
import pytest
from segue.music import Piece, Tempo, TrackInfo
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api.errors import InvalidRequest
from segue.plugins.packs.synth import CHORDS, INDEX, arrangements, join, written_chords

from ..synth_pack import write_synth

TUNE = Piece.of([0.0, 1.0], 1.0, [72, 74], tracks=(TrackInfo("Tune"),), tempos=(Tempo(0.0, 90.0),))
BAND = Piece.of([0.0, 0.5], 1.0, [36, 48], 80, [0, 1], tracks=(TrackInfo("Bass", 33), TrackInfo("Piano")))


@pytest.fixture
def data(tmp_path):
    """Three charts, the last without a tune, in two styles; rock has lost the MIDI file of the second."""
    bands = {(style, number): BAND for style in ("rock", "hymn") for number in (20, 3, 100)}
    charts = {20: [["C", "/", "G7/B", "Am7"]], 3: [["Bbdim7", "F#m7b5", "/", "/"]]}
    write_synth(tmp_path, bands, {20: TUNE, 3: TUNE}, 12, charts)
    (tmp_path / "style_parallel_synth" / "rock" / "3.mid").unlink()
    return tmp_path


def test_arrangements_come_in_the_order_of_the_index_without_those_that_are_not_there(data):
    found = [(each.style, each.number, each.title, each.bars) for each in arrangements(data)]
    rock = [("rock", number, f"Song {number}", 12) for number in ("20", "100")]
    assert found == rock + [("hymn", number, f"Song {number}", 12) for number in ("20", "3", "100")]


def test_a_chart_has_the_same_tune_in_every_style_or_none(data):
    read = arrangements(data)
    assert all(each.band().pitch.tolist() == [36, 48] for each in read)
    tunes = [(each.number, each.tune()) for each in read]
    assert {number for number, tune in tunes if tune is None} == {"100"}
    assert all(tune.pitch.tolist() == [72, 74] for _, tune in tunes if tune is not None)


def test_charts_are_read_to_half_beats(data):
    written = written_chords(data)
    assert list(written) == ["20", "3"]
    names = [(QUALITY_NAMES[chord // 12], chord % 12, bass) for chord, bass in written["20"].T[::2].tolist()]
    assert names == [("maj", 0, 0), ("maj", 0, 0), ("7", 7, 11), ("min7", 9, 9)]
    assert np.array_equal(written["20"][:, ::2], written["20"][:, 1::2])
    assert written["3"][1].tolist() == [10] * 2 + [6] * 6


def test_two_pieces_are_played_at_once_in_the_tempo_of_the_first():
    both = join(TUNE, BAND)
    assert [info.name for info in both.tracks] == ["Tune", "Bass", "Piano"]
    assert both.tempos == TUNE.tempos
    assert list(zip(both.start, both.track, both.pitch, both.velocity, strict=True)) == [
        (0.0, 0, 72, 64),
        (0.0, 1, 36, 80),
        (0.5, 2, 48, 80),
        (1.0, 0, 74, 64),
    ]


@pytest.mark.parametrize(("read", "path"), [(arrangements, INDEX), (written_chords, CHORDS)])
def test_a_folder_without_the_pack_is_named(tmp_path, read, path):
    with pytest.raises(InvalidRequest, match=f"data: .* holds no {path}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("midi,style,chart_id,bars\na.mid,a,1,8\n", "'title'"),
        ("midi,style,chart_id,title,bars\na.mid,a,1,A,x\n", "'x'"),
    ],
)
def test_what_cannot_be_read_in_the_index_is_named(data, text, wrong):
    (data / INDEX).write_text(text)
    with pytest.raises(InvalidRequest, match=rf"data: {INDEX} must be as the pack has it, but: .*{wrong}"):
        arrangements(data)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"1": [["H7", "/"]]}', "'H7' is no chord"),
        ('{"1": [["Csus", "/"]]}', "'Csus' is no chord"),
        ('{"1": [["/", "C"]]}', "IndexError"),
        ('{"1": [[7]]}', "TypeError"),
        ('[["C"]]', "TypeError"),
        ("{", "JSONDecodeError"),
    ],
)
def test_charts_that_are_not_as_the_pack_has_them_are_named(data, text, wrong):
    (data / CHORDS).write_text(text)
    with pytest.raises(InvalidRequest, match=rf"data: {CHORDS} must be as the pack has it, but: .*{wrong}"):
        written_chords(data)
