"""Pieces of one voice to a part as MusicXML, with their words: for lead sheets and songs.

References
----------
MusicXML 4.0, W3C Community Group Report.
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from segue.music.piece import DEFAULT_TEMPO, Meter, Piece, Syllable

DIVISIONS: Final = 24
"""To a quarter note: 32nd notes and triplets are exact, all else is rounded."""
_TYPES: Final = {
    96: ("whole", 0), 72: ("half", 1), 48: ("half", 0), 36: ("quarter", 1), 24: ("quarter", 0), 18: ("eighth", 1),
    12: ("eighth", 0), 9: ("16th", 1), 6: ("16th", 0), 3: ("32nd", 0),
    16: ("quarter", -1), 8: ("eighth", -1), 4: ("16th", -1),
}  # fmt: skip
"""Length → note value and dots; -1 is one of a triplet."""
_SHARP: Final = (
    ("C", 0),
    ("C", 1),
    ("D", 0),
    ("D", 1),
    ("E", 0),
    ("F", 0),
    ("F", 1),
    ("G", 0),
    ("G", 1),
    ("A", 0),
    ("A", 1),
    ("B", 0),
)
_FLAT: Final = (
    ("C", 0),
    ("D", -1),
    ("D", 0),
    ("E", -1),
    ("E", 0),
    ("F", 0),
    ("G", -1),
    ("G", 0),
    ("A", -1),
    ("A", 0),
    ("B", -1),
    ("B", 0),
)


def piece_to_musicxml(piece: Piece, title: str = "") -> bytes:
    """Write a partwise MusicXML document.

    A part has one voice: of notes that begin together the highest is written, and a note ends where the next begins.
    The lyrics of the piece go to the notes of the first track that begin with them; a trailing hyphen joins syllables.
    """
    root = Element("score-partwise", version="4.0")
    if title:
        SubElement(SubElement(root, "work"), "work-title").text = title
    names = SubElement(root, "part-list")
    for number, info in enumerate(piece.tracks, 1):
        part = SubElement(names, "score-part", id=f"P{number}")
        SubElement(part, "part-name").text = info.name or f"Part {number}"
    for number in range(len(piece.tracks)):
        _Writer(piece, number).write(SubElement(root, "part", id=f"P{number + 1}"))
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


class _Writer:
    """Writes one part."""

    def __init__(self, piece: Piece, track: int) -> None:
        self._piece = piece
        self._notes = _one_voice(piece.select(piece.track == track))
        self._words = _words(piece.lyrics) if track == 0 else {}
        fifths = _fifths(piece)
        self._fifths = fifths
        self._spelling = _FLAT if fifths < 0 else _SHARP

    def write(self, part: Element) -> None:
        """Write all bars."""
        starts = np.rint(self._piece.bar_starts * DIVISIONS).astype(int).tolist()
        meters = self._piece.meter_at(self._piece.bar_starts)
        last = starts[-1] + round(meters[-1].bar_beats * DIVISIONS)
        before: Meter | None = None
        for number, (begin, end, meter) in enumerate(zip(starts, [*starts[1:], last], meters, strict=True), 1):
            measure = SubElement(part, "measure", number=str(number))
            self._attributes(measure, meter, before)
            before = meter
            self._bar(measure, begin, end)

    def _attributes(self, measure: Element, meter: Meter, before: Meter | None) -> None:
        first = before is None
        if not first and (before.numerator, before.denominator) == (meter.numerator, meter.denominator):  # type: ignore[union-attr]
            return
        attributes = SubElement(measure, "attributes")
        if first:
            SubElement(attributes, "divisions").text = str(DIVISIONS)
            SubElement(SubElement(attributes, "key"), "fifths").text = str(self._fifths)
        time = SubElement(attributes, "time")
        SubElement(time, "beats").text = str(meter.numerator)
        SubElement(time, "beat-type").text = str(meter.denominator)
        if first:
            tempo = self._piece.tempos[0].quarters_per_minute if self._piece.tempos else DEFAULT_TEMPO
            direction = SubElement(measure, "direction", placement="above")
            SubElement(SubElement(direction, "direction-type"), "words")
            SubElement(direction, "sound", tempo=f"{tempo:g}")

    def _bar(self, measure: Element, begin: int, end: int) -> None:
        now = begin
        for start, stop, pitch in self._notes:
            if stop <= begin or start >= end:
                continue
            first, until = max(start, begin), min(stop, end)
            self._values(measure, first - now, None, start, stop, now)
            self._values(measure, until - first, pitch, start, stop, first)
            now = until
        self._values(measure, end - now, None, 0, 0, now)

    def _values(self, measure: Element, length: int, pitch: int | None, start: int, stop: int, at: int) -> None:
        """Write a stretch of one bar as note values, tied where a note needs several."""
        while length > 0:
            value = next((value for value in _TYPES if value <= length and (value % 3 == 0 or value == length)), length)
            note = SubElement(measure, "note")
            if pitch is None:
                SubElement(note, "rest")
            else:
                self._pitch(note, pitch)
            SubElement(note, "duration").text = str(value)
            ties = (
                [] if pitch is None else [k for k, tied in (("stop", at > start), ("start", at + value < stop)) if tied]
            )
            for kind in ties:
                SubElement(note, "tie", type=kind)
            self._type(note, value)
            if ties:
                notations = SubElement(note, "notations")
                for kind in ties:
                    SubElement(notations, "tied", type=kind)
            if pitch is not None and at == start and (word := self._words.get(start)):
                lyric = SubElement(note, "lyric", number="1")
                SubElement(lyric, "syllabic").text = word[0]
                SubElement(lyric, "text").text = word[1]
            length, at = length - value, at + value

    def _pitch(self, note: Element, pitch: int) -> None:
        step, alter = self._spelling[pitch % 12]
        element = SubElement(note, "pitch")
        SubElement(element, "step").text = step
        if alter:
            SubElement(element, "alter").text = str(alter)
        SubElement(element, "octave").text = str(pitch // 12 - 1)

    def _type(self, note: Element, value: int) -> None:
        name, dots = _TYPES.get(value, ("", 0))
        if not name:
            return
        SubElement(note, "type").text = name
        if dots > 0:
            SubElement(note, "dot")
        if dots < 0:
            triplet = SubElement(note, "time-modification")
            SubElement(triplet, "actual-notes").text = "3"
            SubElement(triplet, "normal-notes").text = "2"


def _one_voice(piece: Piece) -> list[tuple[int, int, int]]:
    """Return begin, end and pitch of each note, in divisions, no two together."""
    highest: dict[int, tuple[int, int]] = {}
    begins = np.rint(piece.start * DIVISIONS).astype(int).tolist()
    ends = np.rint(piece.end * DIVISIONS).astype(int).tolist()
    for begin, end, pitch in zip(begins, ends, piece.pitch.tolist(), strict=True):
        if begin not in highest or pitch > highest[begin][1]:
            highest[begin] = (max(end, begin + 1), pitch)
    order = sorted(highest)
    following = [*order[1:], max((end for end, _ in highest.values()), default=0)]
    return [
        (begin, min(highest[begin][0], after), highest[begin][1]) for begin, after in zip(order, following, strict=True)
    ]


def _words(lyrics: tuple[Syllable, ...]) -> dict[int, tuple[str, str]]:
    """Return where each syllable begins, in divisions → its place in the word and its text."""
    found: dict[int, tuple[str, str]] = {}
    inside = False
    for syllable in lyrics:
        goes_on = syllable.text.endswith("-")
        place = ("middle" if goes_on else "end") if inside else ("begin" if goes_on else "single")
        found[round(syllable.beat * DIVISIONS)] = (place, syllable.text.rstrip("-") if goes_on else syllable.text)
        inside = goes_on
    return found


def _fifths(piece: Piece) -> int:
    """Return the sharps (or, negative, flats) of the first key signature, at most six."""
    if not piece.keys:
        return 0
    fifths = ((piece.keys[0].tonic + 3 * piece.keys[0].minor) * 7) % 12
    return fifths - 12 if fifths > 6 else fifths
