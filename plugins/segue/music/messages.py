"""``Music`` messages to pieces and back, and places in a piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from segue.music.midi import midi_to_piece
from segue.music.musicxml import musicxml_to_piece
from segue.music.piece import (
    MAX_BEATS,
    MAX_CONTROLS,
    MAX_NOTES,
    SHORTEST_BEATS,
    Control,
    KeySignature,
    Meter,
    Piece,
    Syllable,
    Tempo,
    TrackInfo,
)
from segue.plugin_api.errors import InvalidMusic
from segue.v1 import music_pb2 as pb

MAX_SCORE_TRACKS = 64
DEFAULT_VELOCITY = 64
_KINDS = frozenset(pb.ControlKind.values()) - {pb.CONTROL_KIND_UNSPECIFIED}


def music_to_piece(music: pb.Music, field: str = "music") -> tuple[Piece, list[pb.Notice]]:
    """Read music that holds notes, in any form that holds notes.

    Parameters
    ----------
    music
        MIDI bytes, a ``Score`` or MusicXML.
    field
        Path of the field that holds it; errors and notices name it.

    Returns
    -------
    piece, notices
        The piece, with at least one note, and what was guessed in reading it.

    Raises
    ------
    InvalidMusic
        If it can't be read, is too large, is audio, or holds no note.
    """
    form = music.WhichOneof("content")
    sentences: list[str] = []
    if form == "midi":
        piece, sentences = midi_to_piece(music.midi, f"{field}.midi")
    elif form == "score":
        piece = score_to_piece(music.score, f"{field}.score")
    elif form == "musicxml":
        piece, sentences = musicxml_to_piece(music.musicxml, f"{field}.musicxml")
    elif form is None:
        raise InvalidMusic(field, "is empty, must hold midi, score or musicxml")
    else:
        raise InvalidMusic(f"{field}.{form}", "is not accepted here; send midi, score or musicxml")
    if not len(piece):
        raise InvalidMusic(f"{field}.{form}", "holds no note")
    return piece, [pb.Notice(subject=f"{field}.{form}", text=sentence) for sentence in sentences]


def score_to_piece(score: pb.Score, field: str = "score") -> Piece:
    """Read a ``Score`` message.

    Raises
    ------
    InvalidMusic
        Naming the note that breaks a rule of the contract, or if there are more than 200,000 notes or controls.
    """
    total = sum(len(track.notes) for track in score.tracks)
    if total > MAX_NOTES:
        raise InvalidMusic(field, f"has {total} notes, must have at most {MAX_NOTES}")
    rows = [
        (note.start, note.duration, note.pitch, note.velocity or DEFAULT_VELOCITY, index)
        for index, track in enumerate(score.tracks)
        for note in track.notes
    ]
    start, duration, pitch, velocity, track = np.array(rows, np.float64).reshape(-1, 5).T
    rules = {
        "start": ((start >= 0) & (start <= MAX_BEATS), start, f"0 to {MAX_BEATS:.0f}"),
        "duration": ((duration > 0) & (duration <= MAX_BEATS), duration, f"more than 0 and at most {MAX_BEATS:.0f}"),
        "pitch": ((pitch >= 0) & (pitch <= 127), pitch, "0 to 127"),
        "velocity": ((velocity >= 1) & (velocity <= 127), velocity, "0 to 127"),
    }
    for name, (right, values, rule) in rules.items():
        if not right.all():
            row = int(np.argmin(right))
            index = int(track[row])
            number = row - int(np.searchsorted(track, index))
            where = f"{field}.tracks[{index}].notes[{number}].{name}"
            raise InvalidMusic(where, f"is {values[row]:g}, must be {rule}")
    return Piece.of(
        start,
        np.maximum(duration, SHORTEST_BEATS),
        pitch,
        velocity,
        track,
        tracks=_tracks(score, field) or (TrackInfo(),),
        tempos=_tempos(score, field),
        meters=_meters(score, field),
        keys=tuple(
            KeySignature(k.beat, k.key.tonic % 12, k.key.mode == pb.MODE_MINOR)
            for k in sorted(score.keys, key=lambda k: k.beat)
        ),
        lyrics=tuple(Syllable(s.beat, s.text) for s in sorted(score.lyrics, key=lambda s: s.beat)),
    )


def _tracks(score: pb.Score, field: str) -> tuple[TrackInfo, ...]:
    total = sum(len(track.controls) for track in score.tracks)
    if total > MAX_CONTROLS:
        raise InvalidMusic(field, f"has {total} controls, must have at most {MAX_CONTROLS}")
    return tuple(
        TrackInfo(track.name, track.program, track.drums, _controls(track, f"{field}.tracks[{index}]"))
        for index, track in enumerate(score.tracks)
    )


def _controls(track: pb.Track, field: str) -> tuple[Control, ...]:
    for index, control in enumerate(track.controls):
        bend = control.kind == pb.CONTROL_KIND_PITCH_BEND
        least, most = (-8192, 8191) if bend else (0, 127)
        rules = {
            "beat": (0 <= control.beat <= MAX_BEATS, control.beat, f"0 to {MAX_BEATS:.0f}"),
            "kind": (control.kind in _KINDS, control.kind, "a kind of control, e.g. CONTROL_KIND_CONTROLLER"),
            "number": (0 <= control.number <= 127, control.number, "0 to 127"),
            "value": (least <= control.value <= most, control.value, f"{least} to {most}"),
        }
        for name, (right, value, rule) in rules.items():
            if not right:
                raise InvalidMusic(f"{field}.controls[{index}].{name}", f"is {value:g}, must be {rule}")
    found = [Control(c.beat, c.kind, c.number, c.value) for c in track.controls]
    return tuple(sorted(found, key=lambda control: control.beat))


def _tempos(score: pb.Score, field: str) -> tuple[Tempo, ...]:
    for index, tempo in enumerate(score.tempos):
        if not (0 <= tempo.beat <= MAX_BEATS and 5 <= tempo.quarters_per_minute <= 1000):
            raise InvalidMusic(
                f"{field}.tempos[{index}]",
                f"is {tempo.quarters_per_minute:g} at beat {tempo.beat:g}, must be 5 to 1000",
            )
    found = {t.beat: Tempo(t.beat, t.quarters_per_minute) for t in sorted(score.tempos, key=lambda t: t.beat)}
    return tuple(found.values())


def _meters(score: pb.Score, field: str) -> tuple[Meter, ...]:
    for index, change in enumerate(score.time_signatures):
        meter = change.time_signature
        if not (
            0 <= change.beat <= MAX_BEATS and 1 <= meter.numerator <= 32 and meter.denominator in (1, 2, 4, 8, 16, 32)
        ):
            raise InvalidMusic(
                f"{field}.time_signatures[{index}]",
                f"is {meter.numerator}/{meter.denominator} at beat {change.beat:g}, must be 1-32 over 1, 2, 4, ... 32",
            )
    found = {
        c.beat: Meter(c.beat, c.time_signature.numerator, c.time_signature.denominator)
        for c in sorted(score.time_signatures, key=lambda c: c.beat)
    }
    return tuple(found.values())


def piece_to_score(piece: Piece, title: str = "") -> pb.Score:
    """Write a piece as a ``Score`` message.

    Raises
    ------
    InvalidMusic
        If it has more than the 64 tracks that a ``Score`` carries.
    """
    if len(piece.tracks) > MAX_SCORE_TRACKS:
        raise InvalidMusic(
            "music", f"has {len(piece.tracks)} tracks; as a score it can have at most {MAX_SCORE_TRACKS}"
        )
    score = pb.Score(title=title)
    for index, info in enumerate(piece.tracks):
        track = score.tracks.add(name=info.name, program=info.program, drums=info.drums)
        track.notes.extend(piece_to_notes(piece.select(piece.track == index)))
        track.controls.extend(
            pb.Control(beat=c.beat, kind=c.kind, number=c.number, value=c.value) for c in info.controls
        )
    score.tempos.extend(pb.TempoChange(beat=t.beat, quarters_per_minute=t.quarters_per_minute) for t in piece.tempos)
    score.time_signatures.extend(meter_to_change(meter) for meter in piece.meters)
    score.keys.extend(pb.KeyChange(beat=k.beat, key=to_key(k.tonic, k.minor)) for k in piece.keys)
    score.lyrics.extend(pb.Lyric(beat=s.beat, text=s.text) for s in piece.lyrics)
    return score


def piece_to_notes(piece: Piece) -> list[pb.Note]:
    """Write the notes of a piece as messages, in order."""
    columns = zip(
        piece.start.tolist(), piece.duration.tolist(), piece.pitch.tolist(), piece.velocity.tolist(), strict=True
    )
    return [pb.Note(start=s, duration=d, pitch=p, velocity=v) for s, d, p, v in columns]


def meter_to_change(meter: Meter) -> pb.TimeSignatureChange:
    """Write a metre as a message."""
    signature = pb.TimeSignature(numerator=meter.numerator, denominator=meter.denominator)
    return pb.TimeSignatureChange(beat=meter.beat, time_signature=signature)


def to_key(tonic: int, minor: bool) -> pb.Key:
    """Write a key as a message."""
    return pb.Key(tonic=tonic, mode=pb.MODE_MINOR if minor else pb.MODE_MAJOR)


def place(piece: Piece, start: float, end: float | None = None, track: int | None = None) -> pb.Place:
    """Name a place in a piece: bar, beats, seconds, and the track where one is meant."""
    return places(piece, [(start, start if end is None else end, track)])[0]


def places(piece: Piece, found: Sequence[tuple[float, float, int | None]]) -> list[pb.Place]:
    """Name places in a piece, each by begin and end in beats and the track where one is meant."""
    starts = [start for start, _, _ in found]
    columns = zip(found, piece.bar_of(starts).tolist(), piece.beats_to_seconds(starts).tolist(), strict=True)
    return [
        pb.Place(track=track, bar=bar, span=pb.Span(start=start, end=end), seconds=seconds)
        for (start, end, track), bar, seconds in columns
    ]
