"""Pictures and sound: looked at by their pixels and samples."""

import sys

import numpy as np
import pytest
import soundfile
from PIL import Image
from segue.client import InvalidMusic, MissingExtra, media, parse_chords, parse_key, score_to_midi
from segue.v1.music_pb2 import Note, Score, Track

WHITE = np.array([255, 255, 255])


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def share_of(image, colour, within=40):
    """Share of pixels near a colour, in thousandths."""
    return 1000 * (np.abs(image - np.array(colour)).max(axis=2) < within).mean()


def line(pitches, program=0, drums=False, velocity=100):
    notes = [Note(start=i, duration=1, pitch=pitch, velocity=velocity) for i, pitch in enumerate(pitches)]
    return Track(program=program, drums=drums, notes=notes)


def test_a_piano_roll_shows_each_track_in_its_colour(tmp_path, score):
    path = media.piano_roll_png(score, tmp_path / "new" / "roll.png", title="Two bars", key=parse_key("G"))
    image = pixels(path)
    assert image.shape[1] == 1650
    assert share_of(image, (0x33, 0x66, 0xAA), 60) > 3
    assert share_of(image, (0xD1, 0x49, 0x5B), 60) > 3
    assert share_of(image, (0xFD, 0xF0, 0xD5), 4) > 3  # the tonic's rows
    assert share_of(image, WHITE, 4) > 500


def test_higher_notes_are_higher_and_later_notes_further_right(tmp_path):
    def centre(pitches):
        image = pixels(media.piano_roll_png(Score(tracks=[line(pitches)]), tmp_path / "x.png"))
        image[: image.shape[0] // 4] = 255  # the legend
        rows, columns = np.nonzero(np.abs(image - (0x33, 0x66, 0xAA)).max(axis=2) < 30)
        return np.polyfit(columns, rows, 1)[0]

    assert centre([60, 62, 64, 65]) < 0 < centre([65, 64, 62, 60])


def test_chords_are_written_above(tmp_path, score):
    plain = pixels(media.piano_roll_png(score, tmp_path / "a.png"))
    labelled = pixels(media.piano_roll_png(score, tmp_path / "b.png", chords=parse_chords("G:maj D:7")))
    assert labelled.shape[0] > plain.shape[0]


def test_what_a_change_took_and_brought_is_outlined(tmp_path):
    old = Score(tracks=[line([60, 62, 64, 65, 67, 69])])
    new = Score(tracks=[line([60, 62, 64, 66, 67, 69])])
    image = pixels(media.piano_roll_png(new, tmp_path / "x.png", before=old))
    half = image.shape[0] // 2
    red, green = (0xD4, 0, 0), (0, 0x80, 0x1A)
    assert share_of(image[:half], red) > 0.1 > share_of(image[half:], red)
    assert share_of(image[half:], green) > 0.1 > share_of(image[:half], green)
    late = Score(tracks=[line([60, 62, 64, 65, 67, 69])])
    for note in late.tracks[0].notes:
        note.start += 0.1
    image = pixels(media.piano_roll_png(new, tmp_path / "x.png", before=late))
    assert 0.1 < share_of(image[:half], red) < 2  # one wrong note, though all were late
    everything = pixels(media.piano_roll_png(new, tmp_path / "x.png", before=Score(tracks=[line([30, 31, 32])])))
    assert share_of(everything, red) < 0.1


@pytest.mark.parametrize("bars", [1, 30, 2000])
def test_any_length_fits(tmp_path, bars):
    track = Track(notes=[Note(start=4 * bar, duration=4, pitch=60 + bar % 12, velocity=80) for bar in range(bars)])
    image = pixels(media.piano_roll_png(Score(tracks=[track]), tmp_path / "x.png", title="标题 🎵"))
    assert image.shape[0] < 4000


def test_drums_alone_and_changing_metre(tmp_path):
    score = Score(tracks=[line([36, 38, 42, 36], drums=True), line([60, 90])])
    for beat, numerator in ((0, 3), (2, 5)):
        change = score.time_signatures.add(beat=beat)
        change.time_signature.numerator, change.time_signature.denominator = numerator, 8
    assert media.piano_roll_png(score, tmp_path / "x.png").exists()
    del score.tracks[1]
    assert media.piano_roll_png(score, tmp_path / "x.png").exists()


@pytest.mark.parametrize("music", [Score(), b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\xff\xff\xff\xff"])
def test_what_cannot_be_drawn_or_played(tmp_path, music):
    with pytest.raises(InvalidMusic):
        media.piano_roll_png(music, tmp_path / "x.png")
    with pytest.raises(InvalidMusic):
        media.render_wav(music, tmp_path / "x.wav")
    assert not list(tmp_path.iterdir())


def test_sound_has_the_right_pitch_length_and_level(tmp_path):
    score = Score(tracks=[Track(program=73, notes=[Note(start=0, duration=4, pitch=69, velocity=90)])])  # a flute's A4
    seconds = media.render_wav(score, tmp_path / "x.wav")
    info = soundfile.info(tmp_path / "x.wav")
    assert (info.samplerate, info.channels, info.subtype) == (44100, 2, "PCM_16")
    assert info.frames / 44100 == pytest.approx(seconds)
    assert 2.0 <= seconds <= 5.0  # four beats at 120 and a release
    samples, _ = soundfile.read(tmp_path / "x.wav")
    assert 0.88 < np.abs(samples).max() < 0.9
    spectrum = np.abs(np.fft.rfft(samples[22050:66150].mean(axis=1)))
    assert spectrum[:600].argmax() == pytest.approx(440, abs=4)
    assert np.abs(samples[-5:]).max() < 0.01


def test_many_instruments_drums_pedal_and_a_limit(tmp_path):
    tracks = [line([60 + i % 12] * 4, program=i) for i in range(20)]
    score = Score(tracks=[*tracks, line([36, 38] * 40, drums=True)])
    assert media.render_wav(score_to_midi(score), tmp_path / "x.flac", max_seconds=3.0) <= 8.0
    assert soundfile.info(tmp_path / "x.flac").format == "FLAC"
    samples, _ = soundfile.read(tmp_path / "x.flac")
    assert np.sqrt((samples**2).mean()) > 0.01


def test_a_missing_extra_is_named(monkeypatch, midi, tmp_path):
    real = media.find_spec
    monkeypatch.setattr(media, "find_spec", lambda name: None if name == "symusic" else real(name))
    with pytest.raises(MissingExtra, match=r"symusic not installed\): pip install 'segue\[media\]'"):
        media.piano_roll_png(midi, tmp_path / "x.png")
    monkeypatch.setattr(media, "find_spec", lambda name: None if name == "tinysoundfont" else real(name))
    with pytest.raises(MissingExtra, match="pip install --no-deps tinysoundfont"):
        media.render_wav(midi, tmp_path / "x.wav")
    assert "segue.client.media" in sys.modules
