"""Pieces as Standard MIDI Files.

Written here, as symusic's tracks have no place for later programs and for pressure, and its sixteenth instrument plays
with the sound of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from segue.music.piece import MAX_BEATS, Control, Piece, Tempo, TrackInfo
from segue.v1 import music_pb2 as pb

TICKS_PER_QUARTER: Final = 960
STATUS: Final = {
    pb.CONTROL_KIND_KEY_PRESSURE: 0xA,
    pb.CONTROL_KIND_CONTROLLER: 0xB,
    pb.CONTROL_KIND_PROGRAM: 0xC,
    pb.CONTROL_KIND_CHANNEL_PRESSURE: 0xD,
    pb.CONTROL_KIND_PITCH_BEND: 0xE,
}
"""Upper half of the status byte of each kind of control."""
AT_REST: Final = 8192
"""The value in a file of a pitch bend that bends nothing."""
_DRUM_CHANNEL: Final = 9
_PITCHED: Final = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)
_LATEST: Final = int(MAX_BEATS) * TICKS_PER_QUARTER
_OFF, _CONTROL, _PROGRAM, _TEXT, _ON = range(5)

_Event = tuple[int, int, bytes]
"""Tick, order among the events of one tick, bytes."""


def piece_to_midi(piece: Piece) -> bytes:
    """Write a Standard MIDI File of format 1, 960 ticks per quarter note.

    Times are rounded to a tick; a note lasts at least one. Fifteen pitched tracks have a channel of their own each; of
    more, those of one program and the same controls share one, and beyond fifteen of these channels are used again.
    """
    chunks = [_chunk(list(_conducted(piece)))]
    channels = _channels(piece.tracks)
    said: set[tuple[int, tuple[Control, ...]]] = set()
    for index, (info, channel) in enumerate(zip(piece.tracks, channels, strict=True)):
        events = list(_played(piece.select(piece.track == index), info, channel))
        if (channel, info.controls) not in said:
            said.add((channel, info.controls))
            events = [*((_tick(c.beat), _CONTROL, _control(c, channel)) for c in info.controls), *events]
        if index == 0:
            events += [(_tick(s.beat), _TEXT, _meta(0x05, s.text.encode())) for s in piece.lyrics]
        chunks.append(_chunk(events))
    division = TICKS_PER_QUARTER.to_bytes(2, "big")
    return b"MThd" + bytes((0, 0, 0, 6, 0, 1)) + len(chunks).to_bytes(2, "big") + division + b"".join(chunks)


def _channels(tracks: Sequence[TrackInfo]) -> list[int]:
    pitched = [index for index, info in enumerate(tracks) if not info.drums]
    keys = pitched if len(pitched) <= len(_PITCHED) else [(tracks[i].program, tracks[i].controls) for i in pitched]
    number = {key: at for at, key in enumerate(dict.fromkeys(keys))}
    channels = [_DRUM_CHANNEL] * len(tracks)
    for index, key in zip(pitched, keys, strict=True):
        channels[index] = _PITCHED[number[key] % len(_PITCHED)]
    return channels


def _conducted(piece: Piece) -> Iterator[_Event]:
    for tempo in piece.tempos or (Tempo(0.0, 120.0),):
        yield _tick(tempo.beat), _TEXT, _meta(0x51, round(60e6 / tempo.quarters_per_minute).to_bytes(3, "big"))
    for meter in piece.meter_map:
        power = meter.denominator.bit_length() - 1
        yield _tick(meter.beat), _TEXT, _meta(0x58, bytes((meter.numerator, power, 24, 8)))
    for key in piece.keys:
        yield _tick(key.beat), _TEXT, _meta(0x59, bytes((_sharps(key.tonic, key.minor) % 256, key.minor)))


def _played(notes: Piece, info: TrackInfo, channel: int) -> Iterator[_Event]:
    if info.name:
        yield 0, _TEXT, _meta(0x03, info.name.encode())
    start, end = (np.rint(beats * TICKS_PER_QUARTER).astype(np.int64) for beats in (notes.start, notes.end))
    end = np.maximum(end, start + 1)
    yield min(_banked(info), int(start.min(initial=_LATEST))), _PROGRAM, bytes((0xC0 | channel, info.program))
    on, off = 0x90 | channel, 0x80 | channel
    columns = (start.tolist(), end.tolist(), notes.pitch.tolist(), notes.velocity.tolist())
    for begin, over, pitch, velocity in zip(*columns, strict=True):
        yield begin, _ON, bytes((on, pitch, velocity))
        yield over, _OFF, bytes((off, pitch, 0))


def _banked(info: TrackInfo) -> int:
    """Return the tick at which the bank is chosen that a program is of."""
    return max((_tick(control.beat) for control in info.controls if control.chooses_bank), default=0)


def _control(control: Control, channel: int) -> bytes:
    status = STATUS[control.kind] << 4 | channel
    if control.kind == pb.CONTROL_KIND_PITCH_BEND:
        return bytes((status, (control.value + AT_REST) & 127, (control.value + AT_REST) >> 7))
    if control.kind in (pb.CONTROL_KIND_PROGRAM, pb.CONTROL_KIND_CHANNEL_PRESSURE):
        return bytes((status, control.value))
    return bytes((status, control.number, control.value))


def _chunk(events: list[_Event]) -> bytes:
    events.sort(key=lambda event: event[:2])
    data, now = bytearray(), 0
    for tick, _, event in events:
        data += (bytes((tick - now,)) if tick - now < 128 else _variable_length(tick - now)) + event
        now = tick
    data += b"\x00" + _meta(0x2F, b"")
    return b"MTrk" + len(data).to_bytes(4, "big") + data


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + _variable_length(len(data)) + data


def _variable_length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))


def _tick(beat: float) -> int:
    return round(beat * TICKS_PER_QUARTER)


def _sharps(tonic: int, minor: bool) -> int:
    """Return the sharps (or, negative, flats) of a key signature, at most six."""
    fifths = ((tonic + 3 * minor) * 7) % 12
    return fifths - 12 if fifths > 6 else fifths
