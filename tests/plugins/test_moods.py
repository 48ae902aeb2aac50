import pytest
from segue.plugin_api import InvalidField
from segue.plugins.moods import THEME_STYLES, emotion_of, read_mood
from segue.v1 import generate_pb2, music_pb2

FOLLOWS = {"style", "emotion", "tempo", "key", "attributes"}


def mood(**fields):
    return read_mood(generate_pb2.GenerateRequest(**fields), FOLLOWS, THEME_STYLES)


def test_nothing_asked_is_nothing_understood():
    found = mood(bars=4)
    assert (found.minor, found.valence, found.arousal, found.density(), found.register()) == (None,) * 5
    assert found.tempo(100) == 100
    assert not found.understood
    assert not found.notices


@pytest.mark.parametrize(
    ("fields", "minor", "faster", "denser"),
    [
        ({"theme": "sad"}, True, False, False),
        ({"theme": "紧张"}, True, True, True),
        ({"theme": "happy"}, False, True, True),
        ({"emotion": music_pb2.Emotion(quadrant=music_pb2.EMOTION_QUADRANT_CALM)}, False, False, False),
        ({"attributes": music_pb2.Attributes(emotion=music_pb2.Emotion(valence=-0.1, arousal=0.1))}, True, True, True),
    ],
)
def test_a_mood_asks_for_mode_tempo_and_density(fields, minor, faster, denser):
    found = mood(**fields)
    assert found.minor is minor
    assert (found.tempo(100) > 100) is faster
    assert ((found.density() or 0) > 0.5) is denser
    assert ((found.register() or 0) < 0.5) is minor


def test_what_is_stated_wins():
    stated = music_pb2.Attributes(rhythmic_intensity=0.9, register=0.1)
    found = mood(theme="a slow, sad but major rock song", tempo=140, attributes=stated)
    assert (found.minor, found.tempo(100), found.density(), found.register()) == (False, 140, 0.9, 0.1)
    assert found.request.style == "rock"
    assert "tempo gave way" in " ".join(notice.text for notice in found.notices)


def test_figures_of_an_emotion_win_over_its_quadrant():
    sad = music_pb2.EMOTION_QUADRANT_SAD
    asked = generate_pb2.GenerateRequest(emotion=music_pb2.Emotion(quadrant=sad, arousal=0.25))
    assert emotion_of(asked) == (-0.8, 0.25)
    assert emotion_of(generate_pb2.GenerateRequest()) == (None, None)


def test_a_broken_picture_is_refused_by_name():
    with pytest.raises(InvalidField) as error:
        mood(image=b"no picture")
    assert error.value.violations[0][0] == "image"
