"""The algorithm without a server: what it learns, what it composes, what it refuses."""

import pytest
from rich.console import Console
from segue.music import midi_to_piece
from segue.music.theory import scale
from segue.plugin_api import InvalidField, InvalidRequest
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Run
from segue.v1 import generate_pb2, music_pb2

from segue_plugin_newcomer import example_data
from segue_plugin_newcomer.chains import Chains
from segue_plugin_newcomer.model import ChainModel
from segue_plugin_newcomer.plugin import ChainGenerator, ChainOptions
from segue_plugin_newcomer.train import ChainSettings, ChainTrainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    example_data.write(folder / "data")
    artifacts = folder / "version"
    artifacts.mkdir()
    run = Run(folder / "data", artifacts, folder, 0, Console(quiet=True))
    reports = ChainTrainer().train(run, ChainSettings())
    return artifacts, reports, run


@pytest.fixture(scope="module")
def compose(trained):
    """Run one request to its end and return its messages."""
    model = ChainModel()
    model.load(trained[0], "cpu")

    def run(seed=0, **fields):
        item = Item(generate_pb2.GenerateRequest(**fields), ChainOptions().model_dump(), seed)
        session = model.start(item)
        messages = []
        while not messages or not messages[-1].HasField("complete"):
            (step,) = model.step([session])
            messages += step.responses
        assert step.done
        return messages

    return run


def test_it_beats_its_baselines_on_held_out_melodies(trained):
    rows = {name: row["nats_per_note"] for name, row in trained[1][0].rows.items()}
    assert rows["newcomer"] < rows["degrees by frequency"] < rows["every degree alike"]
    assert ChainTrainer().evaluate(trained[2].data, trained[0], Console(quiet=True)) == trained[1]


def test_a_melody_has_the_key_the_length_and_the_instrument_that_were_asked_for(compose):
    key = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
    messages = compose(key=key, bars=5, tempo=132.0, instruments=[40])
    assert [message.bar.number for message in messages[:-1]] == [1, 2, 3, 4, 5]
    piece, _ = midi_to_piece(messages[-1].complete.pieces[0].music.midi)
    assert set((piece.pitch % 12).tolist()) <= set(scale(7))
    assert piece.beats == 20
    assert piece.tempos[0].quarters_per_minute == pytest.approx(132, abs=0.01)
    assert piece.tracks[0].program == 40


def test_the_seed_decides(compose):
    assert compose(seed=3, bars=4) == compose(seed=3, bars=4)
    assert compose(seed=3, bars=4) != compose(seed=4, bars=4)


def test_the_probe_is_answered(compose):
    algorithm = ChainGenerator()
    probe = algorithm.probe()
    algorithm.check_probe(compose(bars=probe.bars, key=probe.key)[-1].complete)
    with pytest.raises(ValueError, match="two bars"):
        algorithm.check_probe(generate_pb2.GenerateResponse())


@pytest.mark.parametrize(("fields", "field"), [({"style": "jazz"}, "style"), ({"bars": 65}, "bars")])
def test_what_it_cannot_do_is_refused_by_name(compose, fields, field):
    with pytest.raises(InvalidField) as caught:
        compose(**fields)
    assert caught.value.violations[0][0] == field


def test_data_that_is_none_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="MIDI files"):
        ChainTrainer().train(Run(tmp_path, tmp_path, tmp_path, 0, Console(quiet=True)), ChainSettings())


def test_the_shipped_version_can_be_read():
    (spec,) = ChainGenerator.models
    assert spec.shipped is not None
    assert Chains.load(spec.shipped / "1").steps.sum() == pytest.approx(44)
