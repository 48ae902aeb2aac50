"""What notes tell about the level of the tempo."""

import numpy as np
import pytest
from rich.console import Console
from segue.music import Piece, Tempo
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.audio.corpus import Played
from segue.plugins.audio.levels import level_features
from segue.plugins.audio.tempo_learning import make_choice
from segue.plugins.audio.train import AudioSettings, AudioTrainer

PERIODS = np.array([0.2, 0.4, 0.8, 1.6])
RATES = slice(3, 7)


def waltz(bars=24, beat=0.4):
    """A bass note and two chords in each bar; the harmony changes with it."""
    bar = np.arange(bars) * 3 * beat
    start = np.sort(np.r_[bar, np.repeat(bar + beat, 2), np.repeat(bar + 2 * beat, 2)])
    root = np.array([0, 5, 7, 2])[np.arange(bars) % 4, None]
    return start, (root + np.array([36, 64, 67, 64, 67])).ravel()


def test_counts_are_those_of_a_period():
    start, pitch = waltz()
    found = 2 ** level_features(start, pitch, PERIODS)[:, RATES] - 0.05
    moments, notes, bass, changes = found[1]
    assert moments == pytest.approx(1, rel=0.05)
    assert notes == pytest.approx(5 / 3, rel=0.05)
    assert bass == pytest.approx(1 / 3, rel=0.1)
    assert changes == pytest.approx(1 / 3, rel=0.1)
    assert np.allclose(found[2], 2 * found[1])


def test_a_bar_is_more_like_the_next_than_a_beat_like_the_next():
    start, pitch = waltz()
    beat, bar = level_features(start, pitch, np.array([0.4, 1.2]))
    same = 17 + 2 * 15 + 7  # the bass, one period later
    assert bar[same] > 0.9
    assert beat[same] < 0.1


@pytest.mark.parametrize(
    ("start", "pitch"),
    [
        (np.zeros(30), np.full(30, 60)),
        (np.arange(30) * 20.0, np.arange(30) + 40),
        (np.arange(5000) / 50, np.full(5000, 60)),
    ],
    ids=["at once", "rare", "dense"],
)
def test_odd_music_has_finite_features(start, pitch):
    found = level_features(start, pitch, PERIODS)
    assert found.shape == (4, 17 + 5 * 15)
    assert np.isfinite(found).all()


def test_a_choice_names_the_quarter_note():
    piece = Piece.of(np.arange(200.0), 1.0, 60 + np.arange(200) % 12, tempos=(Tempo(0.0, 100.0),))
    choice = make_choice(Played("x/1", piece, 0), np.random.default_rng(0))
    usual = np.log2(60 / 100 / 0.7)
    assert choice.features[choice.right, 0] == pytest.approx(usual, abs=0.01)


@pytest.mark.parametrize("tempo", [20.0, 300.0])
def test_tempos_out_of_range_are_not_learnt_from(tempo):
    piece = Piece.of(np.arange(200.0), 1.0, 60, tempos=(Tempo(0.0, tempo),))
    assert make_choice(Played("x/1", piece, 0), np.random.default_rng(0)) is None


def test_a_folder_that_is_no_version_is_named(tmp_path):
    (tmp_path / "musicnn_onnx").mkdir()
    for name in ("MSD_musicnn.onnx", "MSD_musicnn.labels.json", "nmp.onnx"):
        (tmp_path / name).write_text("a network")
        (tmp_path / "musicnn_onnx" / name).write_text("a network")
    (tmp_path / "artifacts").mkdir()
    run = Run(tmp_path, tmp_path / "artifacts", tmp_path, 0, Console(quiet=True))
    with pytest.raises(InvalidRequest, match=r"nowhere holds no learnt\.safetensors"):
        AudioTrainer().train(run, AudioSettings(transcriber=str(tmp_path / "nmp.onnx"), keep="nowhere"))
