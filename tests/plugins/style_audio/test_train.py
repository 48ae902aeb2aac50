"""Training on a few small charts: what it writes, that it resumes, and that its report can't be fooled."""

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.score.data import part_of
from segue.plugins.style_audio import data, report, train
from segue.plugins.style_audio.artifacts import load
from segue.plugins.style_audio.judge import Judge
from segue.plugins.style_audio.model import StyleAudioModel
from segue.plugins.style_audio.network import NetworkSettings
from segue.plugins.style_audio.train import StyleAudioSettings, StyleAudioTrainer

from ..synth_pack import write_synth

SMALL = NetworkSettings(kernels=(3, 5), first=6, deeper=(8,), reach=3)
SETTINGS = StyleAudioSettings(steps=4, batch=4, network=SMALL)


def write_charts(folder):
    """Charts of two bars in three styles, two of each part; only rock has drums."""
    numbers = [n for part in ("train", "test") for n in [n for n in range(60) if part_of(f"c{n}") == part][:2]]
    bands, tunes = {}, {}
    about = {"meters": (Meter(0.0, 4, 4),)}
    for number in numbers:
        beats = np.arange(8)
        tunes[number] = Piece.of(beats, 1.0, 60 + beats, 90, **about)
        for program, style in ((30, "rock"), (19, "hymn"), (25, "folk")):
            tracks = (TrackInfo("Chord", program), TrackInfo("Drum", 0, True))
            pitch = np.r_[np.full(8, 48), np.full(8, 38)]
            band = Piece.of(np.r_[beats, beats], 0.9, pitch, 90, np.repeat([0, 1], 8), tracks=tracks, **about)
            bands[style, number] = band if style == "rock" else band.select(band.track == 0)
    write_synth(folder, bands, tunes, bars=2)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "SECONDS", 2.0)
    monkeypatch.setattr(data, "_SAMPLES", 2 * data.RATE)
    monkeypatch.setattr(report, "_PAIRS", 2)
    monkeypatch.setattr(report, "_GRADED", 1)
    monkeypatch.setattr(report, "_JUDGE_CHARTS", 1)
    monkeypatch.setattr(train, "_CROP", 32)
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


def test_training_writes_a_version_that_is_measured_and_goes_on_after_an_interruption(run):
    write_charts(run.data)
    reports = StyleAudioTrainer().train(run, SETTINGS)
    assert set(reports[0].rows) == {"identity", "random target", "equaliser", "style-audio", "own recording"}
    assert reports[0].rows["identity"]["strength"] == 0
    assert reports[0].rows["identity"]["chroma"] == pytest.approx(1)
    assert set(reports[1].rows) > {"strength 0.25", "strength 1", "without rhythm", "spearman"}
    made = load(run.artifacts)
    assert list(made.styles) == ["folk", "hymn", "rock"]
    assert made.styles["hymn"].rhythm.abs().max() == 0
    assert made.styles["rock"].rhythm.max() > 2
    written = (run.artifacts / "weights.safetensors").read_bytes()
    StyleAudioModel().load(run.artifacts, "cpu")

    checkpoint = torch.load(run.work / "checkpoint.pt", weights_only=True)
    assert checkpoint["step"] == 4
    for path in (run.work / "heard").iterdir():
        path.unlink()
    again = StyleAudioTrainer().train(run, SETTINGS)
    assert (run.artifacts / "weights.safetensors").read_bytes() == written
    assert again[0].rows == reports[0].rows
    assert StyleAudioTrainer().evaluate(run.data, run.artifacts, run.console)[1].rows == reports[1].rows


def test_data_that_lacks_is_named(run):
    with pytest.raises(InvalidRequest, match="style_parallel_synth"):
        StyleAudioTrainer().train(run, SETTINGS)


def test_a_judge_learns_and_knows_how_far_it_is():
    rng = np.random.default_rng(0)
    embeddings = [rng.normal(number % 2, 0.1, 200).astype(np.float32) for number in range(20)]
    judge = Judge(embeddings, [("hymn", "rock")[number % 2] for number in range(20)])
    found = judge.probabilities(np.ones(200, np.float32))
    assert found["rock"] > 0.9
    assert sum(found.values()) == pytest.approx(1)
    assert judge.far(np.ones(200, np.float32), "rock") < judge.far(np.ones(200, np.float32), "hymn")


def test_every_style_is_a_source_as_often_as_any_other(run):
    write_charts(run.data)
    chosen = report.pairs(data.arrangements(run.data)["test"], 6)
    assert sorted(pair.source.style for pair in chosen) == sorted(["folk", "hymn", "rock"] * 2)
    assert all(len({pair.source.style, pair.target.style, pair.other}) == 3 for pair in chosen)
    assert all(pair.source.chart.number == pair.target.chart.number for pair in chosen)
    assert len({(pair.source.style, pair.target.style) for pair in chosen}) > 3
