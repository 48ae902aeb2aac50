import math
import random
import re
import struct
import time

import numpy as np
import pytest
from segue.music import Control, Meter, Piece, Syllable, Tempo, TrackInfo, midi_to_piece, piece_to_midi
from segue.music.midi import MAX_BYTES, counts_frames
from segue.plugin_api import InvalidMusic
from segue.v1 import music_pb2 as pb


def vlq(number):
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(0x80 | number & 0x7F)
    return bytes(out[::-1])


def chunk(*events, end=True):
    body = b"".join(vlq(delta) + bytes(event) for delta, event in events) + (b"\0\xff\x2f\0" if end else b"")
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi(*chunks, kind=1, division=480):
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(chunks), division) + b"".join(chunks)


def on(pitch, channel=0, velocity=64):
    return [0x90 | channel, pitch, velocity]


def off(pitch, channel=0):
    return [0x80 | channel, pitch, 0]


NOTE = ((0, on(60)), (480, off(60)))


def notes(piece):
    return [
        (s, d, p) for s, d, p in zip(piece.start.tolist(), piece.duration.tolist(), piece.pitch.tolist(), strict=True)
    ]


@pytest.fixture
def song():
    rng = np.random.default_rng(0)
    start = rng.integers(0, 400, 300) / 12
    return Piece.of(
        start,
        rng.integers(1, 24, 300) / 12,
        # one pitch per start and track, so that no two notes of a pitch overlap ambiguously
        rng.permutation(300) % 88 + 21,
        rng.integers(1, 128, 300),
        rng.integers(0, 3, 300),
        tracks=(TrackInfo("Geige", 40), TrackInfo("ドラム", 0, True), TrackInfo("Bass", 33)),
        tempos=(Tempo(0, 100.0), Tempo(16, 60.0)),
        meters=(Meter(0, 3, 4), Meter(9, 6, 8)),
        lyrics=(Syllable(1.0, "là-"), Syllable(2.0, "bas")),
    )


def test_a_piece_survives_the_way_through_midi(song):
    again, notices = midi_to_piece(piece_to_midi(song))
    assert not notices
    assert again.tracks == song.tracks
    assert again.meters == song.meters
    assert again.lyrics == song.lyrics
    assert [t.beat for t in again.tempos] == [0, 16]
    assert np.allclose([t.quarters_per_minute for t in again.tempos], [100, 60], atol=0.01)
    assert sorted(zip(again.start, again.pitch, again.velocity, again.track, strict=True)) == sorted(
        zip(song.start, song.pitch, song.velocity, song.track, strict=True)
    )
    assert np.isclose(again.duration.sum(), song.duration.sum(), rtol=0.01)


def test_running_status_sysex_and_realtime_bytes():
    data = midi(
        chunk((0, [0xF0, 3, 1, 2, 0xF7]), (0, on(60)), (240, [64, 64]), (0, [0xFE]), (240, off(60)), (0, off(64)))
    )
    piece, notices = midi_to_piece(data)
    assert notes(piece) == [(0, 1, 60), (0.5, 0.5, 64)]
    assert not notices


def test_pedal_controllers_bends_pressure_and_later_programs_are_kept():
    pedal = [(0, [0xB0, 64, value]) for value in (127, 100, 0)] + [(480, [0xB0, 64, 64])]
    others = [(0, [0xB0, 7, 100]), (0, [0xE0, 0, 64]), (0, [0xE0, 127, 0]), (0, [0xD0, 3]), (0, [0xA0, 60, 4])]
    program = [(0, [0xB0, 0, 1]), (0, [0xC0, 24]), (0, on(60))]
    data = midi(chunk(*program, *pedal, *others, (0, [0xC0, 48]), (480, off(60)), (960, [0xB0, 64, 0])))
    piece, notices = midi_to_piece(data)
    (track,) = piece.tracks
    assert track.program == 24
    assert track.pedals == ((1.0, 4.0),)
    assert [control for control in track.controls if control.number != 64] == [
        (0.0, pb.CONTROL_KIND_CONTROLLER, 0, 1),
        (1.0, pb.CONTROL_KIND_CONTROLLER, 7, 100),
        (1.0, pb.CONTROL_KIND_PITCH_BEND, 0, 0),
        (1.0, pb.CONTROL_KIND_PITCH_BEND, 0, 127 - 8192),
        (1.0, pb.CONTROL_KIND_CHANNEL_PRESSURE, 0, 3),
        (1.0, pb.CONTROL_KIND_KEY_PRESSURE, 60, 4),
        (1.0, pb.CONTROL_KIND_PROGRAM, 0, 48),
    ]
    written = piece_to_midi(piece)
    again, more = midi_to_piece(written)
    assert again.tracks == piece.tracks
    assert not notices
    assert not more
    assert written.index(bytes((0xB0, 0, 1))) < written.index(bytes((0xC0, 24)))  # a bank holds for what is chosen next


def test_a_pedal_that_is_never_lifted_stays_down():
    piece, _ = midi_to_piece(midi(chunk((0, [0xB0, 64, 90]), (0, on(60)), (480, off(60)))))
    assert piece.tracks[0].pedals == ((0.0, math.inf),)


def test_both_hands_of_a_channel_are_pedalled_and_other_instruments_are_not():
    right = chunk((0, [0xC0, 0]), (0, on(72)), (0, [0xB0, 64, 127]), (480, off(72)), (0, [0xB0, 64, 0]))
    left, cello = (chunk((0, [0xC0, program]), (0, on(48)), (480, off(48))) for program in (0, 42))
    setup = chunk((0, [0xB0, 7, 90]), (0, [0xB1, 7, 40]))
    piece, _ = midi_to_piece(midi(setup, right, left, cello))
    assert [track.pedals for track in piece.tracks] == [((0.0, 1.0),), ((0.0, 1.0),), ()]
    assert [track.controls[0][2:] for track in piece.tracks] == [(7, 90)] * 3
    assert midi_to_piece(piece_to_midi(piece))[0].tracks == piece.tracks


def test_many_tracks_share_channels_by_instrument():
    volume = [(Control(0.0, pb.CONTROL_KIND_CONTROLLER, 7, n // 2),) for n in range(30)]
    tracks = tuple(TrackInfo(str(n), n // 2, controls=volume[n]) for n in range(30))
    written = piece_to_midi(Piece.of(np.zeros(30), 1.0, 60, 64, np.arange(30), tracks=tracks))
    assert midi_to_piece(written)[0].tracks == tracks
    channels = [re.search(rb"[\xc0-\xcf]", one)[0][0] & 15 for one in written.split(b"MTrk")[2:]]
    assert channels == [number for number in range(16) if number != 9 for _ in range(2)]


def test_too_many_controls_are_left_out_and_counted():
    body = b"\0\x90\x3c\x40\0\xb0\x01\x40" + b"\0\x01\x40" * 200_000 + b"\x01\x90\x3c\0"
    piece, notices = midi_to_piece(midi(b"MTrk" + struct.pack(">I", len(body)) + body))
    assert not piece.tracks[0].controls
    assert notices == ["Controllers, pitch bends and the like: 200001, more than 200000; they are left out."]


def test_a_note_without_end_lasts_until_the_end_and_is_noticed():
    piece, notices = midi_to_piece(midi(chunk((0, on(60)), (480, on(62)), (480, off(62)))))
    assert notes(piece) == [(0, 2, 60), (1, 1, 62)]
    assert "without an end: 1" in notices[0]


def test_a_note_struck_again_ends_in_order():
    piece, _ = midi_to_piece(midi(chunk((0, on(60)), (480, on(60)), (480, off(60)), (480, off(60)))))
    assert notes(piece) == [(0, 2, 60), (1, 2, 60)]


def test_channels_of_one_chunk_become_tracks():
    data = midi(
        chunk(
            (0, [0xC1, 40]),
            *((0, on(pitch, channel)) for pitch, channel in ((60, 0), (64, 1), (36, 9))),
            *((480, off(pitch, channel)) for pitch, channel in ((60, 0), (64, 1), (36, 9))),
        ),
        kind=0,
    )
    piece, _ = midi_to_piece(data)
    assert [(t.program, t.drums) for t in piece.tracks] == [(0, False), (40, False), (0, True)]
    assert piece.without_drums().pitch.tolist() == [60, 64]


@pytest.mark.parametrize(
    ("data", "notice"),
    [
        (midi(chunk(*NOTE))[:-4], "wrong length"),
        (midi(chunk(*NOTE, (0, on(62)), (5, on(200)))), "breaks off"),
        (midi(chunk((0, [0xFF, 0x51, 3, 0, 0, 0]), *NOTE)), "Tempos"),
        (midi(chunk((0, [0xFF, 0x58, 4, 0, 2, 24, 8]), *NOTE)), "Time signatures"),
        (midi(chunk(*NOTE), division=0xE728), "SMPTE"),
        (midi(chunk(*NOTE), kind=2), "format 2"),
        (midi(chunk(*NOTE, (0, on(62)), (0, off(62)))), "no length: 1"),
    ],
)
def test_what_had_to_be_guessed_is_said(data, notice):
    piece, notices = midi_to_piece(data)
    assert piece.pitch[0] == 60
    assert any(notice in sentence for sentence in notices)


def test_a_file_says_whether_it_counts_frames():
    assert counts_frames(b"RIFF" + midi(chunk(*NOTE), division=0xE728))
    assert not counts_frames(midi(chunk(*NOTE)))
    assert not counts_frames(b"MThd")
    assert not counts_frames(b"")


def test_smpte_ticks_are_seconds():
    piece, _ = midi_to_piece(midi(chunk((0, on(60)), (1000, off(60))), division=0xE728))  # 25 frames of 40 ticks
    assert piece.beats_to_seconds(piece.end).tolist() == [1.0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no MIDI file"),
        (b"RIFF" + bytes(5000), "no MIDI file"),
        (midi(), "without a track"),
        (midi(chunk(*NOTE), division=0), "0 ticks"),
        (midi(chunk(*NOTE), division=0x8000), "division"),
        (midi(chunk((0x0FFFFFFF, on(60)), (9, off(60)))), "beats"),
        (bytes(MAX_BYTES + 1), "bytes"),
    ],
)
def test_what_can_not_be_read_is_refused_by_name(data, text):
    with pytest.raises(InvalidMusic, match=text) as caught:
        midi_to_piece(data, "prompt.midi")
    assert caught.value.violations[0][0] == "prompt.midi"


def test_256_tracks_are_read():
    piece, _ = midi_to_piece(midi(*[chunk(*NOTE)] * 256))
    assert len(piece.tracks) == len(piece) == 256


def test_a_million_notes_are_refused_in_bounded_time():
    body = b"".join(b"\0\x90\x3c\x40\x01\x3c\0" for _ in range(1_000_000))
    data = midi(b"MTrk" + struct.pack(">I", len(body)) + body)
    began = time.process_time()
    with pytest.raises(InvalidMusic, match=r"notes|events"):
        midi_to_piece(data)
    assert time.process_time() - began < 20  # of this process: others may keep the machine busy


def test_a_file_of_too_many_tracks_is_refused():
    every = b"".join(b"\0" + bytes((0x90 | c, 60, 64)) + b"\1" + bytes((0x80 | c, 60, 0)) for c in range(16))
    chunks = [b"MTrk" + struct.pack(">I", len(every)) + every] * 256
    with pytest.raises(InvalidMusic, match="has 4096 tracks, must have at most 4095"):
        midi_to_piece(midi(*chunks))
    assert len(midi_to_piece(piece_to_midi(midi_to_piece(midi(*chunks[1:]))[0]))[0]) == 4080


def test_a_file_full_of_controllers_is_bounded():
    body = b"\0\xb0\x07\x40" + b"\0\x07\x40" * 2_500_000
    with pytest.raises(InvalidMusic, match="events"):
        midi_to_piece(midi(b"MTrk" + struct.pack(">I", len(body)) + body))


def test_mutated_files_are_read_or_refused(song):
    rng = random.Random(1)
    good = piece_to_midi(song)
    for _ in range(600):
        data = bytearray(good)
        match rng.randrange(4):
            case 0:
                del data[rng.randrange(len(data)) :]
            case 1:
                for _ in range(rng.randrange(1, 30)):
                    data[rng.randrange(len(data))] = rng.choice([rng.randrange(256), 0xFF, 0xF0, 0x80, 0x7F])
            case 2:
                at = rng.randrange(len(data))
                del data[at : at + rng.randrange(100)]
            case _:
                data[rng.randrange(60)] = rng.randrange(256)
        try:
            piece, _ = midi_to_piece(bytes(data))
        except InvalidMusic:
            continue
        assert (piece.duration > 0).all()
        assert (piece.start >= 0).all()
        piece_to_midi(piece)
