import numpy as np
import pytest
from segue.plugin_api import InvalidMusic
from segue.plugins.audio.loudness import LoudnessMeter
from segue.plugins.audio.sound import read_sound

from .conftest import RATE, struck, to_file

CHORD = struck((48, 60, 64, 67), 1.5)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_form_is_read(form, channels):
    sound = read_sound(to_file(np.tile(CHORD[:, None], channels), form=form))
    assert sound.rate == RATE
    assert sound.seconds == pytest.approx(1.5, abs=0.1)
    assert np.abs(sound.samples).max() == pytest.approx(np.abs(CHORD).max(), rel=0.1)
    assert not sound.missing


def test_an_mp3_with_tags_is_read():
    picture = bytes(70_000)
    size = len(picture) + 10
    tag = b"ID3\x04\x00\x00" + bytes((size >> shift) & 127 for shift in (21, 14, 7, 0))
    frame = b"APIC" + bytes((len(picture) >> shift) & 127 for shift in (21, 14, 7, 0)) + b"\x00\x00" + picture
    assert read_sound(tag + frame + to_file(CHORD, form="MP3")).seconds == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize("more", [1, RATE // 20, RATE // 2])
def test_the_last_second_may_be_as_short_as_a_sample(more):
    sound = read_sound(to_file(struck((60,), 2 + more / RATE)))
    assert len(sound.samples) == 2 * RATE + more


@pytest.mark.parametrize(("rate", "wanted"), [(44_100, 22_050), (48_000, 16_000), (8_000, 22_050)])
def test_another_rate_keeps_the_pitch(rate, wanted):
    sound = read_sound(to_file(0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate) / rate), rate))
    spectrum = np.abs(np.fft.rfft(sound.at(wanted)))
    assert spectrum.argmax() / 2 == pytest.approx(1000, abs=1)


def broken():
    whole = to_file(CHORD)
    long = np.full(8_000 * 601, 0.1)
    yield "empty", b"", "is empty"
    yield "no audio", b"MThd" + bytes(100), "can't be decoded"
    yield "header alone", whole[:44], "lasts 0.00 seconds"
    yield "half a header", whole[:20], "can't be decoded"
    yield "short", to_file(CHORD[:5000]), r"lasts 0.23 seconds, must last 1 to 600"
    yield "long", to_file(long, 8_000), "lasts 601.0 seconds, must last 1 to 600"
    yield "long, packed", to_file(long, 8_000, "FLAC"), "lasts 601.0 seconds"
    yield "silent", to_file(np.zeros(RATE * 2)), "is silent: its peak is 0 of full scale"
    yield "nine channels", to_file(np.tile(CHORD[:, None], 9)), "has 9 channels, must have 1 to 8"
    yield "fast", to_file(CHORD, 384_000), "has 384000 samples a second, must have 8000 to 192000"
    yield "slow", to_file(CHORD, 4_000), "has 4000 samples a second"
    yield "another form", to_file(CHORD, form="AIFF"), "is a file of format AIFF, must be WAV, FLAC, OGG or MP3"
    for name, value, text in (
        ("nan", np.nan, "no finite number"),
        ("inf", np.inf, "no finite"),
        ("huge", 1e30, "1e.30"),
    ):
        wild = CHORD.copy()
        wild[-100] = value
        yield name, to_file(wild, subtype="DOUBLE"), f"holds .*{text}.* in second 2, must stay within 100"


@pytest.mark.parametrize(("data", "text"), [pytest.param(*case[1:], id=case[0]) for case in broken()])
def test_what_can_not_be_heard_is_refused_by_name(data, text):
    with pytest.raises(InvalidMusic, match=text) as caught:
        read_sound(data)
    assert [field for field, _ in caught.value.violations] == ["music.audio.data"]


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_file_that_breaks_off_is_read_as_far_as_it_goes_or_refused(form):
    data = to_file(struck((60, 64), 8.0), form=form)
    try:
        sound = read_sound(data[: len(data) // 2])
    except InvalidMusic as error:
        assert error.violations[0][0] == "music.audio.data"
        assert form in ("FLAC", "OGG")
    else:
        assert 1 < sound.seconds < 7
        assert sound.missing == pytest.approx(8 - sound.seconds, abs=0.2) or form == "WAV"


@pytest.mark.parametrize("seed", range(30))
def test_noise_in_a_file_never_does_worse_than_refusal(seed):
    random = np.random.default_rng(seed)
    data = bytearray(to_file(CHORD, form=("WAV", "FLAC", "OGG", "MP3")[seed % 4]))
    for place in random.integers(0, len(data) if seed % 3 else 200, 20):
        data[place] = random.integers(256)
    try:
        assert np.isfinite(read_sound(bytes(data)).samples).all()
    except InvalidMusic as error:
        assert error.violations[0][0] == "music.audio.data"


# EBU Tech 3341, cases 1-3: a stereo sine of 1 kHz at a peak level in dB, for some seconds, and the loudness that a
# meter has to show, to a tenth.
@pytest.mark.parametrize(
    ("levels", "expected"),
    [([(-23, 20)], -23.0), ([(-33, 20)], -33.0), ([(-36, 10), (-23, 60), (-36, 10)], -23.0)],
)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_loudness_is_what_broadcasters_measure(levels, expected, rate):
    meter = LoudnessMeter(rate, 2)
    for level, seconds in levels:
        tone = 10 ** (level / 20) * np.sin(2 * np.pi * 1000 * np.arange(rate * seconds) / rate)
        for block in np.array_split(np.tile(tone[:, None], 2).astype(np.float32), 7):
            meter.hear(block)
    assert meter.result().integrated == pytest.approx(expected, abs=0.1)
    assert meter.result().peak == pytest.approx(max(level for level, _ in levels), abs=0.1)


def test_hardly_anything_has_the_gate_s_loudness():
    meter = LoudnessMeter(8_000, 1)
    meter.hear(np.full((16_000, 1), 1e-6, np.float32))
    assert meter.result().integrated == -70


def test_surround_sound_and_high_rates_are_read():
    silent = np.zeros((len(CHORD), 6))
    surround, low = silent.copy(), silent.copy()
    surround[:, 4] = low[:, 3] = CHORD
    front = read_sound(to_file(np.stack([CHORD, silent[:, 0]], axis=1)))
    louder = read_sound(to_file(surround)).loudness.integrated - front.loudness.integrated
    assert louder == pytest.approx(1.5, abs=0.05)  # BS.1770: 1.41 times
    assert read_sound(to_file(low)).loudness.integrated == -70
    assert read_sound(to_file(np.tile(CHORD, 8), 192_000)).rate == 192_000


def test_what_is_kept_of_a_high_rate_is_bounded():
    with pytest.raises(InvalidMusic, match="must last 1 to 300 at 192000"):
        read_sound(to_file(np.full(301 * 192_000, 0.1, np.float32), 192_000, form="FLAC"))
