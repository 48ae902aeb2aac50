"""The algorithm without a server: what it learns, what it finds, what it refuses."""

import pytest
from rich.console import Console
from segue.music import music_to_piece
from segue.plugin_api import InvalidMusic, InvalidRequest
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Run
from segue.v1 import analyze_pb2, music_pb2

from segue_plugin_newcomer import example_data
from segue_plugin_newcomer.model import ProfileModel
from segue_plugin_newcomer.plugin import ProfileAnalyzer, ProfileOptions
from segue_plugin_newcomer.profiles import KEYS, Profiles
from segue_plugin_newcomer.train import ProfileSettings, ProfileTrainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    example_data.write(folder / "data")
    artifacts = folder / "version"
    artifacts.mkdir()
    run = Run(folder / "data", artifacts, folder, 0, Console(quiet=True))
    reports = ProfileTrainer().train(run, ProfileSettings())
    return artifacts, reports, run


@pytest.fixture(scope="module")
def analyze(trained):
    model = ProfileModel()
    model.load(trained[0], "cpu")
    options = ProfileOptions().model_dump()

    def run(**fields):
        request = ProfileAnalyzer().probe()
        request.MergeFrom(analyze_pb2.AnalyzeRequest(**fields))
        return model.answer([Item(request, options, 0)])[0]

    return run


def test_it_beats_chance_on_held_out_pieces(trained):
    rows = {name: row["accuracy"] for name, row in trained[1][0].rows.items()}
    assert rows["newcomer"] > 0.8
    assert rows["newcomer"] > 3 * rows["the most frequent key"]
    assert ProfileTrainer().evaluate(trained[2].data, trained[0], Console(quiet=True)) == trained[1]


def test_the_key_turns_with_the_piece(trained):
    profiles = Profiles.load(trained[0])
    piece, _ = music_to_piece(ProfileAnalyzer().probe().music)
    for steps in range(12):
        odds = profiles.probabilities(piece.with_notes(pitch=piece.pitch + steps))
        assert odds.shape == (KEYS,)
        assert odds.argmax() == (7 + steps) % 12


def test_the_probe_is_answered(analyze):
    algorithm = ProfileAnalyzer()
    algorithm.check_probe(analyze())
    with pytest.raises(ValueError, match="G major"):
        algorithm.check_probe(analyze_pb2.AnalyzeResponse())


def test_what_was_not_asked_for_is_absent(analyze):
    response = analyze(aspects=[analyze_pb2.ASPECT_CHORDS])
    assert not response.HasField("key")
    assert response.notices


def test_music_that_is_none_is_refused_by_name(analyze):
    error = analyze(music=music_pb2.Music(midi=b"MThd, but no more than that"))
    assert isinstance(error, InvalidMusic)


def test_data_that_is_none_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="MIDI files"):
        ProfileTrainer().train(Run(tmp_path, tmp_path, tmp_path, 0, Console(quiet=True)), ProfileSettings())


def test_the_shipped_version_can_be_read():
    (spec,) = ProfileAnalyzer.models
    assert spec.shipped is not None
    assert Profiles.load(spec.shipped / "1").major.sum() == pytest.approx(1)
