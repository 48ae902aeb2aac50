"""The algorithm without a server: what it learns, what it changes, what it refuses."""

import pytest
from rich.console import Console
from segue.music import midi_to_piece, music_to_piece
from segue.plugin_api import InvalidField, InvalidMusic, InvalidRequest
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Run
from segue.v1 import music_pb2, transfer_pb2

from segue_plugin_newcomer import example_data
from segue_plugin_newcomer.dynamics import FEATURES, Dynamics
from segue_plugin_newcomer.model import PlayedModel
from segue_plugin_newcomer.plugin import PlayedOptions, PlayedTransferrer
from segue_plugin_newcomer.train import PlayedSettings, PlayedTrainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    example_data.write(folder / "data")
    artifacts = folder / "version"
    artifacts.mkdir()
    run = Run(folder / "data", artifacts, folder, 0, Console(quiet=True))
    reports = PlayedTrainer().train(run, PlayedSettings())
    return artifacts, reports, run


@pytest.fixture(scope="module")
def transfer(trained):
    model = PlayedModel()
    model.load(trained[0], "cpu")

    def run(options=None, **fields):
        request = PlayedTransferrer().probe()
        request.MergeFrom(transfer_pb2.TransferRequest(**fields))
        return model.answer([Item(request, PlayedOptions(**(options or {})).model_dump(), 0)])[0]

    return run


def test_it_beats_the_mean_on_held_out_pieces(trained):
    rows = {name: row["mean_error"] for name, row in trained[1][0].rows.items()}
    assert rows["newcomer"] < 0.8 * rows["the track's mean"]
    assert PlayedTrainer().evaluate(trained[2].data, trained[0], Console(quiet=True)) == trained[1]


def test_only_loudness_is_changed_and_every_change_is_an_edit(transfer):
    before, _ = music_to_piece(PlayedTransferrer().probe().music)
    response = transfer()
    after, _ = midi_to_piece(response.music.midi)
    assert after.pitch.tolist() == before.pitch.tolist()
    assert after.start.tolist() == before.start.tolist()
    assert (after.velocity != before.velocity).sum() == len(response.edits)
    assert after.velocity[0] > after.velocity[1]


def test_strength_and_depth_say_how_far(transfer):
    assert not transfer(strength=0.0).edits
    spread = [transfer({"depth": depth}).figures[0].after for depth in (0.5, 1.0, 2.0)]
    assert spread == sorted(spread)


def test_the_probe_is_answered(transfer):
    algorithm = PlayedTransferrer()
    algorithm.check_probe(transfer())
    with pytest.raises(ValueError, match="MIDI"):
        algorithm.check_probe(transfer_pb2.TransferResponse())


def test_what_it_cannot_do_is_refused_by_name(transfer):
    assert isinstance(error := transfer(style="jazz"), InvalidField)
    assert error.violations[0][0] == "style"
    error = transfer(music=music_pb2.Music(midi=b"MThd, but no more than that"))
    assert isinstance(error, InvalidMusic)


def test_data_that_is_none_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="MIDI files"):
        PlayedTrainer().train(Run(tmp_path, tmp_path, tmp_path, 0, Console(quiet=True)), PlayedSettings())


def test_the_shipped_version_can_be_read():
    (spec,) = PlayedTransferrer.models
    assert spec.shipped is not None
    assert Dynamics.load(spec.shipped / "1").weights.shape == (len(FEATURES),)
