"""The model half, and the gateway half with both models in this process."""

from types import SimpleNamespace

import numpy as np
import pytest
from segue.plugin_api import InvalidMusic
from segue.plugin_api.python_model import Item
from segue.plugins.audio.plugin import AudioAnalyzer
from segue.plugins.score.model import ScoreModel
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

from .conftest import RATE, request, struck, to_file

CADENCE = ((48, 60, 64, 67), (41, 60, 65, 69), (43, 59, 62, 67), (48, 60, 64, 67))
SONG = np.concatenate([struck(chord, 1.0) for chord in CADENCE * 2])


@pytest.fixture(scope="module")
def score():
    loaded = ScoreModel()
    loaded.load(ScoreAnalyzer.models[0].shipped / "1", "cpu")
    return loaded


@pytest.fixture
def analyze(listen, score):
    """Call the gateway half as the gateway does."""

    async def call(message):
        options = AudioAnalyzer.Options().model_dump()
        asked = []

        async def messages(model, question, kind):
            asked.append(model)
            yield listen(question)[0]

        async def one(model, question, kind):
            asked.append(model)
            return score.answer([Item(question, options, 0)])[0]

        answer = await AudioAnalyzer().analyze(message, SimpleNamespace(messages=messages, message=one))
        return answer, asked

    return call


async def test_a_cadence_is_heard_whole(analyze):
    answer, asked = await analyze(request(to_file(np.stack([SONG, SONG], axis=1), form="FLAC")))
    assert asked == ["audio", "score"]
    assert answer.seconds == pytest.approx(8, abs=0.01)
    assert (answer.key.key.tonic, answer.key.key.mode) == (0, music_pb2.MODE_MAJOR)
    ratio = answer.tempo.quarters_per_minute / 60
    assert min(abs(ratio / octave - 1) for octave in (0.5, 1, 2, 3)) < 0.04
    symbols = [chord.symbol.partition("/")[0] for chord in answer.chords]
    assert {"C:maj", "F:maj", "G:maj"} <= set(symbols)
    heard = {note.pitch for track in answer.transcription.tracks for note in track.notes}
    assert {60, 64, 65, 67, 69} <= heard
    assert 0.5 < answer.transcription_confidence <= 1
    assert answer.meter.confidence <= answer.transcription_confidence
    assert all(chord.confidence <= answer.transcription_confidence for chord in answer.chords)
    assert len(answer.style.tags) == 10
    assert answer.style.styles
    assert -40 < answer.loudness.integrated_lufs < 0
    assert answer.HasField("originality")
    assert not answer.issues
    assert [notice.subject for notice in answer.notices] == ["music.audio"]


async def test_a_waltz_is_heard_in_three(analyze):
    bars = [np.concatenate([struck(bar[:1], 0.5), *[struck(bar[1:], 0.5)] * 2]) for bar in CADENCE * 4]
    answer, _ = await analyze(request(to_file(np.concatenate(bars)), pb.ASPECT_METER))
    signature = answer.meter.time_signatures[0].time_signature
    assert (signature.numerator, signature.denominator) == (3, 4)


async def test_only_what_is_asked_for_is_answered(analyze):
    answer, asked = await analyze(request(to_file(SONG), pb.ASPECT_KEY))
    assert answer.HasField("key")
    assert not any(answer.HasField(name) for name in ("transcription", "loudness", "tempo", "style", "meter"))
    answer, asked = await analyze(request(to_file(SONG), pb.ASPECT_LOUDNESS))
    assert asked == ["audio"]
    assert answer.HasField("loudness")
    assert not answer.notices
    assert not answer.transcription_confidence


async def test_issues_come_on_request_and_emotion_is_said_to_be_elsewhere(analyze):
    broken = np.concatenate([SONG, np.zeros(12 * RATE), SONG])
    answer, _ = await analyze(request(to_file(broken), pb.ASPECT_ISSUES, pb.ASPECT_EMOTION))
    assert pb.ISSUE_KIND_GAP in {issue.kind for issue in answer.issues}
    assert any("does not analyse emotion" in notice.text for notice in answer.notices)


async def test_where_no_notes_are_heard_that_is_said():
    async def messages(model, question, kind):
        yield pb.AnalyzeResponse(seconds=3, tempo=pb.TempoAnalysis(quarters_per_minute=120))

    answer = await AudioAnalyzer().analyze(request(b"RIFF"), SimpleNamespace(messages=messages))
    assert answer.tempo.quarters_per_minute == 120
    assert not answer.HasField("key")
    assert [notice.text for notice in answer.notices] == ["No notes were heard, so that nothing can be read from them."]


def test_channels_that_cancel_each_other_are_named(listen):
    answer = listen(request(to_file(np.stack([SONG, -SONG], axis=1))))[0]
    assert [notice.text for notice in answer.notices if notice.subject == "music.audio.data"] == [
        "Its channels cancel each other, so that hardly anything is heard of them together; send one of them."
    ]
    assert not listen(request(to_file(np.stack([SONG, 0 * SONG], axis=1))))[0].notices


def test_recordings_are_heard_alike_alone_and_together(listen):
    songs = [request(to_file(part)) for part in (SONG, SONG[: 2 * RATE], SONG[RATE:])]
    alone = [listen(song)[0] for song in songs]
    for one, other in zip(alone, listen(*songs), strict=True):
        assert [n.pitch for n in one.transcription.tracks[0].notes] == [
            n.pitch for n in other.transcription.tracks[0].notes
        ]
        assert one.tempo.quarters_per_minute == pytest.approx(other.tempo.quarters_per_minute)
        assert [tag.name for tag in one.style.tags[:3]] == [tag.name for tag in other.style.tags[:3]]


def test_a_long_recording_takes_many_steps(model):
    session = model.start(Item(request(to_file(np.tile(SONG, 6))), {}, 0))
    assert not model.step([session])[0].done
    assert len(session.heard) == 1
    assert len(session.windows) > 0


def test_what_is_no_audio_is_refused(model):
    message = pb.AnalyzeRequest(music=music_pb2.Music(midi=b"MThd"))
    with pytest.raises(InvalidMusic, match="music: holds midi, must hold audio"):
        model.start(Item(message, {}, 0))
    with pytest.raises(InvalidMusic, match=r"music\.audio\.data"):
        model.start(Item(request(b"RIFF"), {}, 0))


async def test_the_probe_is_answered(analyze):
    algorithm = AudioAnalyzer()
    answer, _ = await analyze(algorithm.probe())
    algorithm.check_probe(answer)
    with pytest.raises(ValueError, match="heard the pitch classes"):
        algorithm.check_probe(pb.AnalyzeResponse())
    answer.key.key.tonic = 7
    with pytest.raises(ValueError, match="must be C major"):
        algorithm.check_probe(answer)
