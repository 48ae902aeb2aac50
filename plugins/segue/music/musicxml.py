"""MusicXML to pieces: the notes of every part as they sound, each bar once.

References
----------
MusicXML 4.0, W3C Community Group Report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
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
    WrittenChord,
)
from segue.music.written_chords import SILENCE, read_symbol
from segue.music.xml_tree import parse_tree
from segue.plugin_api.errors import InvalidMusic

_STEPS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_UNITS: Final = {"whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25, "32nd": 0.125}
_DYNAMICS: Final = {"ppp": 20, "pp": 32, "p": 48, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 124}
_SNARE: Final = 38
_USUAL_VELOCITY: Final = 80
_EXACT: Final = 1e-6
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")


@dataclass
class _Part:
    """What is read out of one part; where is told by the number of the bar, from 0, and beats from its start."""

    info: TrackInfo
    drums: dict[str, int] = field(default_factory=dict)
    """Id of an instrument of the part → the drum that it stands for."""
    notes: list[tuple[int, float, float, int, int]] = field(default_factory=list)
    """Bar, beats into it, duration, pitch, velocity."""
    bars: list[float] = field(default_factory=list)
    """Length of each bar, as far as it is filled."""
    tempos: dict[tuple[int, float], float] = field(default_factory=dict)
    meters: dict[int, tuple[int, int]] = field(default_factory=dict)
    keys: dict[int, tuple[int, bool]] = field(default_factory=dict)
    lyrics: list[tuple[int, float, str]] = field(default_factory=list)
    repeats: bool = False
    lengthless: int = 0
    """Notes whose duration is missing or impossible."""
    graces: int = 0
    chords: list[tuple[int, float, tuple[int, int, int]]] = field(default_factory=list)
    """Bar, beats into it, and the chord of each symbol (``written_chords.read_symbol``)."""


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
    parts, bars = _read_parts(data, field)
    notices = ["Repeats and endings are written once, not played."] if any(part.repeats for part in parts) else []
    if lengthless := sum(part.lengthless for part in parts):
        notices.append(f"Notes without a possible duration: {lengthless}; they are left out.")
    if graces := sum(part.graces for part in parts):
        notices.append(f"Grace notes: {graces}; they are left out.")
    rows = [(bars[bar] + at, *note, index) for index, part in enumerate(parts) for bar, at, *note in part.notes]
    start, duration, pitch, velocity, track = np.array(rows, np.float64).reshape(-1, 5).T
    tempos = {bars[bar] + at: tempo for part in reversed(parts) for (bar, at), tempo in part.tempos.items()}
    piece = Piece.of(
        start,
        np.maximum(duration, SHORTEST_BEATS),
        pitch,
        velocity,
        track,
        tracks=tuple(part.info for part in parts),
        tempos=tuple(Tempo(*each) for each in sorted(tempos.items())),
        meters=_meters(bars, _stated(parts)),
        keys=tuple(KeySignature(bars[bar], *key) for bar, key in sorted(parts[0].keys.items())),
        lyrics=tuple(sorted(Syllable(bars[bar] + at, text) for part in parts for bar, at, text in part.lyrics)),
        symbols=_symbols(parts, bars),
    )
    return piece, notices


def _symbols(parts: Sequence[_Part], bars: Sequence[float]) -> tuple[WrittenChord, ...]:
    """Return the chord symbols; none if they name no chord."""
    found = {bars[bar] + at: chord for part in reversed(parts) for bar, at, chord in part.chords}
    symbols = tuple(WrittenChord(beat, *chord) for beat, chord in sorted(found.items()))
    return symbols if any(symbol.root != SILENCE for symbol in symbols) else ()


def _read_parts(data: bytes, field: str) -> tuple[list[_Part], list[float]]:
    """Read all parts, and where each bar begins."""
    root = parse_tree(data, field)
    if root.tag != "score-partwise":
        raise InvalidMusic(field, f"has the root <{root.tag[:40]}>, must be a <score-partwise> document")
    heads = {head.get("id"): head for head in root.iterfind("part-list/score-part")}
    parts = [_Reader(heads.get(part.get("id")), field).read(part) for part in root.iterfind("part")]
    if sum(len(part.notes) for part in parts) > MAX_NOTES:
        raise InvalidMusic(field, f"has more than {MAX_NOTES} notes")
    if not parts:
        raise InvalidMusic(field, "has no part")
    return parts, _bars(parts, _stated(parts), field)


def _stated(parts: Sequence[_Part]) -> dict[int, tuple[int, int]]:
    """Return the metres by bar; where parts differ, the first one's."""
    stated: dict[int, tuple[int, int]] = {}
    for part in reversed(parts):
        stated |= part.meters
    return stated


def _track_info(part: Element | None) -> TrackInfo:
    if part is None:
        return TrackInfo()
    name = (part.findtext("part-name") or "").strip()[:200]
    program = _number(part.findtext(".//midi-program"), 1)
    channel = _number(part.findtext(".//midi-channel"), 1)
    return TrackInfo(name, int(np.clip(program - 1, 0, 127)), channel == 10)


def _drums(part: Element | None) -> dict[str, int]:
    instruments = part.iterfind("midi-instrument") if part is not None else ()
    numbers = ((i.get("id") or "", _number(i.findtext("midi-unpitched"), 0)) for i in instruments)
    return {name: int(number) - 1 for name, number in numbers if 1 <= number <= 128}


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if np.isfinite(value) else default


def _bars(parts: Sequence[_Part], stated: Mapping[int, tuple[int, int]], field: str) -> list[float]:
    """Return where each bar begins, and where the last one ends: the same in all parts.

    A bar is as long as the part that fills it most, since others may leave it empty or want a rest; one that is empty
    in all has its metre's length.
    """
    starts, metre = [0.0], (4, 4)
    for number in range(max(len(part.bars) for part in parts)):
        metre = stated.get(number, metre)
        length = max(part.bars[number] for part in parts if number < len(part.bars))
        starts.append(starts[-1] + (length if length > _EXACT else Meter(0, *metre).bar_beats))
        if not starts[-1] <= MAX_BEATS:
            raise InvalidMusic(field, f"lasts more than {MAX_BEATS:.0f} beats")
    return starts


def _meters(bars: Sequence[float], stated: Mapping[int, tuple[int, int]]) -> tuple[Meter, ...]:
    """State the metre again after each bar of another length, a pickup say, so that bars stay where they are."""
    found: list[Meter] = []
    current, due = (4, 4), True
    for number, (start, end) in enumerate(pairwise(bars)):
        if number in stated:
            current, due = stated[number], True
        if due:
            found.append(Meter(start, *current))
        due = abs(end - start - Meter(0, *current).bar_beats) > _EXACT
    return tuple(found)


class _Reader:
    """Walks the bars of one part."""

    def __init__(self, head: Element | None, field: str) -> None:
        self._part = _Part(_track_info(head), _drums(head))
        self._field = field
        self._divisions = 1.0
        self._transpose = 0
        self._velocity = _USUAL_VELOCITY
        self._ties: dict[int, tuple[int, float]] = {}
        """Pitch of each note that is tied on → its row, and where it ends, in beats as this part alone has them."""
        self._bar = 0
        self._passed = 0.0

    def read(self, part: Element) -> _Part:
        """Read all bars."""
        for self._bar, measure in enumerate(part.iterfind("measure")):
            try:
                length = self._read_bar(measure)
            except (ValueError, OverflowError) as error:
                raise InvalidMusic(self._field, f"bar {self._bar + 1} can't be read: {error}") from None
            self._part.bars.append(length)
            self._passed += length
            if not self._passed <= MAX_BEATS:
                raise InvalidMusic(self._field, f"lasts more than {MAX_BEATS:.0f} beats")
        return self._part

    def _read_bar(self, measure: Element) -> float:
        """Read one bar and return its length in beats."""
        now = furthest = struck = 0.0
        for item in measure:
            if item.tag == "note":
                length = 0.0 if item.find("grace") is not None else self._length(item)
                if item.find("chord") is None:
                    struck, now = now, now + length
                self._read_note(item, struck, length)
            elif item.tag == "backup":
                now = max(now - self._length(item), 0.0)
            elif item.tag == "forward":
                now += self._length(item)
            elif item.tag == "attributes":
                self._read_attributes(item)
            elif item.tag in ("direction", "sound"):
                self._read_direction(item, now)
            elif item.tag == "harmony":
                chord = read_symbol(item, self._transpose)
                if chord is not None:
                    self._part.chords.append((self._bar, now, chord))
            elif item.tag == "barline":
                self._part.repeats |= item.find("repeat") is not None
            furthest = max(furthest, now)
        return furthest

    def _length(self, item: Element) -> float:
        length = _number(item.findtext("duration"), 0.0) / self._divisions
        return min(max(length, 0.0), MAX_BEATS)

    def _read_attributes(self, item: Element) -> None:
        self._divisions = max(_number(item.findtext("divisions"), self._divisions), 1.0)
        chromatic, octaves = (_number(item.findtext(f"transpose/{name}"), 0) for name in ("chromatic", "octave-change"))
        if item.find("transpose") is not None:
            self._transpose = int(chromatic + 12 * octaves)
        beats, unit = item.findtext("time/beats"), _number(item.findtext("time/beat-type"), 0)
        if beats and unit in (1, 2, 4, 8, 16, 32):
            count = sum(_number(part, 0) for part in beats.split("+"))
            if 1 <= count <= 32:
                self._part.meters[self._bar] = (int(count), int(unit))
        fifths = item.findtext("key/fifths")
        if fifths is not None and abs(_number(fifths, 99)) <= 7:
            minor = (item.findtext("key/mode") or "").strip().lower() == "minor"
            tonic = int(_number(fifths, 0)) * 7 + 9 * minor + self._transpose  # as it sounds
            self._part.keys[self._bar] = (tonic % 12, minor)

    def _read_direction(self, item: Element, at: float) -> None:
        sound = item if item.tag == "sound" else item.find("sound")
        tempo = _number(sound.get("tempo"), 0) if sound is not None else 0.0
        metronome = item.find(".//metronome")
        if not tempo and metronome is not None:
            unit = _UNITS.get(metronome.findtext("beat-unit") or "", 1.0)
            dotted = 1.5 if metronome.find("beat-unit-dot") is not None else 1.0
            said = _NUMBER.search(metronome.findtext("per-minute") or "")  # "c. 60" too
            tempo = float(said[0]) * unit * dotted if said else 0.0
        if 5 <= tempo <= 1000:
            self._part.tempos[self._bar, at] = tempo
        for mark in item.iterfind(".//dynamics/*"):
            self._velocity = _DYNAMICS.get(mark.tag, self._velocity)

    def _read_note(self, item: Element, at: float, length: float) -> None:
        if item.find("rest") is not None or item.find("cue") is not None or item.find("grace") is not None:
            self._part.graces += item.find("grace") is not None
            return
        if length <= 0:
            self._part.lengthless += 1
            return
        pitch = self._pitch(item)
        ties = {tie.get("type") for path in ("tie", "notations/tied") for tie in item.iterfind(path)}
        notes, start = self._part.notes, self._passed + at
        held, until = self._ties.pop(pitch, (-1, -1.0))
        if "stop" in ties and held >= 0 and abs(until - start) < _EXACT:
            bar, begun, lasted, *rest = notes[held]
            notes[held] = (bar, begun, lasted + length, *rest)  # type: ignore[assignment]
        else:
            held = len(notes)
            notes.append((self._bar, at, length, pitch, self._velocity))
        if "start" in ties:
            self._ties[pitch] = (held, start + length)
        text = item.findtext("lyric/text")
        if text and text.strip():
            goes_on = item.findtext("lyric/syllabic") in ("begin", "middle")
            self._part.lyrics.append((self._bar, at, text.strip()[:199] + "-" * goes_on))

    def _pitch(self, item: Element) -> int:
        if item.find("unpitched") is not None:
            self._part.info = self._part.info._replace(drums=True)
            instrument = item.find("instrument")
            return self._part.drums.get(instrument.get("id") or "", _SNARE) if instrument is not None else _SNARE
        step = (item.findtext("pitch/step") or "").strip()
        if step not in _STEPS:
            raise ValueError(f"a note has the step {step[:10]!r}, must be A to G")
        octave, alter = _number(item.findtext("pitch/octave"), 4), _number(item.findtext("pitch/alter"), 0)
        pitch = 12 * (int(octave) + 1) + _STEPS[step] + round(alter) + self._transpose
        if not 0 <= pitch <= 127:
            raise ValueError(f"a note has the pitch {pitch}, must be 0 to 127")
        return pitch
