"""Standard MIDI Files to pieces.

The reader is Segue's own because files from the real world break rules that symusic insists on, and because a parser
that ends the process would end the model server's. It never raises anything but ``InvalidMusic``, takes time linear
in the bytes, and says in a notice what it had to guess.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from segue.music.midi_controls import programs_and_controls
from segue.music.piece import MAX_BEATS, MAX_NOTES, KeySignature, Meter, Piece, Syllable, Tempo, TrackInfo
from segue.plugin_api.errors import InvalidMusic

MAX_BYTES: Final = 8 << 20
MAX_EVENTS: Final = 1_000_000
MAX_CHUNKS: Final = 4096
MAX_TRACKS: Final = MAX_CHUNKS - 1
"""Fewer than chunks, so that what is written, with a chunk that conducts, can be read again."""
SLOWEST, FASTEST = 5.0, 1000.0
_DATA_BYTES: Final = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}


@dataclass
class _Chunk:
    """What one track chunk says, in ticks."""

    name: str = ""
    notes: list[int] = field(default_factory=list)
    """Channel, start, end, pitch, velocity of each note, one after the other."""
    controls: list[int] = field(default_factory=list)
    """Channel, tick, upper half of the status byte and two data bytes of each control, one after the other."""
    metas: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Tick, type, data."""
    events: int = 0
    stuck: int = 0
    broken: str = ""


def midi_to_piece(data: bytes, field: str = "music.midi") -> tuple[Piece, list[str]]:
    """Read a Standard MIDI File.

    Each channel of each track chunk that holds notes becomes a track. A note-off ends the earliest open note of its
    pitch. Controllers, pitch bends, later programs and pressure are kept beside the notes, unless there are more than
    200,000 of them. What was guessed or left out is said in the notices: a chunk that breaks off is read as far as it
    goes, notes without an end last until the end of the piece, an impossible tempo or metre is left out, and times in
    SMPTE frames are written at 120 quarter notes per minute.

    Parameters
    ----------
    data
        The file, at most 8 MiB.
    field
        Path of the field that an error names.

    Returns
    -------
    piece, notices
        The piece, which may be without notes, and sentences.

    Raises
    ------
    InvalidMusic
        If it is no MIDI file, or has more than 200,000 notes, 1,000,000 events, 4,095 tracks or 100,000 beats.
    """
    if len(data) > MAX_BYTES:
        raise InvalidMusic(field, f"has {len(data)} bytes, must have at most {MAX_BYTES}")
    notices: list[str] = []
    division, position = _header(data, field, notices)
    chunks: list[_Chunk] = []
    events_left, notes_left = MAX_EVENTS, MAX_NOTES
    for start, end in _chunk_bounds(data, position, notices):
        if len(chunks) == MAX_CHUNKS:
            raise InvalidMusic(field, f"has more than {MAX_CHUNKS} tracks")
        chunk = _read_chunk(data[start:end], events_left)
        chunks.append(chunk)
        events_left -= chunk.events
        notes_left -= len(chunk.notes) // 5
        if events_left <= 0:
            raise InvalidMusic(field, f"has {MAX_EVENTS} events or more, must have fewer")
        if notes_left < 0:
            raise InvalidMusic(field, f"has more than {MAX_NOTES} notes")
        if chunk.broken:
            notices.append(f"Track chunk {len(chunks)} breaks off: {chunk.broken}; it was read as far as it goes.")
    if not chunks:
        raise InvalidMusic(field, "is a MIDI file without a track")
    if stuck := sum(chunk.stuck for chunk in chunks):
        notices.append(f"Notes without an end: {stuck}; they last until the end of the piece.")
    return _chunks_to_piece(chunks, division, field, notices), notices


def counts_frames(data: bytes) -> bool:
    """Say whether a file's times are SMPTE frames: then nothing in it says where the beats are."""
    at = data.find(b"MThd", 0, 1024)
    return at >= 0 and len(data) > at + 12 and bool(data[at + 12] & 0x80)


def _header(data: bytes, field: str, notices: list[str]) -> tuple[float, int]:
    """Return ticks per quarter, negative for ticks per half second (SMPTE at 120), and where the tracks begin."""
    at = data.find(b"MThd", 0, 1024)
    if at < 0 or len(data) < at + 14:
        raise InvalidMusic(field, "is no MIDI file: it must begin with the header MThd")
    length = int.from_bytes(data[at + 4 : at + 8], "big")
    kind = int.from_bytes(data[at + 8 : at + 10], "big")
    division = int.from_bytes(data[at + 12 : at + 14], "big")
    if kind > 1:
        notices.append(f"The file is of format {kind}; its tracks are read as sounding together.")
    if division & 0x8000:
        frames, per_frame = 256 - (division >> 8), division & 0xFF
        if frames not in (24, 25, 29, 30) or per_frame == 0:
            raise InvalidMusic(field, f"has the division {division:#06x}, which is neither ticks per quarter nor SMPTE")
        notices.append("Times are SMPTE frames, not beats; they are written at 120 quarter notes per minute.")
        return -(30 / 1.001 if frames == 29 else frames) * per_frame / 2, at + 8 + max(length, 6)
    if division == 0:
        raise InvalidMusic(field, "has 0 ticks per quarter note, must have at least 1")
    if not 6 <= length <= 1024:
        notices.append(f"The header claims {length} bytes; it is read as 6.")
        length = 6
    return float(division), at + 8 + length


def _chunk_bounds(data: bytes, position: int, notices: list[str]) -> list[tuple[int, int]]:
    """Return begin and end of each track chunk, looking for the next one where a length is wrong."""
    found: list[tuple[int, int]] = []
    while position + 8 <= len(data) and len(found) <= MAX_CHUNKS:
        tag, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        begin, end = position + 8, position + 8 + length
        if tag == b"MTrk":
            if end > len(data) or (end + 4 <= len(data) and not data[end : end + 4].isalpha()):
                after = data.find(b"MTrk", begin)
                end = after if after > 0 else len(data)
                notices.append(f"Track chunk {len(found) + 1} has a wrong length; it is read up to the next one.")
            found.append((begin, end))
        elif not tag.isalpha() or end > len(data):
            end = data.find(b"MTrk", position + 1)
            if end < 0:
                break
        position = end
    return found


def _read_chunk(data: bytes, most_events: int) -> _Chunk:
    """Walk the events of one track chunk."""
    chunk = _Chunk()
    open_notes: dict[int, deque[tuple[int, int]]] = defaultdict(deque)
    tick, status, position, events = 0, 0, 0, 0
    notes, size = chunk.notes, len(data)
    try:
        while position < size and events < most_events:
            events += 1
            delta = data[position]
            position += 1
            if delta & 0x80:
                delta, position = _variable_length(data, position - 1)
            tick += delta
            byte = data[position]
            if byte & 0x80:
                position += 1
                if byte < 0xF0:
                    status = byte
            elif status:
                byte = status
            else:
                raise ValueError(f"a data byte at {position} without a status before it")
            if byte < 0xF0:
                kind = byte >> 4
                first = data[position]
                second = data[position + 1] if _DATA_BYTES[kind] == 2 else 0
                if (first | second) & 0x80:
                    raise ValueError(f"a status byte at {position} where data must be")
                position += _DATA_BYTES[kind]
                if kind == 0x9 and second:
                    open_notes[(byte & 15) << 7 | first].append((tick, second))
                elif kind in (0x8, 0x9):
                    waiting = open_notes.get((byte & 15) << 7 | first)
                    if waiting:
                        began, velocity = waiting.popleft()
                        notes += (byte & 15, began, tick, first, velocity)
                else:
                    chunk.controls += (byte & 15, tick, kind, first, second)
            elif byte in (0xFF, 0xF0, 0xF7):
                meta = 0
                if byte == 0xFF:
                    meta = data[position]
                    position += 1
                length, position = _variable_length(data, position)
                if position + length > size:
                    raise IndexError
                if byte == 0xFF and meta == 0x2F:
                    break
                if byte == 0xFF:
                    chunk.metas.append((tick, meta, data[position : position + length]))
                position += length
            else:  # system common and real-time bytes do not belong in a file; some sequencers write them
                position += {0xF1: 1, 0xF2: 2, 0xF3: 1}.get(byte, 0)
    except IndexError:
        chunk.broken = "the data end in the middle of an event"
    except ValueError as error:
        chunk.broken = str(error)
    chunk.events = events
    for key, waiting in open_notes.items():
        chunk.stuck += len(waiting)
        for began, velocity in waiting:
            notes += (key >> 7, began, -1, key & 127, velocity)
    chunk.name = next((_text(text) for _, meta, text in chunk.metas if meta == 0x03), "")
    return chunk


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """Return a variable-length quantity and the position after it."""
    byte = data[position]
    value = byte & 0x7F
    first = position
    while byte & 0x80:
        if position - first == 3:
            raise ValueError(f"a number of more than four bytes at {first}")
        position += 1
        byte = data[position]
        value = value << 7 | byte & 0x7F
    return value, position + 1


def _chunks_to_piece(chunks: Sequence[_Chunk], division: float, field: str, notices: list[str]) -> Piece:
    per_beat = abs(division)
    tables = [np.array(chunk.notes, np.int64).reshape(-1, 5) for chunk in chunks]
    chunk = np.repeat(np.arange(len(chunks)), [len(table) for table in tables])
    channel, start, end, pitch, velocity = np.concatenate(tables).T
    last = int(max(start.max(initial=0), end.max(initial=0)))
    end = np.where(end < 0, max(last, int(start.max(initial=0)) + int(np.ceil(per_beat))), end)
    latest = int(end.max(initial=0)) / per_beat
    if latest > MAX_BEATS:
        raise InvalidMusic(field, f"lasts {latest:.0f} beats, must last at most {MAX_BEATS:.0f}")
    kept = end > start
    if not kept.all():
        notices.append(f"Notes of no length: {int((~kept).sum())}; they are left out.")
    parts, track = np.unique(chunk[kept] * 16 + channel[kept], return_inverse=True)
    if len(parts) > MAX_TRACKS:
        raise InvalidMusic(field, f"has {len(parts)} tracks, must have at most {MAX_TRACKS}")
    first = np.full(len(parts), last)
    np.minimum.at(first, track, start[kept])
    controls = [chunk.controls for chunk in chunks]
    said = programs_and_controls(controls, parts.tolist(), first.tolist(), per_beat, notices)
    tracks = tuple(
        TrackInfo(chunks[part // 16].name, program, part % 16 == 9, its_controls)
        for part, (program, its_controls) in zip(parts.tolist(), said, strict=True)
    )
    metas = sorted(
        ((tick, kind, data) for c in chunks for tick, kind, data in c.metas if tick / per_beat <= MAX_BEATS),
        key=lambda meta: meta[0],
    )
    return Piece.of(
        start[kept] / per_beat,
        (end - start)[kept] / per_beat,
        pitch[kept],
        velocity[kept],
        track,
        tracks=tracks or (TrackInfo(),),
        tempos=(Tempo(0.0, 120.0),) if division < 0 else _tempos(metas, per_beat, notices),
        meters=_meters(metas, per_beat, notices),
        keys=_keys(metas, per_beat),
        lyrics=tuple(Syllable(tick / per_beat, _text(data)) for tick, kind, data in metas if kind == 0x05),
    )


Metas = Sequence[tuple[int, int, bytes]]


def _tempos(metas: Metas, per_beat: float, notices: list[str]) -> tuple[Tempo, ...]:
    found: dict[float, Tempo] = {}
    bad = 0
    for tick, kind, data in metas:
        if kind == 0x51:
            microseconds = int.from_bytes(data[:3], "big")
            tempo = 60e6 / microseconds if microseconds else np.inf
            if SLOWEST <= tempo <= FASTEST:
                found[tick / per_beat] = Tempo(tick / per_beat, tempo)
            else:
                bad += 1
    if bad:
        notices.append(
            f"Tempos outside {SLOWEST:.0f}-{FASTEST:.0f} quarter notes per minute: {bad}; they are left out."
        )
    return tuple(found.values())


def _meters(metas: Metas, per_beat: float, notices: list[str]) -> tuple[Meter, ...]:
    found: dict[float, Meter] = {}
    bad = 0
    for tick, kind, data in metas:
        if kind == 0x58 and len(data) >= 2:
            if 1 <= data[0] <= 32 and data[1] <= 5:
                found[tick / per_beat] = Meter(tick / per_beat, data[0], 2 ** data[1])
            else:
                bad += 1
    if bad:
        notices.append(f"Time signatures that music does not use: {bad}; they are left out.")
    return tuple(found.values())


def _keys(metas: Metas, per_beat: float) -> tuple[KeySignature, ...]:
    found = {}
    for tick, kind, data in metas:
        if kind == 0x59 and len(data) >= 2 and data[1] < 2:
            sharps = data[0] - 256 if data[0] > 127 else data[0]
            if abs(sharps) <= 7:
                minor = bool(data[1])
                found[tick] = KeySignature(tick / per_beat, (sharps * 7 + 9 * minor) % 12, minor)
    return tuple(found.values())


def _text(data: bytes) -> str:
    """Decode a text event: UTF-8 where it is, else Latin-1 as the standard has it; control characters left out."""
    try:
        text = data[:800].decode()
    except UnicodeDecodeError:
        text = data[:800].decode("latin-1")
    return "".join(c for c in text if c.isprintable())[:200]
