import json

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.score.data import part_of
from segue.plugins.style_vae import train
from segue.plugins.style_vae.data import read_songs
from segue.plugins.style_vae.model import StyleVaeModel
from segue.plugins.style_vae.train import StyleVaeSettings, StyleVaeTrainer

from ..synth_pack import write_synth
from .conftest import ROOTS, TINY, TUNE, ask, attributes, band, item

SETTINGS = StyleVaeSettings(steps=3, batch=8, network=TINY)
STYLES = ("folk", "rock")


def write_charts(folder, numbers) -> None:
    """Charts of eight bars in two styles: held chords, and chords on every beat."""
    about = {"meters": (Meter(0.0, 4, 4),)}
    bands, tunes = {}, {}
    for number in numbers:
        pitch = np.tile(TUNE, 2) + number % 12
        tunes[number] = Piece.of(np.arange(32), 0.9, pitch, 90, tracks=(TrackInfo("Tune"),), **about)
        for style, each in zip(STYLES, (4, 1), strict=True):
            start = np.repeat(np.arange(0, 32, each), 3)
            pitch = np.array(ROOTS)[start // 4 % 4] + np.tile((0, 4, 7), len(start) // 3) + number % 12
            bands[style, number] = Piece.of(start, each, pitch, 70, tracks=(TrackInfo("Chords", 24),), **about)
    write_synth(folder, bands, tunes)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_SCALED", 64)
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


def test_training_writes_a_version_that_rewrites_and_is_measured(run, networks):
    write_charts(run.data, range(12))
    assert {song.part for song in read_songs(run.data)} >= {"train", "test"}
    assert all(song.part == part_of(f"c{song.name.removeprefix('chart/')}") for song in read_songs(run.data))
    reports = StyleVaeTrainer().train(run, SETTINGS)
    assert len(reports) == 5
    json.dumps([dict(report.rows) for report in reports])
    assert reports[0].rows["style-vae"]["rho loudness"] > 0.7
    assert reports[1].rows["style-vae"]["melody"] == 1
    assert [source.path.name for source in run.sources] == ["style_parallel_synth"]
    model = StyleVaeModel()
    model.load(run.artifacts, "cpu")
    answer = ask(model, item(band(), networks, **attributes(polyphony=0.9)))
    assert answer.music.midi.startswith(b"MThd")
    again = StyleVaeTrainer().evaluate(run.data, run.artifacts, run.console)
    assert again[0].rows == reports[0].rows


def test_training_goes_on_where_it_stopped(run):
    write_charts(run.data, range(12))
    StyleVaeTrainer().train(run, SETTINGS)
    written = (run.artifacts / "weights.safetensors").read_bytes()
    StyleVaeTrainer().train(run, SETTINGS)
    assert (run.artifacts / "weights.safetensors").read_bytes() == written


def test_a_folder_without_packs_is_refused(run):
    with pytest.raises(InvalidRequest, match="style_parallel_synth"):
        StyleVaeTrainer().train(run, SETTINGS)
