from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.music import piece_to_midi
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.training import Loop
from segue.plugins.transformer import train
from segue.plugins.transformer.artifacts import load_network
from segue.plugins.transformer.network import Inputs
from segue.plugins.transformer.segments import Sampler
from segue.plugins.transformer.train import TransformerSettings, TransformerTrainer

from .conftest import TINY, made_piece, made_song

SETTINGS = TransformerSettings(steps=4, batch=512, network=TINY)


@pytest.fixture
def run(tmp_path):
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "data" / "rock"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.mid").write_bytes(piece_to_midi(made_piece(number)))
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


def test_training_writes_a_version_and_measures_it(run):
    report = TransformerTrainer().train(run, SETTINGS)[0]
    assert report.rows["transformer"]["all"] > 0
    assert {"transformer, controls not told", "unigram"} <= set(report.rows)
    assert {path.name for path in run.artifacts.iterdir()} == {
        "weights.safetensors", "config.json", "profiles.json", "progressions.json",
        "melodies.safetensors",
    }  # fmt: skip
    assert load_network(run.artifacts).settings == TINY
    assert any(path.name.startswith("events") for path in run.work.iterdir())


def test_an_interrupted_training_ends_as_if_it_had_not_been(run, tmp_path, monkeypatch):
    TransformerTrainer().train(run, SETTINGS)
    (tmp_path / "cut").mkdir()
    cut = replace(run, work=tmp_path / "cut")

    class Interrupted(Loop):
        def steps(self, last, describe=None):
            for step in super().steps(last, describe):
                if self.first == 0 and step == 3:
                    raise KeyboardInterrupt
                yield step

    monkeypatch.setattr(train, "Loop", partial(Interrupted, every=2))
    with pytest.raises(KeyboardInterrupt):
        TransformerTrainer().train(cut, SETTINGS)
    first = load_network(run.artifacts).state_dict()
    TransformerTrainer().train(cut, SETTINGS)
    again = load_network(run.artifacts).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())


def test_training_goes_on_from_a_version_and_says_so(run, folder):
    slow = {"learning_rate": 1e-9, "embedding_rate": 1e-9, "steps": 1}
    start = SETTINGS.model_copy(update={"start": folder, **slow})
    TransformerTrainer().train(run, start)
    begun, kept = load_network(folder).state_dict(), load_network(run.artifacts).state_dict()
    assert all(torch.allclose(tensor, kept[name], atol=1e-3) for name, tensor in begun.items())
    assert run.sources[-1].path == folder
    wider = start.model_copy(update={"network": TINY.model_copy(update={"width": 32})})
    with pytest.raises(InvalidRequest, match="width=32"):
        TransformerTrainer().train(run, wider)
    with pytest.raises(InvalidRequest, match="nowhere"):
        TransformerTrainer().train(run, start.model_copy(update={"start": run.data / "nowhere"}))


def test_a_version_is_exported_and_int8_loses_little(run, folder, tmp_path):
    report = TransformerTrainer().export(run.data, folder, tmp_path / "onnx", run.console)[0]
    plain, onnx, int8 = (report.rows[name] for name in ("float32, PyTorch", "float32, ONNX", "int8, ONNX"))
    assert abs(onnx["change"]) < 1e-4
    assert 1e-7 < abs(int8["change"]) < 0.1
    assert plain["nats per element"] > 1
    files = {path.name: path.stat().st_size / 1e6 for path in (tmp_path / "onnx").iterdir()}
    assert files == {"model.onnx": onnx["MB"], "model.int8.onnx": int8["MB"]}


def test_a_folder_without_music_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="MIDI"):
        TransformerTrainer().train(Run(tmp_path / "empty", run.artifacts, run.work, 0, run.console), SETTINGS)


def test_batches_are_of_their_size_and_come_again():
    songs = [made_song(seed, style) for seed in range(3) for style in ("rock", "pop_piano", "chorale")]
    first, again = (list(Sampler(songs, 2048, 3).round(5)) for _ in range(2))
    for (inputs, targets, families), (other, *_) in zip(first, again, strict=True):
        assert isinstance(inputs, Inputs)
        assert inputs.fields.shape == targets.shape
        assert families.shape == targets.shape[:2]
        assert inputs.fields.shape[0] * inputs.fields.shape[1] <= 2048 + 600
        assert torch.equal(inputs.fields, other.fields)
    told = np.concatenate([inputs.controls.numpy() for inputs, *_ in first])
    assert 0.5 < (told > 0).mean() < 0.95
