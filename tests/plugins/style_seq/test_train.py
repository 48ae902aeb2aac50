import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from segue.music import Meter, Piece, TrackInfo
from segue.plugin_api import InvalidRequest
from segue.plugin_api.training import Run
from segue.plugins.score.data import part_of
from segue.plugins.style_seq import report
from segue.plugins.style_seq.batches import Stretches, cut, part_names, relabelled, transposed
from segue.plugins.style_seq.data import read_songs
from segue.plugins.style_seq.elements import FIRST_PLACE, LOWEST, PITCH, PITCHES, root_pitch
from segue.plugins.style_seq.hearing import Listener
from segue.plugins.style_seq.model import StyleSeqModel
from segue.plugins.style_seq.retrieval import Retrieval
from segue.plugins.style_seq.train import StyleSeqSettings, StyleSeqTrainer

from ..synth_pack import write_synth
from .conftest import TINY, ask, band, item

SETTINGS = StyleSeqSettings(steps=3, ear_steps=3, batch=512, network=TINY)
CHART = [["C", "/", "Am7", "/"], ["F", "/", "G7/B", "/"]] * 4


def write_pack(folder, count=12):
    """Charts of eight bars in three styles, a melody beside them, and one chorale of each part."""
    rng = np.random.default_rng(0)
    bands, tunes = {}, {}
    about = {"meters": (Meter(0.0, 4, 4),)}
    roots = np.array([0, 9, 5, 7] * 4)
    for number in range(count):
        tune = Piece.of(
            np.cumsum(rng.choice([0.5, 1.0], 40)), 0.5, 72 + rng.choice([0, 2, 4, 5, 7, 9], 40), 90, **about
        )
        tunes[number] = tune.select(tune.start < 32)
        beats = np.arange(32.0)
        columns = {
            "rock": (
                np.r_[beats, beats, beats + 0.5],
                np.r_[beats * 0 + 36, np.repeat(36 + roots, 2), np.repeat(64 + roots, 2)],
                [0, 1, 2],
            ),
            "hymn": (np.r_[beats[::2], beats[::2]], np.r_[48 + roots, 52 + roots], [1, 2]),
            "folk": (np.r_[beats, beats + 0.25], np.r_[np.repeat(36 + roots, 2), np.repeat(67 + roots, 2)], [1, 2]),
        }
        for style, (start, pitch, tracks) in columns.items():
            infos = tuple((TrackInfo("Drum", 0, True), TrackInfo("Bass", 33), TrackInfo("Chord", 0))[n] for n in tracks)
            track = np.repeat(np.arange(len(tracks)), len(start) // len(tracks))
            bands[style, number] = Piece.of(start, 0.5, pitch.astype(int), 80, track, tracks=infos, **about)
    write_synth(folder, bands, tunes, charts=dict.fromkeys(range(count), CHART))
    (folder / "jsb_chorales").mkdir()
    steps = [[72, 67, 64, 48]] * 16 + [[71, 67, 62, 43]] * 16
    (folder / "jsb_chorales" / "Jsb16thSeparated.json").write_text(
        json.dumps({part: [steps] for part in ("train", "valid", "test")})
    )


@pytest.fixture
def run(tmp_path):
    for name in ("data", "artifacts", "work"):
        (tmp_path / name).mkdir()
    return Run(tmp_path / "data", tmp_path / "artifacts", tmp_path / "work", 0, Console(quiet=True))


def test_charts_and_chorales_are_read(run):
    write_pack(run.data)
    songs = list(read_songs(run.data))
    assert {song.style for song in songs} == {"rock", "hymn", "folk", "chorale"}
    rock = next(song for song in songs if song.style == "rock")
    assert [voice.name for voice in rock.voices] == ["Drum", "Bass", "Chord"]
    assert rock.part == part_of("c0")
    assert rock.content.root[0].tolist() == [0] * 4 + [9] * 4
    assert set((rock.voices[1].rows[:, 2] - 1 + LOWEST).tolist()) <= {-24, -12}
    chorale = next(song for song in songs if song.style == "chorale")
    assert len(chorale.voices[0].rows) == 5  # the alto holds its note


def test_transposing_moves_what_sounds_and_relabelling_the_roots_alone(run):
    write_pack(run.data)
    song = next(song for song in read_songs(run.data) if song.style == "rock")
    stretch = cut(song, song.voices[2], song.content, 0, 4, 0, np.zeros(1, np.float32))

    def pitch(s):
        notes = s.elements[s.elements[:, 0] >= FIRST_PLACE]
        bar = (np.cumsum(s.elements[:, 0] < FIRST_PLACE) - 1)[s.elements[:, 0] >= FIRST_PLACE]
        place = notes[:, 0] - FIRST_PLACE
        return notes[:, 1] - 1 + LOWEST + root_pitch(s.table[bar, 2 * (place // 6) + (place % 6 >= 3), 0])

    for semitones in (-5, 3, 6):
        assert set((pitch(transposed(stretch, semitones)) - pitch(stretch)).tolist()) == {semitones}
        other = relabelled(stretch, semitones)
        assert np.array_equal(other.elements, stretch.elements)
        assert ((other.table[..., 0] - stretch.table[..., 0]) % 12 == semitones % 12).all()


def test_what_is_heard_in_a_chart_tells_other_roots_of_the_same_music(run, networks):
    write_pack(run.data, 3)
    song = next(song for song in read_songs(run.data, Listener(networks)) if song.part == "train" and song.heard)
    assert song.heard.stretched(song.bars).root.shape == song.content.root.shape
    wrong = replace(song.content, root=(song.content.root + 3) % 12)
    true, told = (cut(song, song.voices[1], content, 0, 4, 0, np.zeros(1)) for content in (song.content, wrong))
    notes = true.elements[:, 0] >= FIRST_PLACE
    assert np.array_equal(true.elements[:, [0, 2, 3, 4]], told.elements[:, [0, 2, 3, 4]])
    above = (told.elements - true.elements)[notes, PITCH]
    assert set(((above + 3) % 12).tolist()) == {0}  # the same notes, counted from roots three semitones higher


def test_batches_are_bounded_and_the_same_for_the_same_seed(run):
    write_pack(run.data)
    songs = list(read_songs(run.data))
    stretches = Stretches(songs, part_names(songs))
    batches, again = (stretches.round((0, 3), 512) for _ in range(2))
    assert all(batch.fields.shape[0] * batch.fields.shape[1] <= 512 for batch in batches)
    assert all(bool((a.fields == b.fields).all()) for a, b in zip(batches, again, strict=True))
    heard = np.concatenate([(batch.name.numpy() == -1) for batch in batches])
    assert 0.2 < heard.mean() < 0.6


def test_retrieval_takes_the_bar_with_the_same_chords(run):
    write_pack(run.data)
    songs = [song for song in read_songs(run.data) if song.style == "rock"]
    first, other = songs[0], songs[1]
    drums, bass = Retrieval([first]).play(other.content, ["Drum", "Bass"])
    assert np.array_equal(bass, other.voices[1].rows)
    assert (drums[:, 2] > PITCHES).all()
    (whole,) = Retrieval([first]).play(other.content, ["Bass"], whole=True)
    assert np.array_equal(whole, bass)  # the chords are the same


def test_training_writes_a_version_that_plays_and_is_measured(run, monkeypatch, networks):
    write_pack(run.data)
    monkeypatch.setattr(report, "_real", lambda bench, console: report.Report("none", {}))
    reports = StyleSeqTrainer().train(run, SETTINGS)
    assert set(reports[0].rows) >= {
        "style-seq",
        "copy of the input (identity)",
        "retrieval",
        "random target",
        "the true target",
    }
    identity, truth = reports[0].rows["copy of the input (identity)"], reports[0].rows["the true target"]
    assert identity["strength"] == 0
    assert identity["chroma"] == pytest.approx(1)
    assert truth["onset F1"] == truth["pitch F1"] == truth["drum F1"] == 1
    assert reports[0].rows["retrieval"]["pitch F1"] > identity["pitch F1"]
    names = ("weights.safetensors", "ear.safetensors")
    written = [(run.artifacts / name).read_bytes() for name in names]
    model = StyleSeqModel()
    model.load(run.artifacts, "cpu")
    assert len(ask(model, item(networks, band(4), style="rock"))[0].music.midi) > 100
    StyleSeqTrainer().train(run, SETTINGS)
    assert [(run.artifacts / name).read_bytes() for name in names] == written


def test_a_folder_without_the_charts_is_refused(run):
    with pytest.raises(InvalidRequest, match="style_parallel_synth"):
        StyleSeqTrainer().train(run, SETTINGS)
