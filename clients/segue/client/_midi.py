"""A ``Score`` message as a Standard MIDI File, with nothing but the standard library."""

from __future__ import annotations

import math
from collections.abc import Iterable

from segue.client._errors import InvalidMusic
from segue.client._parse import key_signature
from segue.v1.music_pb2 import (
    CONTROL_KIND_CHANNEL_PRESSURE,
    CONTROL_KIND_CONTROLLER,
    CONTROL_KIND_KEY_PRESSURE,
    CONTROL_KIND_PITCH_BEND,
    CONTROL_KIND_PROGRAM,
    MODE_MINOR,
    Control,
    Score,
    Track,
)

TICKS_PER_BEAT = 480
_DRUM_CHANNEL = 9
_BANK = (0, 32)
"""Controllers that choose the bank of the next program, which must come after them."""
_LATEST = 1_100_000

# Tick, order among events of one tick, bytes. A note ends before the next one of its pitch begins.
_Event = tuple[int, int, bytes]


def score_to_midi(score: Score) -> bytes:
    """Write a score as a format-1 MIDI file with 480 ticks per beat.

    Parameters
    ----------
    score
        Notes in beats. A velocity of 0 is written as 64, a note shorter than a tick as one tick.

    Raises
    ------
    InvalidMusic
        If a note or change lies outside the ranges of music.proto.
    """
    try:
        tracks = [_conductor(score)]
        channels = [channel for channel in range(16) if channel != _DRUM_CHANNEL]
        pitched = 0
        for track in score.tracks:
            channel = _DRUM_CHANNEL if track.drums else channels[pitched % len(channels)]
            pitched += not track.drums
            tracks.append(_notes(track, channel))
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise InvalidMusic.at("music.score", f"can't be written as MIDI: {error}") from error
    header = b"MThd" + bytes((0, 0, 0, 6, 0, 1)) + len(tracks).to_bytes(2, "big") + TICKS_PER_BEAT.to_bytes(2, "big")
    return header + b"".join(tracks)


def _conductor(score: Score) -> bytes:
    events: list[_Event] = [(0, 0, _meta(0x03, score.title.encode()))] if score.title else []
    for tempo in score.tempos:
        microseconds = min(round(60_000_000 / tempo.quarters_per_minute), 0xFFFFFF)
        events.append((_ticks(tempo.beat), 0, _meta(0x51, microseconds.to_bytes(3, "big"))))
    for change in score.time_signatures:
        signature = change.time_signature
        power = int(math.log2(signature.denominator))
        events.append((_ticks(change.beat), 0, _meta(0x58, bytes((signature.numerator, power, 24, 8)))))
    for key in score.keys:
        sharps = bytes((key_signature(key.key) % 256, key.key.mode == MODE_MINOR))
        events.append((_ticks(key.beat), 0, _meta(0x59, sharps)))
    events += [(_ticks(lyric.beat), 0, _meta(0x05, lyric.text.encode())) for lyric in score.lyrics]
    return _chunk(events)


def _notes(track: Track, channel: int) -> bytes:
    events: list[_Event] = [(0, 0, _meta(0x03, track.name.encode()))] if track.name else []
    events += [(_ticks(control.beat), 1, _control(control, channel)) for control in track.controls]
    if not track.drums:
        banks = [_ticks(c.beat) for c in track.controls if c.kind == CONTROL_KIND_CONTROLLER and c.number in _BANK]
        begin = min(max(banks, default=0), *(_ticks(note.start) for note in track.notes), _ticks(_LATEST))
        events.append((begin, 1, bytes((0xC0 | channel, track.program))))
    for note in track.notes:
        if not 0 <= note.pitch <= 127 or not 0 <= note.velocity <= 127:
            raise ValueError(f"pitch {note.pitch}, velocity {note.velocity}; each is 0-127")
        start = _ticks(note.start)
        end = max(start + 1, _ticks(note.start + note.duration))
        events.append((start, 2, bytes((0x90 | channel, note.pitch, note.velocity or 64))))
        events.append((end, 0, bytes((0x80 | channel, note.pitch, 64))))
    return _chunk(events)


def _control(control: Control, channel: int) -> bytes:
    status, data = {
        CONTROL_KIND_KEY_PRESSURE: (0xA0, (control.number, control.value)),
        CONTROL_KIND_CONTROLLER: (0xB0, (control.number, control.value)),
        CONTROL_KIND_PROGRAM: (0xC0, (control.value,)),
        CONTROL_KIND_CHANNEL_PRESSURE: (0xD0, (control.value,)),
        CONTROL_KIND_PITCH_BEND: (0xE0, ((control.value + 8192) & 127, (control.value + 8192) >> 7)),
    }.get(control.kind, (0, ()))
    if not data or not all(0 <= byte <= 127 for byte in data):
        raise ValueError(f"a control of kind {control.kind}, number {control.number}, value {control.value}")
    return bytes((status | channel, *data))


def _ticks(beat: float) -> int:
    if not 0 <= beat <= _LATEST:
        raise ValueError(f"beat {beat:g} is outside 0-1,000,000")
    return round(beat * TICKS_PER_BEAT)


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + _variable_length(len(data)) + data


def _chunk(events: Iterable[_Event]) -> bytes:
    data = bytearray()
    now = 0
    for tick, _, event in sorted(events, key=lambda e: e[:2]):
        data += _variable_length(tick - now) + event
        now = tick
    data += b"\x00" + _meta(0x2F, b"")
    return b"MTrk" + len(data).to_bytes(4, "big") + bytes(data)


def _variable_length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))
