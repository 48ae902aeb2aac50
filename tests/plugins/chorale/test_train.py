import json

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo, piece_to_midi
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.chorale import likeness
from segue.plugins.chorale.artifacts import CONFIG, INDEX, WEIGHTS
from segue.plugins.chorale.data import Draw, collate, read_chorales
from segue.plugins.chorale.frames import VOICES
from segue.plugins.chorale.model import ChoraleModel
from segue.plugins.chorale.train import ChoraleSettings, ChoraleTrainer
from segue.plugins.training import Loop

from .conftest import TINY, compose_piece, item


def scale_piece(rng: np.random.Generator) -> np.ndarray:
    """Four voices in parallel up and down a scale, a beat a note; shape (frames, 4)."""
    steps = np.array([0, 2, 4, 5, 7, 5, 4, 2, 0, 0, 2, 4, 2, 0, 0, 0]) + rng.integers(0, 5)
    return np.repeat(steps[:, None] + [64, 57, 52, 43], 4, 0)


def write_json(folder) -> None:
    rng = np.random.default_rng(0)
    data = {
        split: [scale_piece(rng).tolist() for _ in range(n)] for split, n in [("train", 6), ("valid", 2), ("test", 2)]
    }
    (folder / "Jsb16thSeparated.json").write_text(json.dumps(data))


def write_midi(folder, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        lines = scale_piece(rng)[::4]
        beats = np.arange(len(lines)).repeat(4)
        tracks = tuple(TrackInfo(voice) for voice in VOICES)
        voices = np.tile(np.arange(4), len(lines))
        piece = Piece.of(beats, 1, lines.reshape(-1), 80, voices, tracks=tracks, meters=(Meter(0.0, 4, 4),))
        (folder / f"{number}.mid").write_bytes(piece_to_midi(piece))


@pytest.fixture
def run(tmp_path):
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(likeness, "SAMPLES", 2)
    monkeypatch.setattr(likeness, "BARS", 2)
    monkeypatch.setattr(likeness, "IN_EACH_MODE", 2)


SETTINGS = ChoraleSettings(steps=6, batch=4, evaluate_every=3, network=TINY)


def test_training_writes_a_version_that_composes_and_is_measured(run):
    write_json(run.data)
    report, samples, keys = ChoraleTrainer().train(run, SETTINGS)
    assert {"chorale", "repeat or unigram", "unigram"} <= set(report.rows)
    assert set(samples.rows) == {"composed", "real, test part", "real, all parts"}
    assert set(keys.rows) == {"major", "minor"}
    assert [source.licence for source in run.sources] == ["public domain"]
    again = ChoraleTrainer().evaluate(run.data, run.artifacts, run.console)[0]
    assert again.rows["chorale"]["nats_per_note"] == pytest.approx(report.rows["chorale"]["nats_per_note"], abs=0.01)
    model = ChoraleModel()
    model.load(run.artifacts, "cpu")
    assert compose_piece(model, item(bars=1)).bars == 1
    assert list(run.work.glob("events*"))


def test_training_goes_on_where_it_was_interrupted(run, monkeypatch):
    write_json(run.data)
    whole = ChoraleTrainer().train(run, SETTINGS)[0]
    (run.work / "checkpoint.pt").unlink()
    keep = Loop._keep

    def keep_and_stop(loop, step):
        keep(loop, step)
        raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "_keep", keep_and_stop)
    with pytest.raises(KeyboardInterrupt):
        ChoraleTrainer().train(run, SETTINGS)
    monkeypatch.undo()
    resumed = ChoraleTrainer().train(run, SETTINGS)[0]
    assert resumed.rows["chorale"] == pytest.approx(whole.rows["chorale"])
    assert run.earlier_seconds > 0  # so that the card counts all of it


def test_a_network_can_be_kept_and_the_rest_made_anew(run, tmp_path):
    write_json(run.data)
    ChoraleTrainer().train(run, SETTINGS)
    (tmp_path / "again").mkdir()
    again = Run(run.data, tmp_path / "again", run.work, 1, run.console)
    ChoraleTrainer().train(again, SETTINGS.model_copy(update={"keep": run.artifacts}))
    for name in (WEIGHTS, CONFIG, INDEX):
        assert (again.artifacts / name).read_bytes() == (run.artifacts / name).read_bytes()
    with pytest.raises(InvalidRequest, match="nowhere"):
        ChoraleTrainer().train(again, SETTINGS.model_copy(update={"keep": tmp_path / "nowhere"}))


def test_midi_files_of_four_voices_are_read_and_others_left_out(run):
    write_midi(run.data, 12)
    one_voice = Piece.of([0, 1], 1, [60, 62])
    (run.data / "melody.mid").write_bytes(piece_to_midi(one_voice))
    (run.data / "broken.mid").write_bytes(b"not a MIDI file")
    data = read_chorales(run.data)
    assert {split: len(pieces) for split, pieces in data.items()} == {"train": 9, "valid": 1, "test": 2}
    piece = data["train"][0]
    assert piece.metre == (16, 0)
    assert piece.frames.shape == (64, 4)


def test_too_little_data_is_refused(run):
    with pytest.raises(InvalidRequest, match="neither"):
        read_chorales(run.data)


def test_a_piece_looks_the_same_to_the_network_in_every_key(run):
    write_json(run.data)
    piece = read_chorales(run.data)["train"][0]
    here, there = (collate([piece], [Draw(transpose=step)]) for step in (0, 2))
    moved = here["frame"] != there["frame"]
    assert moved.any(1).sum() == 1  # the feature that says how far the piece was moved
    assert (here["target"] == there["target"]).all()
