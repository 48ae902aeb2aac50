import asyncio
import csv
import itertools

import numpy as np
import pytest
import torch
from rich.console import Console
from segue.music import Piece, Tempo, TrackInfo, piece_to_midi, piece_to_score
from segue.music.reading import Reading
from segue.music.theory import QUALITY_NAMES
from segue.plugin_api import Call
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Run
from segue.plugins.score.emotion import EmotionModel, Listeners, describe_emotion
from segue.plugins.score.emotion_course import chain, hear_course
from segue.plugins.score.emotion_lessons import HEARD, cut, read_lesson
from segue.plugins.score.emotion_nets import AttentionNet, RecurrentNet, RollNet, note_tokens, piano_roll, signature
from segue.plugins.score.emotion_pretraining import PretrainingSettings, Tasks, hide, pretrain
from segue.plugins.score.emotion_train import EmotionSettings, EmotionTrainer, decide
from segue.plugins.score.kernel import fit_kernel
from segue.plugins.score.linear import fit_linear
from segue.plugins.score.networks import shipped_networks
from segue.plugins.score.plugin import EmotionAnalyzer
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2


def tune(steps, seconds=0.5, velocity=64, count=120, chord=(0,)):
    """Notes of a scale up and down at 120 quarter notes per minute, a chord on each."""
    line = [steps[i % len(steps)] + 60 for i in range(count)]
    pitch = [note + tone for note in line for tone in chord]
    start = np.repeat(np.arange(count) * seconds * 2, len(chord))
    return Piece.of(start, seconds * 2, pitch, velocity)


MAJOR, MINOR = [0, 2, 4, 5, 7, 9, 11, 12], [0, 2, 3, 5, 7, 8, 10, 12]


@pytest.fixture(scope="module")
def emotion():
    loaded = EmotionModel()
    loaded.load(EmotionAnalyzer.models[0].shipped / "1", "cpu")
    return loaded


@pytest.fixture(scope="module")
def networks():
    return shipped_networks()


class InProcess:
    """The two models as a call sees them, without Triton."""

    def __init__(self, **models):
        self.models = models

    async def infer(self, model, inputs):
        request = pb.AnalyzeRequest.FromString(inputs["request"])
        answer = self.models[model].answer([Item(request, EmotionAnalyzer.Options().model_dump(), 0)])[0]
        if isinstance(answer, Exception):
            raise answer
        return {"response": [answer.SerializeToString()]}


@pytest.fixture
def ask(emotion, model):
    def call(piece, *aspects):
        request = pb.AnalyzeRequest(music=music_pb2.Music(midi=piece_to_midi(piece)), aspects=aspects)
        about = Call(EmotionAnalyzer.Options(), 0, InProcess(emotion=emotion, score=model), None)
        return asyncio.run(EmotionAnalyzer().analyze(request, about))

    return call


def test_fast_and_loud_is_more_excited_than_slow_and_soft(ask):
    fast = ask(tune(MAJOR, 0.15, 110, 300, (0, 4, 7)), pb.ASPECT_EMOTION).emotion.overall
    slow = ask(tune(MINOR, 1.2, 40, 40), pb.ASPECT_EMOTION).emotion.overall
    assert fast.arousal > slow.arousal + 0.5
    assert fast.quadrant in (1, 2)
    assert slow.quadrant in (3, 4)


def test_probabilities_quadrant_valence_and_arousal_agree(ask):
    found = ask(tune(MAJOR), pb.ASPECT_EMOTION).emotion
    for each in (found.overall, *(point.emotion for point in found.curve)):
        shares = list(each.probabilities)
        assert sum(shares) == pytest.approx(1)
        assert each.quadrant == 1 + int(np.argmax(shares))
        assert each.valence == pytest.approx(shares[0] + shares[3] - shares[1] - shares[2], abs=1e-6)
        assert each.arousal == pytest.approx(shares[0] + shares[1] - shares[2] - shares[3], abs=1e-6)


def test_the_curve_goes_through_the_piece(ask):
    calm, wild = tune(MINOR, 1.2, 40, 40), tune(MAJOR, 0.15, 110, 300, (0, 4, 7))
    both = Piece.of(
        np.r_[calm.start, wild.start + calm.beats],
        np.r_[calm.duration, wild.duration],
        np.r_[calm.pitch, wild.pitch],
        np.r_[calm.velocity, wild.velocity],
    )
    curve = ask(both, pb.ASPECT_EMOTION).emotion.curve
    assert curve[0].span.start == 0
    assert all(a.span.end == pytest.approx(b.span.start) for a, b in itertools.pairwise(curve))
    assert curve[-1].emotion.arousal > curve[0].emotion.arousal


def test_emotion_comes_with_all_that_score_tells(ask):
    whole = ask(tune(MAJOR))
    assert whole.HasField("emotion")
    assert whole.HasField("key")
    assert whole.chords
    assert not any("does not analyse" in notice.text for notice in whole.notices)


def test_only_what_is_asked_for_is_told(ask):
    alone = ask(tune(MAJOR), pb.ASPECT_EMOTION)
    assert alone.HasField("emotion")
    assert not alone.HasField("key")
    other = ask(tune(MAJOR), pb.ASPECT_KEY)
    assert other.HasField("key")
    assert not other.HasField("emotion")
    mixed = ask(tune(MAJOR), pb.ASPECT_EMOTION, pb.ASPECT_KEY)
    assert mixed.HasField("key")
    assert mixed.HasField("emotion")


def test_drums_have_no_emotion_and_it_is_said(ask):
    drums = Piece.of(np.arange(32) / 2, 0.1, 36, tracks=(TrackInfo(drums=True),))
    found = ask(drums, pb.ASPECT_EMOTION)
    assert not found.HasField("emotion")
    assert [notice.subject for notice in found.notices] == ["emotion"]


def test_one_note_and_one_long_note_are_enough(emotion):
    for piece in (Piece.of([0], 1, [60]), Piece.of([0, 0], [2000, 1], [60, 64], tempos=(Tempo(0, 20.0),))):
        assert len(describe_emotion(piece, emotion._listeners).overall.probabilities) == 4


def test_a_bad_item_fails_alone(emotion):
    good = pb.AnalyzeRequest(music=music_pb2.Music(score=piece_to_score(tune(MAJOR))))
    bad = pb.AnalyzeRequest(music=music_pb2.Music(midi=b"nothing"))
    answers = emotion.answer([Item(request, {}, 0) for request in (good, bad)])
    assert answers[0].HasField("emotion")
    assert isinstance(answers[1], Exception)


def test_the_probe_is_answered_by_both_models(emotion, model):
    algorithm = EmotionAnalyzer()
    about = Call(EmotionAnalyzer.Options(), 0, InProcess(emotion=emotion, score=model), None)
    answer = asyncio.run(algorithm.analyze(algorithm.probe(), about))
    algorithm.check_probe(answer)
    answer.ClearField("emotion")
    with pytest.raises(ValueError, match="probabilities"):
        algorithm.check_probe(answer)
    with pytest.raises(ValueError, match="A minor"):
        algorithm.check_probe(pb.AnalyzeResponse())


@pytest.mark.parametrize("up", range(12))
def test_networks_hear_a_piece_alike_in_every_key(up):
    here, there = tune(MAJOR), tune([step + up for step in MAJOR])
    assert signature(there) == up
    assert np.array_equal(note_tokens(here)[:, 7:], note_tokens(there)[:, 7:])
    assert piano_roll(there).sum() == pytest.approx(piano_roll(here).sum())


def test_relative_keys_have_one_signature():
    assert signature(tune(MINOR)) == signature(tune([step + 3 for step in MAJOR]))


def test_kernel_regression_learns_a_bent_line():
    inputs = np.random.default_rng(0).uniform(-2, 2, (120, 2))
    targets = np.stack([np.sin(inputs[:, 0]), inputs[:, 1] ** 2], axis=1)
    predict = fit_kernel(inputs[:100], targets[:100], np.arange(100) // 5)
    assert np.abs(predict(inputs[100:]) - targets[100:]).mean() < 0.25


def test_networks_hear_pieces_alike_together_and_alone(emotion):
    pieces = [tune(MAJOR, count=count) for count in (20, 120, 120, 400)]
    for name in ("recurrent", "attention"):
        together = emotion._listeners.embed(name, pieces)
        alone = [emotion._listeners.embed(name, [piece])[0] for piece in pieces]
        assert np.allclose(together, alone, atol=1e-4)
    assert not np.allclose(together[0], together[3], atol=1e-2)


def test_clips_in_a_row_keep_their_time_and_each_point_its_label(emotion):
    clips = [tune(MINOR, 1.2, 40, 40), tune(MAJOR, 0.15, 110, 320, (0, 4, 7))]
    piece, ends = chain(clips)
    assert ends.tolist() == pytest.approx([96, 192])
    assert piece.beats == pytest.approx(192)
    truth, over_time, whole = hear_course(clips, [2, 0], emotion._listeners, draws=1)
    assert sorted(truth.tolist()) == [0] * 6 + [2] * 6
    assert ((over_time < 2) == (truth < 2)).mean() > 0.9  # the point beside the seam may go either way
    assert len(set(whole.tolist())) == 1


def test_parts_are_heard_as_the_piece_where_they_are_all_of_it(emotion):
    reading = Reading(tune(MAJOR))
    whole, parts = emotion._listeners.hear([reading]), emotion._listeners.hear_parts(reading, np.array([[0, 120]]))
    for name, logs in whole.items():
        assert np.allclose(parts[name], logs, atol=1e-4)


def test_parts_of_a_long_piece_are_heard_apart_and_each_stretch_of_notes_once(emotion, monkeypatch):
    reading, followed = Reading(tune(MAJOR, 0.1, count=4000)), []
    follow = AttentionNet.follow
    monkeypatch.setattr(AttentionNet, "follow", lambda net, notes: followed.append(notes.shape) or follow(net, notes))
    near = np.array([[begin, begin + 300] for begin in range(0, 400, 50)]) * 0.2
    emotion._listeners.hear_parts(reading, near)
    far = np.array([[begin, begin + 300] for begin in range(0, 3700, 460)]) * 0.2
    emotion._listeners.hear_parts(reading, far)
    assert followed == [(4, 160, 19), (9, 160, 19)]  # the notes 70 to 580, and 160 of each part


def test_a_folded_network_hears_the_same():
    torch.manual_seed(0)
    net = RollNet()
    rolls = torch.rand(8, 2, 84, 64)
    for _ in range(3):
        net(rolls)  # so that what normalises has something to tell
    net.eval()
    before = net.embed(rolls)
    net.fold()
    assert torch.allclose(net.embed(rolls), before, atol=1e-5)
    assert len(net.layers) == 6


def test_of_notes_that_overlap_the_last_is_seen():
    piece = Piece.of([0, 1, 1], [8, 2, 1], [60, 60, 64], [32, 96, 64])
    held, struck = piano_roll(piece)
    row = held.any(axis=1).nonzero()[0][0]
    assert held[row, :5].tolist() == [0.5, 0.5, 0.5, 0.5, 1.5]
    assert held[row, 13] == 0.5
    assert struck[row].nonzero()[0].tolist() == [0, 4]


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
    root, quality, key, level, _ = lesson.heard.T
    assert root.reshape(-1, 3)[:4].tolist() == [[0] * 3, [5] * 3, [7] * 3, [0] * 3]
    assert set(quality) == {list(QUALITY_NAMES).index("maj")}
    assert set(key) == {0}
    assert set(level) == {0}
    assert (lesson.heard < HEARD).all()
    assert (lesson.heard >= 0).all()


def test_stretches_are_as_long_as_asked_and_keep_what_is_heard_beside_their_notes(networks):
    lesson = read_lesson(tune(MAJOR, count=30), networks)
    for length in (10, 100):
        found = cut(lesson, length, np.random.default_rng(length))
        assert found.notes.shape == (length, lesson.notes.shape[1])
        assert (found.notes[:, 7:].sum(axis=1) == 1).all()
        assert found.heard.shape == (length, len(HEARD))
    whole = cut(lesson, 30, np.random.default_rng(0))
    assert np.array_equal(whole.notes[:, 7:], lesson.notes[:, 7:])
    assert not np.array_equal(whole.notes, lesson.notes)
    assert np.array_equal(whole.heard, lesson.heard)


@pytest.mark.parametrize(("kind", "steps"), [(AttentionNet, 40), (RecurrentNet, 100)])
def test_pretraining_learns_all_three_tasks(tmp_path, networks, kind, steps):
    songs = [[read_lesson(tune(MAJOR[:2], 0.1 * speed, 40 + 20 * speed, 140), networks)] for speed in range(1, 5)]
    torch.manual_seed(0)
    net = kind(width=32)
    run = Run(tmp_path, tmp_path, tmp_path, 0, Console(quiet=True))
    pretrain(net, "net", [songs], run, PretrainingSettings(steps=steps))
    saved = torch.load(tmp_path / "net-pretraining-checkpoint.pt", weights_only=True)
    tasks = Tasks(net)
    torch.manual_seed(0)
    before = Tasks(kind(width=32))
    tasks.load_state_dict(saved["parts"][0])
    rng = np.random.default_rng(99)
    rows = [cut(songs[row // 2][0], 64, rng) for row in range(8)]
    notes, heard = (torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))
    hidden = torch.from_numpy(rng.random(notes.shape[:2]) < 0.2)
    with torch.inference_mode():
        after, untaught = (each.eval()(notes, heard, hidden) for each in (tasks, before))
    assert after.guess < 0.95 * untaught.guess
    assert after.find < 0.8 * untaught.find
    assert after.hear < 0.75 * untaught.hear


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
    settings = EmotionSettings(steps=2, pretraining=PretrainingSettings(steps=2))
    reports = EmotionTrainer().train(run, settings)
    assert run.sources[0].non_commercial
    assert set(reports[0].rows) == {"largest class", "features", "roll", "recurrent", "attention", "emotion"}
    again = Listeners.load(run.artifacts)
    piece = tune(MAJOR)
    assert again.vote(again.hear([Reading(piece)] * 2)).shape == (2, 4)
    assert sum(again.shares.values()) == pytest.approx(1)
