"""MusicXML to pieces: the notes of every part as they sound, each bar once.

References
----------
MusicXML 4.0, W3C Community Group Report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np
from segue.music.piece import (
    MAX_BEATS,
    MAX_NOTES,
    SHORTEST_BEATS,
    KeySignature,
    Meter,
    Piece,
    Syllable,
    Tempo,
    TrackInfo,
)
from segue.music.xml_tree import parse_tree
from segue.plugin_api.errors import InvalidMusic

_STEPS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_UNITS: Final = {"whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25, "32nd": 0.125}
_DYNAMICS: Final = {"ppp": 20, "pp": 32, "p": 48, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 124}
_SNARE: Final = 38
_USUAL_VELOCITY: Final = 80
_EXACT: Final = 1e-6


@dataclass
class _Bar:
    """A bar as the first part has it: where it begins and how long it is."""

    start: float
    length: float


@dataclass
class _Part:
    """What is read out of one part."""

    info: TrackInfo
    notes: list[tuple[float, float, int, int]] = field(default_factory=list)
    """Start, duration, pitch, velocity."""
    bars: list[_Bar] = field(default_factory=list)
    tempos: dict[float, float] = field(default_factory=dict)
    meters: dict[float, tuple[int, int]] = field(default_factory=dict)
    keys: dict[float, tuple[int, bool]] = field(default_factory=dict)
    lyrics: list[Syllable] = field(default_factory=list)
    repeats: bool = False


def musicxml_to_piece(data: bytes, field: str = "music.musicxml") -> tuple[Piece, list[str]]:
    """Read a partwise MusicXML document, plain or compressed.

    Tied notes become one; grace notes, which have no length of their own, are left out; repeats are not played.

    Returns
    -------
    piece, notices
        The piece, which may be without notes, and sentences on what was left out.

    Raises
    ------
    InvalidMusic
        If it is no such document, or is too large (``segue.music.xml_tree``).
    """
    root = parse_tree(data, field)
    if root.tag != "score-partwise":
        raise InvalidMusic(field, f"has the root <{root.tag[:40]}>, must be a <score-partwise> document")
    infos = {part.get("id"): _track_info(part) for part in root.iterfind("part-list/score-part")}
    parts = [_Reader(infos.get(part.get("id"), TrackInfo()), field).read(part) for part in root.iterfind("part")]
    if sum(len(part.notes) for part in parts) > MAX_NOTES:
        raise InvalidMusic(field, f"has more than {MAX_NOTES} notes")
    if not parts:
        raise InvalidMusic(field, "has no part")
    notices = ["Repeats and endings are written once, not played."] if any(part.repeats for part in parts) else []
    rows = [(*note, index) for index, part in enumerate(parts) for note in part.notes]
    start, duration, pitch, velocity, track = np.array(rows, np.float64).reshape(-1, 5).T
    first = parts[0]
    piece = Piece.of(
        start,
        np.maximum(duration, SHORTEST_BEATS),
        pitch,
        velocity,
        track,
        tracks=tuple(part.info for part in parts),
        tempos=tuple(Tempo(beat, tempo) for part in parts[:1] for beat, tempo in sorted(part.tempos.items())),
        meters=_meters(first),
        keys=tuple(KeySignature(beat, *key) for beat, key in sorted(first.keys.items())),
        lyrics=tuple(sorted(syllable for part in parts for syllable in part.lyrics)),
    )
    return piece, notices


def _track_info(part: Element) -> TrackInfo:
    name = (part.findtext("part-name") or "").strip()[:200]
    program = _number(part.findtext(".//midi-program"), 1)
    channel = _number(part.findtext(".//midi-channel"), 1)
    return TrackInfo(name, int(np.clip(program - 1, 0, 127)), channel == 10)


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if np.isfinite(value) else default


def _meters(part: _Part) -> tuple[Meter, ...]:
    """State the metre again after each bar of another length, a pickup say, so that bars stay where they are."""
    stated: list[Meter] = []
    current, due = (4, 4), True
    for bar in part.bars:
        if bar.start in part.meters:
            current, due = part.meters[bar.start], True
        if due and bar.length > _EXACT:
            stated.append(Meter(bar.start, *current))
        due = abs(bar.length - Meter(0, *current).bar_beats) > _EXACT
    return tuple(stated)


class _Reader:
    """Walks the bars of one part."""

    def __init__(self, info: TrackInfo, field: str) -> None:
        self._part = _Part(info)
        self._field = field
        self._divisions = 1.0
        self._transpose = 0
        self._velocity = _USUAL_VELOCITY
        self._ties: dict[int, int] = {}

    def read(self, part: Element) -> _Part:
        """Read all bars."""
        start = 0.0
        for number, measure in enumerate(part.iterfind("measure"), 1):
            try:
                length = self._read_bar(measure, start)
            except (ValueError, OverflowError) as error:
                raise InvalidMusic(self._field, f"bar {number} can't be read: {error}") from None
            self._part.bars.append(_Bar(start, length))
            start += length
            if not start <= MAX_BEATS:
                raise InvalidMusic(self._field, f"lasts more than {MAX_BEATS:.0f} beats")
        return self._part

    def _read_bar(self, measure: Element, start: float) -> float:
        """Read one bar and return its length in beats."""
        now = furthest = struck = 0.0
        for item in measure:
            if item.tag == "note":
                length = 0.0 if item.find("grace") is not None else self._length(item)
                if item.find("chord") is None:
                    struck, now = now, now + length
                self._read_note(item, start + struck, length)
            elif item.tag == "backup":
                now = max(now - self._length(item), 0.0)
            elif item.tag == "forward":
                now += self._length(item)
            elif item.tag == "attributes":
                self._read_attributes(item, start)
            elif item.tag in ("direction", "sound"):
                self._read_direction(item, start + now)
            elif item.tag == "barline":
                self._part.repeats |= item.find("repeat") is not None
            furthest = max(furthest, now)
        return furthest

    def _length(self, item: Element) -> float:
        length = _number(item.findtext("duration"), 0.0) / self._divisions
        return min(max(length, 0.0), MAX_BEATS)

    def _read_attributes(self, item: Element, start: float) -> None:
        self._divisions = max(_number(item.findtext("divisions"), self._divisions), 1.0)
        chromatic, octaves = (_number(item.findtext(f"transpose/{name}"), 0) for name in ("chromatic", "octave-change"))
        if item.find("transpose") is not None:
            self._transpose = int(chromatic + 12 * octaves)
        beats, unit = item.findtext("time/beats"), _number(item.findtext("time/beat-type"), 0)
        if beats and unit in (1, 2, 4, 8, 16, 32):
            count = sum(_number(part, 0) for part in beats.split("+"))
            if 1 <= count <= 32:
                self._part.meters[start] = (int(count), int(unit))
        fifths = item.findtext("key/fifths")
        if fifths is not None and abs(_number(fifths, 99)) <= 7:
            minor = item.findtext("key/mode") == "minor"
            self._part.keys[start] = ((int(_number(fifths, 0)) * 7 + 9 * minor) % 12, minor)

    def _read_direction(self, item: Element, beat: float) -> None:
        sound = item if item.tag == "sound" else item.find("sound")
        tempo = _number(sound.get("tempo"), 0) if sound is not None else 0.0
        metronome = item.find(".//metronome")
        if not tempo and metronome is not None:
            unit = _UNITS.get(metronome.findtext("beat-unit") or "", 1.0)
            dotted = 1.5 if metronome.find("beat-unit-dot") is not None else 1.0
            tempo = _number(metronome.findtext("per-minute"), 0) * unit * dotted
        if 5 <= tempo <= 1000:
            self._part.tempos[beat] = tempo
        for mark in item.iterfind(".//dynamics/*"):
            self._velocity = _DYNAMICS.get(mark.tag, self._velocity)

    def _read_note(self, item: Element, start: float, length: float) -> None:
        if item.find("rest") is not None or length <= 0 or item.find("cue") is not None:
            return
        pitch = self._pitch(item)
        ties = {tie.get("type") for tie in item.iterfind("tie")}
        notes = self._part.notes
        held = self._ties.get(pitch)
        if "stop" in ties and held is not None and abs(notes[held][0] + notes[held][1] - start) < _EXACT:
            begun, lasted, *rest = notes[held]
            notes[held] = (begun, lasted + length, *rest)  # type: ignore[assignment]
        else:
            held = len(notes)
            notes.append((start, length, pitch, self._velocity))
        if "start" in ties:
            self._ties[pitch] = held
        else:
            self._ties.pop(pitch, None)
        text = item.findtext("lyric/text")
        if text and text.strip():
            goes_on = item.findtext("lyric/syllabic") in ("begin", "middle")
            self._part.lyrics.append(Syllable(start, text.strip()[:199] + "-" * goes_on))

    def _pitch(self, item: Element) -> int:
        if item.find("unpitched") is not None:
            self._part.info = self._part.info._replace(drums=True)
            return _SNARE
        step = (item.findtext("pitch/step") or "").strip()
        if step not in _STEPS:
            raise ValueError(f"a note has the step {step[:10]!r}, must be A to G")
        octave, alter = _number(item.findtext("pitch/octave"), 4), _number(item.findtext("pitch/alter"), 0)
        pitch = 12 * (int(octave) + 1) + _STEPS[step] + round(alter) + self._transpose
        if not 0 <= pitch <= 127:
            raise ValueError(f"a note has the pitch {pitch}, must be 0 to 127")
        return pitch
