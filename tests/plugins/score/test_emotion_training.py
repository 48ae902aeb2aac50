import csv

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.music import Piece, piece_to_midi
from segue.music.features import FEATURES
from segue.music.reading import Reading
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api.training import Run
from segue.plugins.score.emotion import Listeners
from segue.plugins.score.emotion_lessons import HEARD, HEARD_IN_ROLL, UNKNOWN, cut_notes, cut_roll, read_lesson
from segue.plugins.score.emotion_nets import (
    AttentionNet,
    RecurrentNet,
    RollNet,
    note_tokens,
)
from segue.plugins.score.emotion_note_tasks import NoteTasks, hide
from segue.plugins.score.emotion_pretraining import PretrainingSettings, pretrain
from segue.plugins.score.emotion_roll_tasks import RollTasks
from segue.plugins.score.emotion_train import EmotionSettings, EmotionTrainer, decide
from segue.plugins.score.kernel import fit_kernel
from segue.plugins.score.linear import fit_linear
from segue.plugins.score.plugin import EmotionAnalyzer

from .tunes import MAJOR, MINOR, tune


def test_kernel_regression_learns_a_bent_line():
    inputs = np.random.default_rng(0).uniform(-2, 2, (120, 2))
    targets = np.stack([np.sin(inputs[:, 0]), inputs[:, 1] ** 2], axis=1)
    predict = fit_kernel(inputs[:100], targets[:100], np.arange(100) // 5)
    assert np.abs(predict(inputs[100:]) - targets[100:]).mean() < 0.25


def test_hidden_notes_cannot_be_seen_nor_reckoned_from_the_next_interval():
    notes = torch.from_numpy(note_tokens(tune(MAJOR, count=30)))[None]
    hidden = torch.zeros(1, 30, dtype=torch.bool)
    hidden[0, 10:13] = True
    other = notes.clone()
    other[0, 10:13] = 5
    other[0, 13, 1] = 5
    assert torch.equal(hide(notes, hidden), hide(other, hidden))
    other[0, 14, 1] = 5
    assert not torch.equal(hide(notes, hidden), hide(other, hidden))


@pytest.mark.parametrize("up", [0, 5])
def test_a_lesson_tells_chords_and_keys_as_degrees_of_the_signature(networks, up):
    chords = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)] * 8
    pitch = np.array([[48 + up + tone for tone in chord] for chord in chords]).ravel()
    piece = Piece.of(np.repeat(np.arange(32) * 4, 3), 4, pitch, 80)
    lesson = read_lesson(piece, networks)
    root, quality, key, level, _ = lesson.notes.heard.T
    assert root.reshape(-1, 3)[:4].tolist() == [[0] * 3, [5] * 3, [7] * 3, [0] * 3]
    assert set(quality) == {list(QUALITY_NAMES).index("maj")}
    assert set(key) == {0}
    assert set(level) == {0}
    assert (lesson.notes.heard < HEARD).all()
    assert (lesson.notes.heard >= 0).all()
    root, quality, key, level, melody = lesson.roll.heard.T
    assert root[:64].tolist() == [0] * 16 + [5] * 16 + [7] * 16 + [0] * 16
    assert set(quality) == {list(QUALITY_NAMES).index("maj")}
    assert set(key) == {0}
    assert level[:17].tolist() == [0] + [UNKNOWN] * 15 + [0]
    assert set(melody[:16]) <= {0, 4, 7, 12}
    assert lesson.roll.tonic == up
    assert lesson.roll.starts.tolist() == [0, 64, 128, 192, 256]
    assert lesson.roll.features.shape == (5, len(FEATURES))
    assert (lesson.roll.heard < HEARD_IN_ROLL).all()


def test_stretches_are_as_long_as_asked_and_keep_what_is_heard_beside_their_notes(networks):
    lesson = read_lesson(tune(MAJOR, count=30), networks).notes
    for length in (10, 100):
        found = cut_notes(lesson, length, np.random.default_rng(length))
        assert found.notes.shape == (length, lesson.notes.shape[1])
        assert (found.notes[:, 7:].sum(axis=1) == 1).all()
        assert found.heard.shape == (length, len(HEARD))
    whole = cut_notes(lesson, 30, np.random.default_rng(0))
    assert np.array_equal(whole.notes[:, 7:], lesson.notes[:, 7:])
    assert not np.array_equal(whole.notes, lesson.notes)
    assert np.array_equal(whole.heard, lesson.heard)


def test_what_is_heard_in_a_roll_stays_beside_what_sounds(networks):
    chords = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)] * 8
    pitch = np.array([[60 + tone for tone in chord] for chord in chords]).ravel()
    lesson = read_lesson(Piece.of(np.repeat(np.arange(32) * 4, 3), 4, pitch, 80), networks).roll
    for seed in range(20):
        inputs, heard, told = cut_roll(lesson, np.random.default_rng(seed))
        assert inputs.shape == (256, 192)
        sounding = inputs[2::4, 168:180] > 0
        assert sounding[np.arange(64), heard[:, 0]].all()
        assert told in lesson.features
    assert heard.shape == (64, len(HEARD_IN_ROLL))
    short = read_lesson(tune(MAJOR, count=5), networks).roll
    assert (cut_roll(short, np.random.default_rng(0))[0][:, :84] > 0).any(axis=1).all()


@pytest.mark.parametrize(("kind", "steps"), [(RollNet, 120), (AttentionNet, 50), (RecurrentNet, 100)])
def test_pretraining_learns_all_tasks(tmp_path, networks, kind, steps):
    songs = [[read_lesson(tune(MAJOR[:2], 0.1 * speed, 40 + 20 * speed, 140), networks)] for speed in range(1, 5)]
    told = np.concatenate([song[0].roll.features for song in songs])
    classifier = fit_linear(told, [str(n % 2) for n in range(len(told))], 1.0)

    def tasks():
        torch.manual_seed(0)
        return RollTasks(kind(width=32), classifier) if kind is RollNet else NoteTasks(kind(width=32))

    run = Run(tmp_path, tmp_path, tmp_path, 0, Console(quiet=True))
    learnt, untaught = tasks(), tasks()
    pretrain(learnt, "net", [songs], run, PretrainingSettings(steps=steps))
    assert (tmp_path / "net-pretraining-checkpoint.pt").is_file()
    drawn = learnt.draw([songs[row // 2][0] for row in range(8)], np.random.default_rng(99))
    with torch.inference_mode():
        after, before = (each.eval()(drawn) for each in (learnt, untaught))
    assert set(after) == set(learnt.weights)
    for task, most in {"guess": 0.95, "reckon": 0.9, "find": 0.8, "hear": 0.75}.items():
        if task in after:
            assert after[task] < most * before[task], task


def test_a_layer_decides_as_its_classifier_does():
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(3, 2, (80, 6)), ["0", "1", "2", "3"] * 20
    inputs[:, 0] += np.tile(np.arange(4), 20)
    classifier = fit_linear(inputs, labels, 1.0)
    layer = torch.nn.Linear(6, 4)
    decide(layer, classifier)
    shares = torch.softmax(layer(torch.from_numpy(inputs).float()), dim=1).detach().numpy()
    assert np.allclose(shares, classifier.probabilities(inputs), atol=1e-4)


def test_training_writes_a_version_that_loads(tmp_path):
    folder = tmp_path / "emopia"
    (folder / "split").mkdir(parents=True)
    (folder / "midis").mkdir()
    for part in ("train", "val", "test"):
        names = [f"Q{q + 1}_{part}{number}_0.mid" for q in range(4) for number in range(2)]
        for number, name in enumerate(names):
            piece = tune(MAJOR if name[1] in "14" else MINOR, 0.2 if name[1] in "12" else 0.8, 60 + number, 40)
            (folder / "midis" / name).write_bytes(piece_to_midi(piece))
        with (folder / "split" / f"{part}_clip.csv").open("w", newline="") as rows:
            writer = csv.writer(rows)
            writer.writerows([["", "clip_name"], *enumerate(names)])
    run = Run(tmp_path, tmp_path / "out", tmp_path / "work", 0, Console(quiet=True))
    run.artifacts.mkdir()
    run.work.mkdir()
    settings = EmotionSettings(anew=("roll", "attention"), pretraining=PretrainingSettings(steps=2))
    reports = EmotionTrainer().train(run, settings)
    assert run.sources[0].non_commercial
    assert set(reports[0].rows) == {"largest class", "features", "roll", "recurrent", "attention", "emotion"}
    shipped = EmotionAnalyzer.models[0].shipped / "1"
    kept = [
        name
        for name in ("roll", "recurrent", "attention")
        if (run.artifacts / f"{name}.safetensors").read_bytes() == (shipped / f"{name}.safetensors").read_bytes()
    ]
    assert kept == ["recurrent"]
    again = Listeners.load(run.artifacts)
    piece = tune(MAJOR)
    assert again.vote(again.hear([Reading(piece)] * 2)).shape == (2, 4)
    assert sum(again.shares.values()) == pytest.approx(1)
