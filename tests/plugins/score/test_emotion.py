import asyncio
import itertools

import numpy as np
import pytest
from segue.music import Piece, Tempo, TrackInfo, piece_to_midi, piece_to_score
from segue.music.reading import Reading
from segue.plugin_api import Call
from segue.plugin_api.python_model import Item
from segue.plugins.score.emotion import describe_emotion
from segue.plugins.score.emotion_course import chain, hear_course
from segue.plugins.score.emotion_nets import (
    AttentionNet,
    RollNet,
)
from segue.plugins.score.plugin import EmotionAnalyzer
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

from .tunes import MAJOR, MINOR, tune


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
    reading = Reading(tune(MAJOR, count=60))
    whole, parts = emotion._listeners.hear([reading]), emotion._listeners.hear_parts(reading, np.array([[0, 60]]))
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


def test_a_very_long_piece_is_heard_in_few_rolls(emotion, monkeypatch):
    embed, heard = RollNet.embed, []
    monkeypatch.setattr(RollNet, "embed", lambda net, rolls: heard.append(len(rolls)) or embed(net, rolls))
    hours = Piece.of(np.arange(400) * 50, 1, [60, 64, 67, 60] * 100, 80)
    assert len(describe_emotion(hours, emotion._listeners).curve) == 16
    assert sum(heard) == 4 + 16  # of the piece, and at most one for each point
