"""Reading and writing music files."""

import pytest
import symusic
from segue.client import InvalidMusic, music_to_midi, read_music, save_music, score_to_midi, to_music
from segue.client._music import MAX_SCORE_BYTES
from segue.v1.music_pb2 import (
    CONTROL_KIND_CHANNEL_PRESSURE,
    CONTROL_KIND_CONTROLLER,
    CONTROL_KIND_KEY_PRESSURE,
    CONTROL_KIND_PITCH_BEND,
    CONTROL_KIND_PROGRAM,
    Audio,
    Control,
    Lyric,
    Music,
    Note,
    Score,
    TempoChange,
    Track,
)

WAV = b"RIFF\x00\x00\x00\x00WAVEfmt "


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("a.mid", b"MThd0123456789", "midi"),
        ("a.MIDI", b"MThd0123456789", "midi"),
        ("a.musicxml", b"<?xml version='1.0'?>", "musicxml"),
        ("a.mxl", b"PK\x03\x04", "musicxml"),
        ("a.wav", WAV, "audio"),
        ("a.flac", b"fLaC0", "audio"),
        ("a.ogg", b"OggS0", "audio"),
        ("a.mp3", b"ID3\x03", "audio"),
        ("b.mp3", b"\xff\xfb\x90", "audio"),
    ],
)
def test_files_are_read_by_their_extension(tmp_path, name, data, form):
    path = tmp_path / name
    path.write_bytes(data)
    music = read_music(path)
    assert music.WhichOneof("content") == form
    assert to_music(data) == to_music(str(path)) == music


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.txt", b"x", "is not of a form that Segue reads: .mid, .midi"),
        ("a.mid", b"hello", "begins with 68 65 6c 6c: not MIDI"),
        ("a.mid", b"", "begins with nothing"),
        ("a.mid", WAV, "contains audio, which its extension does not say"),
        ("a.wav", b"MThd0123456789", "contains MIDI"),
        ("a.mid", bytes(MAX_SCORE_BYTES + 1), "has 8,388,609 bytes; at most 8,388,608 are taken"),
    ],
)
def test_files_that_are_refused(tmp_path, name, data, error):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidMusic, match=error) as caught:
        read_music(tmp_path / name)
    assert caught.value.violations[0][0] == "music"


def test_a_missing_file(tmp_path):
    with pytest.raises(InvalidMusic, match="No such file"):
        read_music(tmp_path / "none.mid")


def test_things_that_are_no_music():
    with pytest.raises(InvalidMusic, match="int is no music"):
        to_music(7)
    for nothing in (Music(), Music(audio=Audio(data=WAV))):
        with pytest.raises(InvalidMusic, match="MIDI is needed"):
            music_to_midi(nothing)


def test_saving(tmp_path, midi, score):
    assert save_music(midi, tmp_path / "new" / "a") == tmp_path / "new" / "a.mid"
    assert (tmp_path / "new" / "a.mid").read_bytes() == midi
    assert save_music(score, tmp_path / "b.midi").read_bytes() == midi
    assert save_music(Music(audio=Audio(data=WAV)), tmp_path / "c").suffix == ".wav"
    assert save_music(Music(audio=Audio(data=b"\xff\xfb\x90")), tmp_path / "d").suffix == ".mp3"
    assert save_music(Music(musicxml=b"<?xml?>"), tmp_path / "e").suffix == ".musicxml"
    assert save_music(Music(musicxml=b"PK\x03\x04"), tmp_path / "f").suffix == ".mxl"
    with pytest.raises(InvalidMusic, match=r"whose extension is \.mid"):
        save_music(midi, tmp_path / "a.wav")


def test_a_score_becomes_the_same_midi(score):
    read = symusic.Score.from_midi(score_to_midi(score)).to("quarter")
    assert [track.name for track in read.tracks] == ["Soprano", "Bass"]
    assert [track.program for track in read.tracks] == [52, 32]
    for track, wanted in zip(read.tracks, score.tracks, strict=True):
        found = [(n.time, n.duration, n.pitch, n.velocity) for n in track.notes]
        assert found == [(n.start, n.duration, n.pitch, n.velocity) for n in wanted.notes]
    assert read.tempos[0].qpm == pytest.approx(96, abs=1e-3)
    assert (read.time_signatures[0].numerator, read.time_signatures[0].denominator) == (4, 4)
    assert (read.key_signatures[0].key, read.key_signatures[0].tonality) == (1, 0)


def test_many_tracks_drums_words_and_slips():
    tracks = [Track(program=i, notes=[Note(start=0, duration=1, pitch=60 + i)]) for i in range(20)]
    tracks.append(Track(drums=True, notes=[Note(start=1.0004, duration=0, pitch=36, velocity=100)]))
    score = Score(tracks=tracks, lyrics=[Lyric(beat=0, text="la-"), Lyric(beat=300, text="最后")])
    read = symusic.Score.from_midi(score_to_midi(score)).to("tick")
    assert sum(len(track.notes) for track in read.tracks) == 21
    drums = next(track for track in read.tracks if track.is_drum)
    assert (drums.notes[0].time, drums.notes[0].duration) == (480, 1)
    assert all(note.velocity == 64 for track in read.tracks if not track.is_drum for note in track.notes)


def test_controls_are_written():
    kinds = (CONTROL_KIND_CONTROLLER, CONTROL_KIND_PITCH_BEND, CONTROL_KIND_PROGRAM)
    controls = [
        Control(beat=1, kind=kind, number=n, value=v) for kind, n, v in zip(kinds, (1, 0, 0), (9, -5, 7), strict=True)
    ]
    controls += [Control(beat=2, kind=CONTROL_KIND_KEY_PRESSURE, number=60, value=3)]
    controls += [Control(beat=2, kind=CONTROL_KIND_CHANNEL_PRESSURE, value=4)]
    track = Track(program=3, notes=[Note(duration=1, pitch=60)], controls=controls)
    written = score_to_midi(Score(tracks=[track]))
    (read,) = symusic.Score.from_midi(written).to("quarter").tracks
    assert [(c.time, c.number, c.value) for c in read.controls] == [(1, 1, 9)]
    assert [(b.time, b.value) for b in read.pitch_bends] == [(1, -5)]
    for event in ((0xC0, 7), (0xA0, 60, 3), (0xD0, 4)):
        assert bytes(event) in written


def test_repeated_notes_are_struck_again():
    notes = [Note(start=i, duration=1, pitch=60, velocity=70) for i in range(4)]
    read = symusic.Score.from_midi(score_to_midi(Score(tracks=[Track(notes=notes)]))).to("quarter")
    assert [(n.time, n.duration) for n in read.tracks[0].notes] == [(0, 1), (1, 1), (2, 1), (3, 1)]


@pytest.mark.parametrize(
    "score",
    [
        Score(tracks=[Track(notes=[Note(start=-1, duration=1, pitch=60)])]),
        Score(tracks=[Track(notes=[Note(start=0, duration=1, pitch=200)])]),
        Score(tracks=[Track(program=300)]),
        Score(tracks=[Track(controls=[Control(value=3)])]),
        Score(tracks=[Track(controls=[Control(kind=CONTROL_KIND_PITCH_BEND, value=9000)])]),
        Score(tempos=[TempoChange(quarters_per_minute=0)]),
        Score(tracks=[Track(notes=[Note(start=float("nan"), duration=1, pitch=60)])]),
    ],
)
def test_scores_that_cannot_be_written(score):
    with pytest.raises(InvalidMusic, match="can't be written as MIDI"):
        score_to_midi(score)
