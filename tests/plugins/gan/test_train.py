import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.gan import learning, report
from segue.plugins.gan.data import read_phrases
from segue.plugins.gan.learning import Batches, GanSettings, fit
from segue.plugins.gan.model import GanModel
from segue.plugins.gan.roll import BASS, BEATS, CHORDS, DRUMS, MELODY, PAD, from_root
from segue.plugins.gan.train import GanTrainer

from ..elsewhere import steps_elsewhere
from ..synth_pack import write_synth
from .conftest import TINY, ask, item

SETTINGS = GanSettings(warm_steps=2, steps=2, batch=4, critic_steps=1, network=TINY)


def write_songs(folder, count: int, chart: list[str] | None = None) -> None:
    """Write charts of eight bars in two styles, a melody beside them; all bars have the chord symbols of ``chart``."""
    rng = np.random.default_rng(0)
    bands, tunes = {}, {}
    about = {"meters": (Meter(0.0, 4, 4),)}
    for number in range(count):
        tunes[number] = Piece.of(np.arange(32), 1.0, 60 + rng.choice([0, 2, 4, 5, 7, 9], 32), 90, **about)
        beats = np.arange(32)
        tracks = (TrackInfo("Drum", 0, True), TrackInfo("Bass", 33), TrackInfo("Chord", 0), TrackInfo("Chord-Pad", 89))
        tracks += (TrackInfo("Bass-Drone", 38),)
        band = Piece.of(
            np.concatenate([beats, beats, beats + 0.5, beats[::4], beats]),
            np.repeat([0.1, 0.8, 0.4, 3.9, 0.5], [32, 32, 32, 8, 32]),
            np.concatenate([[36] * 32, [36, 43] * 16, [64, 60] * 16, [67, 72] * 4, [41] * 32]),
            80,
            np.repeat([0, 1, 2, 3, 4], [32, 32, 32, 8, 32]),
            tracks=tracks,
            **about,
        )
        bands["rock", number] = band
        bands["hymn", number] = band.select(band.track > 0)
    write_synth(folder, bands, tunes, charts=None if chart is None else dict.fromkeys(range(count), [chart] * 8))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_EACH", 3)
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


def test_tracks_are_told_apart_and_songs_kept_in_one_part(run):
    write_songs(run.data, 24)
    songs = read_phrases(run.data)
    assert {song.part for song in songs} == {"train", "valid", "test"}
    assert all(len({song.part for song in songs if song.tune == tune}) == 1 for tune in {s.tune for s in songs})
    rock = next(song for song in songs if song.style == "rock")
    assert set(rock.notes[:, 0].tolist()) == {DRUMS, BASS, CHORDS, MELODY, PAD}
    assert len(rock.rolls) == 3
    assert len(rock.notes) == 32 * 4 + 8  # nothing of the track that stays on one pitch


def test_the_chords_are_the_charts_or_what_is_heard(tmp_path):
    write_songs(tmp_path / "heard", 8)
    write_songs(tmp_path / "known", 8, ["C", "/", "G7", "/"])
    c_major, g_seven = 0, 12 * QUALITY_NAMES.index("7") + 7
    for name, bar in (("heard", [c_major] * 4), ("known", [c_major, c_major, g_seven, g_seven])):
        for song in read_phrases(tmp_path / name):
            if song.notes[song.notes[:, 0] == BASS, 3].min() % 12 == 0:  # heard in C major
                assert song.chords.shape == (len(song.rolls), BEATS)
                assert (song.chords.reshape(-1, 4) == bar).all()


def test_training_writes_a_version_that_composes_and_is_measured(run):
    write_songs(run.data, 24)
    reports = GanTrainer().train(run, SETTINGS)
    assert set(reports[0].rows) == {"composed", "real, test part"}
    written = (run.artifacts / "weights.safetensors").read_bytes()
    model = GanModel()
    model.load(run.artifacts, "cpu")
    assert ask(model, item(bars=4, style="rock")).pieces[0].bars == 4
    again = GanTrainer().evaluate(run.data, run.artifacts, run.console)
    assert again[0].rows == reports[0].rows
    GanTrainer().train(run, SETTINGS)
    assert (run.artifacts / "weights.safetensors").read_bytes() == written


def test_too_little_data_is_refused(run):
    with pytest.raises(InvalidRequest, match="style_parallel_synth"):
        GanTrainer().train(run, SETTINGS)


def test_against_the_critic_everything_is_where_training_is(run, monkeypatch):
    write_songs(run.data, 8)
    songs, styles = read_phrases(run.data), ["hymn", "rock"]
    taken = steps_elsewhere(
        monkeypatch,
        learning,
        SETTINGS.warm_steps,
        lambda: fit(Batches(songs, styles, SETTINGS), styles, run, SETTINGS),
    )
    assert taken == SETTINGS.steps


def test_phrases_are_drawn_as_they_were_packed(run):
    write_songs(run.data, 8)
    songs = read_phrases(run.data)
    drawn = Batches(songs, ["hymn", "rock"], SETTINGS).of_style(np.random.default_rng(0), 1, 6)
    own = [song for song in songs if song.style == "rock"]
    known = {roll.tobytes() for song in own for roll in from_root(song.rolls, song.chords)}
    assert {roll.tobytes() for roll in drawn.rolls.numpy() > 0} <= known
    assert drawn.style.tolist() == [1] * 6
