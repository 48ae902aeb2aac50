"""Files that nobody meant well, or that only a sequencer could write: analysed or refused with a reason, in bounds."""

import struct
import time

import numpy as np
import pytest
from segue.music import Piece, TrackInfo, piece_to_midi
from segue.music.piece import MAX_NOTES
from segue.music.playability import unplayable
from segue.plugin_api import InvalidMusic
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

HEAD = '<?xml version="1.0"?>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
NOTE = b"\0\x90\x3c\x40\x83\x60\x3c\0"


def midi(*bodies, division=480):
    chunks = [b"MTrk" + struct.pack(">I", len(body) + 4) + body + b"\0\xff\x2f\0" for body in bodies]
    return music_pb2.Music(midi=b"MThd" + struct.pack(">IHHH", 6, 1, len(bodies), division) + b"".join(chunks))


@pytest.mark.parametrize(
    ("music", "notes", "notice"),
    [
        (midi(b"\0\xff\x51\3\0\0\0" + NOTE), 1, "Tempos outside"),
        (midi(NOTE, division=0xE728), 1, "SMPTE"),
        (midi(*[NOTE] * 256), 256, ""),
        (midi(b"\0\xf0\3\1\2\xf7" + NOTE + b"\0\xf7\2\1\2" + b"\0\x3e\x40\x83\x60\x3e\0"), 2, ""),
        (midi(NOTE + b"\0\xf1\0\0\xf8" + NOTE), 2, ""),
        (midi(NOTE[:4]), 1, "without an end"),
        (midi(NOTE + b"\0\xf0\x7f"), 1, "breaks off"),
        (midi(b"\x83\xff\xff\x7f" + NOTE[1:], division=0x7FFF), 1, ""),
        (midi(b"\0\xff\x58\4\0\2\x18\x08" + NOTE), 1, "Time signatures"),
        (midi(b"\0\xff\x58\4\1\7\x18\x08" + NOTE), 1, "Time signatures"),
        (midi(b"".join(b"\1\xff\x51\3" + struct.pack(">I", 400_000 + n)[1:] for n in range(20_000)), NOTE), 1, ""),
        (midi(b"".join(b"\1\xff\x58\4" + bytes([1 + n % 12, 2, 24, 8]) for n in range(20_000)), NOTE), 1, ""),
        (midi(b"".join(b"\0\x90" + bytes([p]) + b"\x40\x83\x60" + bytes([p]) + b"\0" for p in (0, 127))), 2, ""),
    ],
    ids=[
        "zero tempo",
        "SMPTE",
        "256 tracks",
        "sysex",
        "real time",
        "stuck",
        "cut off",
        "late",
        "0/4",
        "1/128",
        "20,000 tempos",
        "20,000 metres",
        "lowest and highest",
    ],
)
def test_odd_files_are_analysed_and_what_was_guessed_is_said(analyze, music, notes, notice):
    found = analyze(music)
    assert found.notes == notes
    assert found.HasField("pitch")
    assert np.isfinite(found.seconds)
    assert notice in " ".join(each.text for each in found.notices)


def test_three_hours_of_silence(analyze):
    found = analyze(music_pb2.Music(midi=piece_to_midi(Piece.of([0, 1, 21_600], 1, [60, 64, 67]))), pb.ASPECT_KEY)
    assert found.seconds == pytest.approx(10_800, abs=1)
    assert found.key.key.tonic == 0


def test_as_many_notes_as_are_accepted(analyze):
    rng = np.random.default_rng(0)
    pitch = rng.choice([48, 60, 64, 67, 72], MAX_NOTES)
    crowd = Piece.of(rng.integers(0, 4000, MAX_NOTES) / 8, 0.5, pitch, 64, np.arange(MAX_NOTES) % 64)
    music = music_pb2.Music(midi=piece_to_midi(Piece.of(*_columns(crowd), tracks=(TrackInfo(),) * 64)))
    found = analyze(music, pb.ASPECT_KEY, pb.ASPECT_ISSUES, max_issues=5)
    assert found.key.key.tonic == 0
    assert len(found.issues) <= 5 * len(pb.IssueKind.values())
    assert any("more are not listed" in each.text for each in found.notices)


@pytest.mark.parametrize("keys", [9, 60])
def test_thousands_of_notes_at_once_are_no_chord_to_search(keys):
    began = time.process_time()
    (far,) = unplayable(Piece.of(np.zeros(12_000), 1, 21 + np.arange(12_000) % keys * (87 // keys)))
    assert far.advice == "Leave out an inner note, or break the chord."
    assert time.process_time() - began < 2


def _columns(piece):
    return piece.start, piece.duration, piece.pitch, piece.velocity, piece.track


def test_a_million_notes_are_refused(analyze):
    answer = analyze(midi(NOTE * 1_000_000))
    assert isinstance(answer, InvalidMusic)
    assert "must have fewer" in str(answer)


@pytest.mark.parametrize("start", [-1.0, float("nan"), float("inf"), 1e300])
def test_times_that_music_does_not_have_are_refused_by_place(analyze, start):
    notes = [music_pb2.Note(start=0, duration=1, pitch=60), music_pb2.Note(start=start, duration=1, pitch=60)]
    answer = analyze(music_pb2.Music(score=music_pb2.Score(tracks=[music_pb2.Track(notes=notes)])))
    assert isinstance(answer, InvalidMusic)
    assert answer.violations[0][0] == "music.score.tracks[0].notes[1].start"


@pytest.mark.parametrize(
    "document",
    [
        f'{HEAD}<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><score-partwise>&l9;</score-partwise>',
        f'{HEAD}<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>',
        f'{HEAD}<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1/x.dtd">%a;]><score-partwise/>',
        f'{HEAD}<!DOCTYPE x [<!ENTITY a "{"a" * 10_000}">]><score-partwise>{"&a;" * 10_000}</score-partwise>',
        f"{HEAD}<score-partwise>{'<part>' * 1000}",
    ],
    ids=["billion laughs", "external", "parameter", "quadratic", "deep"],
)
def test_xml_bombs_are_refused(analyze, document):
    answer = analyze(music_pb2.Music(musicxml=document.encode()))
    assert isinstance(answer, InvalidMusic)
    assert answer.violations[0][0] == "music.musicxml"


@pytest.mark.parametrize(
    ("music", "reason"),
    [
        (midi(NOTE, division=0xFFFF), "neither ticks per quarter nor SMPTE"),
        (midi(b"\xff\xff\xff\x7f" + NOTE[1:]), "at most 100000"),
        (midi(b"\xff\xff\xff\xff\x7f" + NOTE[1:]), "no note"),
    ],
    ids=["division 65,535", "delta 2^28", "five bytes"],
)
def test_numbers_beyond_all_music_are_refused(analyze, music, reason):
    answer = analyze(music)
    assert isinstance(answer, InvalidMusic)
    assert reason in str(answer)


def test_repeats_within_repeats_expand_to_nothing(analyze):
    note = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"
    repeat = '<barline><repeat direction="{}"/></barline>'
    bars = f"<measure>{repeat.format('forward')}{note}{repeat.format('backward')}</measure>" * 1000
    head = '<part-list><score-part id="P1"><part-name>a</part-name></score-part></part-list>'
    document = f'{HEAD}<score-partwise>{head}<part id="P1">{bars}</part></score-partwise>'
    found = analyze(music_pb2.Music(musicxml=document.encode()), pb.ASPECT_KEY)
    assert found.notes == 1000
    assert "Repeats" in found.notices[0].text
