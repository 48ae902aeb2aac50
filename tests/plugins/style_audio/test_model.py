"""The model half, with the shipped weights."""

import numpy as np
import pytest
import soundfile
from segue.plugin_api import InvalidField, InvalidMusic, Unsupported
from segue.plugin_api.errors import InternalError
from segue.plugins.style_audio.transfer import Transfer
from segue.v1 import music_pb2
from segue.v1.analyze_pb2 import AnalyzeResponse

from .conftest import RATE, item, read, struck, to_music

SOUND = np.stack([struck((48, 60, 64, 67), 2.0), struck((48, 60, 64, 67), 2.0) * 0.6], axis=1)
MUSIC = to_music(SOUND, form="FLAC")


def figures(response):
    return {figure.name: (figure.before, figure.after) for figure in response.figures}


def beats(seconds=4):
    heard = AnalyzeResponse()
    heard.meter.beat_seconds.extend(np.arange(0, seconds, 0.5).tolist())
    heard.meter.downbeat_seconds.extend(np.arange(0, seconds, 2.0).tolist())
    return heard.SerializeToString()


def test_a_recording_takes_on_a_style_and_keeps_its_notes(ask):
    answer = ask(MUSIC, options={"iterations": 15}, context=beats())
    samples, rate = read(answer)
    assert samples.shape == SOUND.shape
    assert rate == RATE
    far = figures(answer)
    before, after = far["distance of the texture"]
    assert after < 0.5 * before
    assert far["chroma similarity"][1] > 0.8
    assert not answer.notices
    was, now = (np.sqrt((sound**2).mean()) for sound in (SOUND, samples))
    assert 0.5 < now / was < 2


def test_the_rhythm_falls_on_the_beats(ask):
    options = {"rhythm": True}
    with_drums, without = (
        read(ask(MUSIC, options={"rhythm": rhythm}, context=beats(), style="house"))[0] for rhythm in (True, False)
    )
    assert np.abs(with_drums - without).max() > 0.01
    unheard = ask(MUSIC, options=options, style="house")
    assert "No beat was heard" in unheard.notices[0].text
    assert np.abs(read(unheard)[0] - without).max() == 0


def test_seed_and_company_change_nothing(run):
    alone = run(item(MUSIC))[0]
    first, second = run(item(MUSIC), item(MUSIC, seed=2))
    assert first == alone
    assert second[-1] != alone[-1]


def test_progress_never_falls(run):
    long = to_music(struck((60,), 12, every=0.7))
    *progress, last = run(item(long, options={"iterations": 20}))[0]
    fractions = [message.progress.fraction for message in progress]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.3
    assert 0.7 < fractions[-1] <= 1
    assert progress[-1].progress.stage.endswith("of 12")
    assert len(read(last.complete)[0]) == 12 * RATE


@pytest.mark.parametrize("time", [{"options": {"seconds": 0.0}}, {"options": {"seconds": 30.0}, "waited": 30.0}])
def test_what_there_is_no_time_for_is_left_and_said(run, time):
    short = item(MUSIC, waited=time.get("waited", 0.0), options={"iterations": 40, "rhythm": False, **time["options"]})
    first, last = run(short)[0]
    assert 0 < first.progress.fraction < 1
    assert last.complete.notices[0].subject == "options.iterations"
    assert last.complete.notices[0].text.startswith("There was time for 10 of the 60 iterations")
    before, after = figures(last.complete)["distance of the texture"]
    assert after < before


def test_strength_is_how_much_of_the_new_sound_there_is(ask):
    distances = [
        figures(ask(MUSIC, strength=share, style="rock"))["distance of the texture"] for share in (0.2, 0.6, 1)
    ]
    assert distances[0][0] > distances[0][1] > distances[1][1] > distances[2][1]


def test_at_strength_0_the_file_is_as_it_was(ask):
    answer = ask(MUSIC, strength=0.0, style="rock")
    assert answer.music == MUSIC
    assert not answer.figures
    assert not answer.notices


def test_an_example_is_followed(ask):
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE) * (np.arange(3 * RATE) % 11_025 < 2_000)
    answer = ask(MUSIC, options={"iterations": 15}, example=to_music(noise.astype(np.float32)))
    before, after = figures(answer)["distance of the texture"]
    assert after < 0.5 * before


@pytest.mark.parametrize(("rate", "form"), [(8_000, "WAV"), (22_050, "MP3"), (48_000, "OGG"), (96_000, "FLAC")])
def test_every_file_comes_back_at_one_rate(ask, rate, form):
    answer = ask(to_music(struck((60,), 1.5, rate), rate, form), options={"format": "wav"})
    assert answer.music.audio.data.startswith(b"RIFF")
    samples, found = read(answer)
    assert found == RATE
    assert len(samples) == pytest.approx(1.5 * RATE, abs=0.1 * RATE)


def test_what_is_loud_is_not_clipped(ask):
    square = np.sign(struck((60,), 1.0)).astype(np.float32) * 0.999
    samples, _ = read(ask(to_music(square), style="hymn"))
    assert np.abs(samples).max() <= 1
    assert (np.abs(samples) > 0.999).mean() < 0.01


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"music": music_pb2.Music(midi=b"MThd")}, InvalidMusic, "music: holds midi, must hold audio"),
        ({"music": to_music(np.zeros(RATE, np.float32))}, InvalidMusic, r"music\.audio\.data: is silent"),
        (
            {"music": to_music(SOUND[:, :1] * [1, -1])},
            InvalidMusic,
            r"music\.audio\.data: is silent where its channels",
        ),
        ({"music": to_music(SOUND[: RATE // 2])}, InvalidMusic, r"music\.audio\.data: lasts 0\.50 seconds"),
        (
            {"music": to_music(struck((60,), 121, 8000), 8000)},
            InvalidMusic,
            "lasts 121.0 seconds, must last 1 to 120",
        ),
        ({"example": music_pb2.Music(midi=b"MThd")}, InvalidMusic, "example: holds midi"),
        ({"example": to_music(np.zeros(RATE, np.float32))}, InvalidMusic, r"example\.audio\.data: is silent"),
        ({"style": "polka"}, InvalidField, "style: is 'polka', must be one of"),
        ({"style": "chorale"}, InvalidField, "style: is 'chorale', of which no recordings were learnt"),
        ({"attributes": music_pb2.Attributes()}, Unsupported, "attributes was given"),
    ],
)
def test_what_is_wrong_is_named(model, request_, error, message):
    fields = {"music": MUSIC, **({"style": "rock"} if set(request_) == {"music"} else {}), **request_}
    with pytest.raises(error, match=message):
        model.start(item(**fields))


@pytest.mark.parametrize("name", ["jazz", "Hip-Hop", "bossa nova"])
def test_groups_and_spellings_are_known(model, name):
    assert model.start(item(MUSIC, style=name)).transfer


def test_one_that_fails_fails_alone(model, monkeypatch):
    good, bad = model.start(item(MUSIC)), model.start(item(MUSIC))
    real = Transfer.go_on
    monkeypatch.setattr(Transfer, "go_on", lambda self, n: real(self, n) if self is good.transfer else 1 / 0)
    fine, broken = model.step([good, bad])
    assert fine.responses
    assert isinstance(broken, InternalError)


def test_the_answer_is_a_file(ask):
    answer = ask(MUSIC)
    assert answer.music.audio.data.startswith(b"fLaC")
    assert soundfile.available_formats()["FLAC"]


def test_only_the_header_is_read_where_that_is_asked(ask, model, monkeypatch):
    monkeypatch.setattr("segue.plugins.style_audio.model.read_recording", None)
    answer = ask(MUSIC, options={"check": True}, style="rock")
    assert not answer.music.audio.data
    assert not answer.figures
    long = to_music(struck((60,), 121, 8000), 8000)
    for wrong, message in (
        (long, r"music\.audio\.data: lasts 121.0 seconds, must last 1 to 120"),
        (music_pb2.Music(midi=b"MThd"), "music: holds midi"),
        (music_pb2.Music(audio=music_pb2.Audio(data=b"RIFF")), r"music\.audio\.data: can't be decoded"),
    ):
        with pytest.raises(InvalidMusic, match=message):
            model.start(item(wrong, style="rock", options={"check": True}))
