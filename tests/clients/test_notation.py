"""Notation: what is written, by its MusicXML; that it is engraved, by the SVG."""

import io
import re
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from PIL import Image
from segue.client import InvalidMusic, MissingExtra, media, parse_key, score_to_midi
from segue.client.media._musicxml import Symbol, bars, midi_to_musicxml, spell
from segue.client.media._notation import _stacked
from segue.v1.music_pb2 import Audio, Music, Note, Score, Track


def written(notes, key=None, drums=False, numerator=0):
    """Bars of the first part, as (step, alteration, octave) or None, length, and what is said of it."""
    track = Track(drums=drums, notes=[Note(start=s, duration=d, pitch=p, velocity=80) for s, d, p in notes])
    score = Score(tracks=[track])
    if numerator:
        change = score.time_signatures.add()
        change.time_signature.numerator, change.time_signature.denominator = numerator, 8
    root = ElementTree.fromstring(midi_to_musicxml(score_to_midi(score), key and parse_key(key), "A title"))
    assert root.findtext("work/work-title") == "A title"
    return [measure.findall("note") for measure in root.find("part").findall("measure")]


def names(measure):
    return [(note.findtext("pitch/step") or "rest") + note.findtext("type") for note in measure]


def test_lengths_rests_and_bars():
    first, second = written([(0, 1, 60), (1, 0.5, 62), (1.5, 0.5, 64), (2.5, 3, 65)])
    assert names(first) == ["Cquarter", "Deighth", "Eeighth", "resteighth", "Feighth", "Fquarter"]
    assert [note.findtext("beam") for note in first] == [None, "begin", "end", None, None, None]
    assert [tie.get("type") for note in first[4:] for tie in note.findall("tie")] == ["start", "stop", "start"]
    assert [int(note.findtext("duration")) for note in second] == [18, 6, 24]
    assert (second[0].find("dot") is not None, second[1].find("rest") is not None) == (True, True)


def test_triplets_and_chords():
    third = 1 / 3
    notes = [(0, third, 60), (third, third, 62), (2 * third, third, 64), (1, 1, 60), (1, 1, 64), (1, 1, 67)]
    (measure,) = written(notes)
    assert [note.findtext("time-modification/actual-notes") for note in measure[:4]] == ["3", "3", "3", None]
    assert [end.get("type") for note in measure for end in note.findall("notations/tuplet")] == ["start", "stop"]
    assert [note.find("chord") is not None for note in measure[3:6]] == [False, True, True]


def test_notes_a_little_off_are_written_straight():
    (measure,) = written([(0.04, 0.9, 60), (0.97, 1.1, 62), (2.05, 0.9, 64), (3.02, 0.95, 65)])
    assert names(measure) == ["Cquarter", "Dquarter", "Equarter", "Fquarter"]


@pytest.mark.parametrize(
    ("pitch", "fifths", "spelt"),
    [(61, 2, ("C", 1, 4)), (61, -3, ("D", -1, 4)), (70, -1, ("B", -1, 4)), (66, 0, ("F", 1, 4)), (60, 6, ("B", 1, 3))],
)
def test_keys_spell(pitch, fifths, spelt):
    assert spell(pitch, fifths) == spelt
    step, alter, octave = spelt
    assert 12 * (octave + 1) + {"C": 0, "D": 2, "F": 5, "B": 11}[step] + alter == pitch


def test_accidentals_are_those_that_the_key_does_not_say():
    (measure,) = written([(0, 1, 66), (1, 1, 65), (2, 1, 65), (3, 1, 66)], key="G major")
    assert [note.findtext("accidental") for note in measure] == [None, "natural", None, "sharp"]


def test_wide_parts_have_two_staves_and_drums_their_own():
    root = written([(0, 4, 36), (0, 4, 76)])
    assert [note.findtext("staff") for note in root[0]] == ["1", "2"]
    (drums,) = written([(0, 1, 36), (0, 1, 42), (0, 1, 46), (1, 1, 38)], drums=True)
    assert [note.findtext("unpitched/display-step") for note in drums[:3]] == ["F", "G", "C"]
    assert [note.findtext("notehead") for note in drums[:3]] == [None, "x", None]


def test_what_is_cut_at_bar_lines_is_whole():
    chords = [Symbol(0, 7, (60,)), Symbol(10, 100, (62,)), Symbol(115, 1, (64,))]
    cut = bars(chords, [0, 48, 96, 144])
    assert [sum(symbol.length for symbol in bar) for bar in cut] == [48, 48, 48]
    assert all(symbol.goes_on for symbol in cut[1] if symbol.pitches)


@pytest.mark.parametrize("numerator", [3, 5, 6, 12])
def test_any_rhythm_fills_its_bars_and_is_engraved(numerator, tmp_path):
    rng = np.random.default_rng(numerator)
    starts = np.cumsum(rng.choice([0.25, 1 / 3, 0.5, 0.7, 1.5, 3.1], 60))
    notes = [(float(start), float(rng.choice([0.1, 0.4, 1, 6])), int(rng.integers(30, 96))) for start in starts]
    for measure in written(notes, numerator=numerator):
        by_staff = {}
        for note in measure:
            if note.find("chord") is None:
                staff = note.findtext("staff")
                by_staff[staff] = by_staff.get(staff, 0) + int(note.findtext("duration"))
        assert set(by_staff.values()) == {6 * numerator}
    track = Track(notes=[Note(start=s, duration=d, pitch=p, velocity=80) for s, d, p in notes])
    asked = {"title": "Title", "key": parse_key("Eb major")}
    svg = media.notation_svg(Score(tracks=[track]), tmp_path / "new" / "x.svg", **asked).read_text()
    assert svg.startswith("<svg")
    assert len(re.findall('class="note"', svg)) >= 60
    assert "Title" in svg
    assert media.notation_svg(Score(tracks=[track]), tmp_path / "y.svg", **asked).read_text() == svg


def test_musicxml_is_engraved_as_it_is(tmp_path, score):
    document = midi_to_musicxml(score_to_midi(score), None, "Mine")
    plain = media.notation_svg(Music(musicxml=document), tmp_path / "x.svg").read_text()
    assert "Mine" in plain
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("piece.xml", document)
    assert media.notation_svg(packed.getvalue(), tmp_path / "y.svg").read_text() == plain


def test_pages_are_put_below_one_another():
    pages = [f'<svg width="{width}px" height="{height}px">{height}</svg>' for width, height in ((30, 10), (40, 20))]
    stacked = ElementTree.fromstring(_stacked(pages))
    assert (stacked.get("width"), stacked.get("height")) == ("40px", "30px")
    assert [page.get("y") for page in stacked] == ["0", "10"]


@pytest.mark.parametrize(
    ("music", "message"),
    [
        (Music(musicxml=b"<?xml version='1.0'?><nothing/>"), "is no MusicXML that can be engraved"),
        (Music(musicxml=b"PK\x03\x04junk"), "is no MusicXML that can be engraved"),
        (Music(audio=Audio(data=b"fLaC")), "audio holds no notes"),
        (Score(), "has 0 notes"),
    ],
)
def test_what_cannot_be_engraved(music, message, tmp_path):
    with pytest.raises(InvalidMusic, match=message):
        media.notation_svg(music, tmp_path / "x.svg")
    assert not list(tmp_path.iterdir())


def test_the_extra_is_named(monkeypatch, midi, tmp_path):
    real = media.find_spec
    monkeypatch.setattr(media, "find_spec", lambda name: None if name == "verovio" else real(name))
    with pytest.raises(MissingExtra, match=r"pip install 'segue\[notation\]'"):
        media.notation_svg(midi, tmp_path / "x.svg")


def tone(path, hertz):
    time = np.arange(44_100) / 44_100
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * time), 44_100)
    return path


def test_a_spectrogram_is_brighter_where_there_is_sound(tmp_path):
    def brightest(name, **before):
        sound = tone(tmp_path / f"{name}.wav", 300 if name == "low" else 5000)
        path = media.spectrogram_png(sound, tmp_path / "x.png", **before)
        rows = np.asarray(Image.open(path).convert("L")).astype(int)[:, 200:1500].mean(axis=1)
        panel = np.flatnonzero(rows < 200)[3:-3]
        return len(rows), panel[rows[panel].argmax()]

    height, low = brightest("low")
    _, high = brightest("high")
    assert high < low < height
    assert brightest("high", before=tmp_path / "low.wav")[0] > 1.5 * height


def test_a_spectrogram_takes_audio(tmp_path, midi):
    with pytest.raises(InvalidMusic, match="a spectrogram takes audio"):
        media.spectrogram_png(midi, tmp_path / "x.png")
    with pytest.raises(InvalidMusic, match="can't be decoded"):
        media.spectrogram_png(Music(audio=Audio(data=b"fLaC nonsense")), tmp_path / "x.png")
