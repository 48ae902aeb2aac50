import json

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, piece_to_midi
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.vae import report
from segue.plugins.vae.data import part_of, read_melodies, regular_bars
from segue.plugins.vae.latent import Space
from segue.plugins.vae.model import VaeModel
from segue.plugins.vae.train import VaeSettings, VaeTrainer, ordered
from torch import tensor

from .conftest import TINY, ask, item

SETTINGS = VaeSettings(steps=3, close_steps=2, batch=8, long_steps=2, long_batch=2, network=TINY)


def write_songs(folder, count: int) -> None:
    """Tunes of 20 bars that walk in a scale; names are such that there are songs in every part."""
    rng = np.random.default_rng(0)
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    for number in range(count):
        steps = np.clip(np.cumsum(rng.integers(-1, 2, 80)) + 4, 0, 7)
        piece = Piece.of(np.arange(80), 1.0, scale[steps] + int(rng.integers(0, 12)), 80, meters=(Meter(0.0, 4, 4),))
        (folder / f"{number}.mid").write_bytes(piece_to_midi(piece))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_PIECES", 5)
    monkeypatch.setattr(report, "_PAIRS", 4)
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


def test_training_writes_a_version_that_composes_and_is_measured(run):
    write_songs(run.data, 40)
    assert {melody.part for melody in read_melodies(run.data)} == {"train", "valid", "test"}
    reports = VaeTrainer().train(run, SETTINGS)
    assert len(reports) == 4
    json.dumps([dict(report.rows) for report in reports], allow_nan=True)
    assert run.sources[0].path == run.data
    model = VaeModel()
    model.load(run.artifacts, "cpu")
    assert ask(model, item(bars=4)).pieces[0].music.midi.startswith(b"MThd")
    again = VaeTrainer().evaluate(run.data, run.artifacts, run.console)
    assert again[0].rows == reports[0].rows


def test_training_goes_on_where_it_stopped(run):
    write_songs(run.data, 40)
    VaeTrainer().train(run, SETTINGS)
    written = (run.artifacts / "weights.safetensors").read_bytes()
    VaeTrainer().train(run, SETTINGS)
    assert (run.artifacts / "weights.safetensors").read_bytes() == written


def test_too_little_data_is_refused(run):
    write_songs(run.data, 3)
    with pytest.raises(InvalidRequest, match="pop909"):
        VaeTrainer().train(run, SETTINGS)


def test_a_song_is_in_one_part_only_and_bars_are_whole():
    assert [part_of(f"pop909/{number:03d}") for number in range(1, 4)] == [
        part_of(f"pop909/{number:03d}") for number in range(1, 4)
    ]
    assert regular_bars(np.array([0, 4, 8, 10, 14, 18])) == [(0, 32), (40, 72)]


def test_order_is_rewarded():
    attributes = tensor([[1.0], [2.0], [3.0]])
    right, wrong = ordered(3 * attributes, attributes), ordered(-3 * attributes, attributes)
    assert right < 0.01 < 1 < wrong


def test_a_space_moves_what_goes_with_a_slider():
    rng = np.random.default_rng(0)
    first = rng.standard_normal(2000)
    mean = np.stack([first, first + 0.1 * rng.standard_normal(2000)], axis=1)
    space = Space.fit(mean, np.full((2000, 2), -6.0), np.zeros(2000, int), 10 * first[:, None])
    low, high = (space.condition(np.zeros(2), False, {0: place}) for place in (0.1, 0.9))
    middle = np.median(first)
    assert low[0] == pytest.approx(middle + 1.5 * (np.quantile(first, 0.104) - middle), abs=0.05)
    assert high[1] == pytest.approx(high[0], abs=0.1)
    assert space.moved(0, 0.5, 100.0) == 1.0
    assert space.moved(0, 0.5, 0.0) == pytest.approx(0.5)
