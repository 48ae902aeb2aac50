"""Pictures and sound: looked at by their pixels and samples."""

import sys

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure
from PIL import Image
from segue.client import InvalidMusic, MissingExtra, media, parse_chords, parse_key, score_to_midi
from segue.client.media._notes import read_roll, with_analysis
from segue.client.media._panels import _features
from segue.client.media._picture import _plain
from segue.v1.analyze_pb2 import AnalyzeResponse
from segue.v1.music_pb2 import Note, Score, Span, Track

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


def analysis(sections=((0, 32), (32, 64)), tempos=(100, 140), emotion=True):
    response = AnalyzeResponse()
    for number, (start, end) in enumerate(sections):
        response.structure.sections.add(span=Span(start=start, end=end), label="AB"[number])
    response.tempo.quarters_per_minute = 120
    for number, tempo in enumerate(tempos):
        response.tempo.changes.add(beat=32 * number, quarters_per_minute=tempo)
    if emotion:
        for number in range(8):
            point = response.emotion.curve.add(span=Span(start=8 * number, end=8 * number + 8))
            point.emotion.valence, point.emotion.arousal = 0.8 - number / 5, 0.1
    return response


def low_blue(image):
    """Share of dark blue in the lower left, where what is alike is drawn."""
    return share_of(image[-480:-40, 90:520], (0x08, 0x30, 0x6B), 60)


def test_an_analysis_has_panels_for_what_it_holds(tmp_path):
    music = Score(tracks=[line([60, 62, 64, 65] * 16)])
    plain = pixels(media.analysis_picture(music, AnalyzeResponse(), tmp_path / "a.png"))
    whole = pixels(media.analysis_picture(music, analysis(), tmp_path / "b.png", title="All"))
    assert whole.shape[0] == plain.shape[0] + 484
    assert share_of(whole[-480:, 600:], (0x2A, 0x9D, 0x76), 30) > 0.5  # valence
    without = pixels(media.analysis_picture(music, analysis(emotion=False), tmp_path / "c.png"))
    assert share_of(without[-480:, 600:], (0x2A, 0x9D, 0x76), 30) == 0


def test_what_comes_back_is_a_stripe(tmp_path):
    again = Score(tracks=[line([60, 64, 67, 70, 62, 65, 69, 72] * 8)])
    never = Score(tracks=[line([60 + (number * number) % 31 for number in range(64)])])
    repeated = pixels(media.analysis_picture(again, analysis(), tmp_path / "a.png"))
    fresh = pixels(media.analysis_picture(never, analysis(), tmp_path / "b.png"))
    assert low_blue(repeated) > 2 * low_blue(fresh) > 0


def test_a_tempo_goes_up_and_emotion_down(tmp_path):
    music = Score(tracks=[line([60] * 64)])
    image = pixels(media.analysis_picture(music, analysis(), tmp_path / "a.png"))[-484:, 600:]

    def slope(colour):
        rows, columns = np.nonzero(np.abs(image - np.array(colour)).max(axis=2) < 30)
        keep = rows > 70 if colour[0] == 0x2A else rows > 0  # the legend
        return np.polyfit(columns[keep], rows[keep], 1)[0]

    assert slope((0x33, 0x66, 0xAA)) < 0 < slope((0x2A, 0x9D, 0x76))


def test_an_analysis_found_bars_and_tempo_of_its_own(tmp_path, monkeypatch):
    response = analysis()
    change = response.meter.time_signatures.add()
    change.time_signature.numerator, change.time_signature.denominator = 3, 4
    response.meter.pickup = 1
    roll = with_analysis(read_roll(score_to_midi(Score(tracks=[line([60] * 9)]))), response)
    assert (roll.signature, roll.tempo) == ("3/4", 120)
    assert roll.bar_starts == [0, 1, 4, 7, 10]


@pytest.mark.parametrize(("beats", "told"), [(4, "1 bar"), (8, "2 bars")])
def test_one_bar_is_one(tmp_path, monkeypatch, beats, told):
    written, write = [], Figure.text

    def listen(figure, x, y, text, **how):
        written.append(text)
        return write(figure, x, y, text, **how)

    monkeypatch.setattr(Figure, "text", listen)
    media.piano_roll_png(Score(tracks=[line([60] * beats)]), tmp_path / "roll.png")
    assert f"4/4 · 120 bpm · {told}" in written


def test_a_piece_that_ends_with_a_bar_has_no_bar_more():
    at = 61 + 5 / 48
    ringing = Track(notes=[Note(start=at, duration=64 - at, pitch=40, velocity=80)])
    assert len(read_roll(score_to_midi(Score(tracks=[line([60] * 64), ringing]))).bar_starts) == 17


def test_an_analysis_is_svg_too_but_nothing_else(tmp_path):
    music = Score(tracks=[line([60, 62])])
    path = media.analysis_picture(music, analysis(), tmp_path / "x.SVG")
    assert path.read_text().startswith("<?xml")
    with pytest.raises(InvalidMusic, match=r"path: .*x\.pdf is no picture that can be written: \.png, \.svg"):
        media.analysis_picture(music, analysis(), tmp_path / "x.pdf")
    with pytest.raises(InvalidMusic):
        media.analysis_picture(Score(), analysis(), tmp_path / "y.png")


@pytest.mark.parametrize("bars", [1, 30, 2000])
def test_any_length_fits(tmp_path, bars):
    track = Track(notes=[Note(start=4 * bar, duration=4, pitch=60 + bar % 12, velocity=80) for bar in range(bars)])
    image = pixels(media.piano_roll_png(Score(tracks=[track]), tmp_path / "x.png", title="标题 🎵"))
    assert image.shape[0] < 4000
    image = pixels(media.analysis_picture(Score(tracks=[track]), analysis(), tmp_path / "y.png"))
    assert image.shape[0] < 4500


def test_drums_alone_and_changing_metre(tmp_path):
    score = Score(tracks=[line([36, 38, 42, 36], drums=True), line([60, 90])])
    for beat, numerator in ((0, 3), (2, 5)):
        change = score.time_signatures.add(beat=beat)
        change.time_signature.numerator, change.time_signature.denominator = numerator, 8
    assert media.piano_roll_png(score, tmp_path / "x.png").exists()
    assert media.analysis_picture(score, analysis(), tmp_path / "x.png").exists()
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


def test_a_title_that_looks_like_mathematics_and_many_parts_are_written_as_they_are(tmp_path):
    tracks = [line([48 + number]) for number in range(12)]
    for number, track in enumerate(tracks):
        track.name = f"$x_{number}^$"
    title = r"A$AP \frac{$ " + "and on " * 20
    path = media.analysis_picture(Score(tracks=tracks), AnalyzeResponse(), tmp_path / "roll.svg", title=title)
    text = path.read_text()
    assert r"<!-- A$AP \frac{$ and on" in text
    assert "… -->" in text
    assert "<!-- … and 5 more -->" in text


def test_drums_alone_are_alike_by_what_is_struck():
    drums = score_to_midi(Score(tracks=[line([36, 36, 42, 42] * 8, drums=True)]))
    _, rows = _features(read_roll(drums))
    assert rows[0] @ rows[2] == pytest.approx(1)
    assert rows[0] @ rows[1] == pytest.approx(0)


@pytest.mark.parametrize(
    ("harte", "written"),
    [
        ("C#:7/3", "C#7/E#"),
        ("A:min7/b3", "Am7/C"),
        ("Bb:maj/5", "Bb/F"),
        ("F:maj", "F"),
        ("Eb:7/b7", "Eb7/Db"),
        ("N", ""),
    ],
)
def test_chords_are_written_as_lead_sheets_write_them(harte, written):
    assert _plain(harte) == written
