"""A MIDI file written as MusicXML, to be engraved: bars, staves, note values, ties, beams, triplets, accidentals.

Time is counted in twelfths of a quarter note. Each beat is read in sixteenths or in triplets, whichever its notes are
nearer to. A staff has one voice: notes that begin together are a chord, and a chord ends where the next begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as Xml

import numpy as np
from segue.client.media._notes import Part, Roll, read_midi, read_roll
from segue.v1.music_pb2 import Key, Mode

DIVISIONS: Final = 12
_VALUES: Final = {
    48: ("whole", 0, False), 36: ("half", 1, False), 24: ("half", 0, False), 18: ("quarter", 1, False),
    12: ("quarter", 0, False), 9: ("eighth", 1, False), 6: ("eighth", 0, False), 3: ("16th", 0, False),
    8: ("quarter", 0, True), 4: ("eighth", 0, True),
}  # fmt: skip
"""Length → name, dots, and whether it is of a triplet."""
_FIFTHS: Final = "FCGDAEB"
_SPLIT: Final = 60
_WIDE: Final = 24
_LOW: Final = 57
_DRUMS: Final = {35: "F4", 36: "F4", 38: "C5", 40: "C5", 37: "C5", 41: "A4", 43: "A4", 45: "D5", 47: "D5", 48: "E5"}
"""General MIDI drum → its place on the staff; the others, mostly of metal, are crosses above it."""


@dataclass(frozen=True)
class Symbol:
    """A note, chord or rest as it is written, in one bar.

    Attributes
    ----------
    start, length
        In twelfths of a quarter note, from the start of the bar.
    pitches
        MIDI numbers, ascending; none for a rest.
    begun, goes_on
        True if it is tied to the symbol before, and to the one after.
    """

    start: int
    length: int
    pitches: tuple[int, ...] = ()
    begun: bool = False
    goes_on: bool = False


def midi_to_musicxml(midi: bytes, key: Key | None, title: str) -> bytes:
    """Write a MIDI file as a partwise MusicXML document.

    Raises
    ------
    InvalidMusic
        If it can't be parsed, or has no notes or too many.
    """
    roll = read_roll(midi)
    score = read_midi(midi).to("quarter")
    fifths = _fifths(key) if key else int(score.key_signatures[0].key) if score.key_signatures else 0
    root = Xml.Element("score-partwise", version="4.0")
    if title:
        Xml.SubElement(Xml.SubElement(root, "work"), "work-title").text = title
    names = Xml.SubElement(root, "part-list")
    for number, part in enumerate(roll.parts):
        listed = Xml.SubElement(names, "score-part", id=f"P{number}")
        Xml.SubElement(listed, "part-name").text = part.name
    meters = [(float(s.time), int(s.numerator), int(s.denominator)) for s in score.time_signatures] or [(0.0, 4, 4)]
    for number, part in enumerate(roll.parts):
        _Writer(roll, part, fifths, meters, first=number == 0).write(Xml.SubElement(root, "part", id=f"P{number}"))
    document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _fifths(key: Key) -> int:
    """Return the sharps of a key, -5 to 6."""
    major = key.tonic + (3 if key.mode == Mode.MODE_MINOR else 0)
    return (major * 7 + 5) % 12 - 5


def spell(pitch: int, fifths: int) -> tuple[str, int, int]:
    """Return step, alteration and octave of a MIDI number as a key of so many sharps spells it."""
    place = (pitch * 7 - fifths + 3) % 12 + fifths - 3  # on the line of fifths, C is 0
    alter, step = divmod(place + 1, 7)
    return _FIFTHS[step], alter, (pitch - alter) // 12 - 1


class _Writer:
    """Writes one part.

    Parameters
    ----------
    roll, part
        The piece, and the part of it.
    fifths
        Sharps of the key; negative for flats.
    meters
        Beat, numerator and denominator of each time signature.
    first
        True for the part above which the tempo is written.
    """

    def __init__(
        self, roll: Roll, part: Part, fifths: int, meters: Sequence[tuple[float, int, int]], *, first: bool
    ) -> None:
        self._roll, self._part, self._fifths, self._meters, self._first = roll, part, fifths, meters, first
        pitch = part.notes[:, 2]
        both = not part.drums and pitch.min() < _SPLIT <= pitch.max() and np.ptp(pitch) > _WIDE
        masks = [pitch >= _SPLIT, pitch < _SPLIT] if both else [np.ones(len(pitch), bool)]
        self._edges = [round(beat * DIVISIONS / 3) * 3 for beat in roll.bar_starts]
        whole_beats = all(edge % DIVISIONS == 0 for edge in self._edges)
        self._staves = [quantised(part.notes[mask], triplets=whole_beats) for mask in masks]
        self._clefs = ["G", "F"] if both else ["percussion" if part.drums else "F" if pitch.mean() < _LOW else "G"]

    def write(self, root: Xml.Element) -> None:
        """Write every bar."""
        cut = [bars(chords, self._edges) for chords in self._staves]
        shown = None
        for number, (start, end) in enumerate(pairwise(self._edges)):
            measure = Xml.SubElement(root, "measure", number=str(number + 1))
            meter = [(n, d) for beat, n, d in self._meters if beat * DIVISIONS <= start + 1] or [(4, 4)]
            if number == 0 or meter[-1] != shown:
                self._write_attributes(measure, meter[-1], whole=number == 0)
                shown = meter[-1]
            if number == 0 and self._first:
                _write_tempo(measure, self._roll.tempo)
            group = 18 if meter[-1][1] == 8 and meter[-1][0] % 3 == 0 else 12
            for staff, symbols in enumerate(cut):
                if staff:
                    Xml.SubElement(Xml.SubElement(measure, "backup"), "duration").text = str(end - start)
                self._write_symbols(measure, symbols[number], staff, group)

    def _write_attributes(self, measure: Xml.Element, meter: tuple[int, int], *, whole: bool) -> None:
        attributes = Xml.SubElement(measure, "attributes")
        if whole:
            Xml.SubElement(attributes, "divisions").text = str(DIVISIONS)
            Xml.SubElement(Xml.SubElement(attributes, "key"), "fifths").text = str(self._fifths)
        time = Xml.SubElement(attributes, "time")
        Xml.SubElement(time, "beats").text, Xml.SubElement(time, "beat-type").text = map(str, meter)
        if whole:
            Xml.SubElement(attributes, "staves").text = str(len(self._clefs))
            for number, sign in enumerate(self._clefs, 1):
                clef = Xml.SubElement(attributes, "clef", number=str(number))
                Xml.SubElement(clef, "sign").text = sign
                if sign != "percussion":
                    Xml.SubElement(clef, "line").text = "2" if sign == "G" else "4"

    def _write_symbols(self, measure: Xml.Element, symbols: Sequence[Symbol], staff: int, group: int) -> None:
        altered: dict[tuple[str, int], int] = {}
        beams = _marks(symbols, group, lambda s: bool(s.pitches) and s.length < 12 and s.length != 8)
        tuplets = _marks(symbols, 12, lambda s: _VALUES[s.length][2])
        for symbol, beam, tuplet in zip(symbols, beams, tuplets, strict=True):
            written = _by_place(symbol.pitches) if self._part.drums else symbol.pitches
            for place, pitch in enumerate(written or (None,)):
                note = Xml.SubElement(measure, "note")
                if place:
                    Xml.SubElement(note, "chord")
                self._write_note(note, symbol, pitch, staff, altered)
                if beam and not place:
                    Xml.SubElement(note, "beam", number="1").text = beam
                self._write_notations(note, symbol, tuplet if not place else "")

    def _write_note(
        self, note: Xml.Element, symbol: Symbol, pitch: int | None, staff: int, altered: dict[tuple[str, int], int]
    ) -> None:
        """Write pitch, length, ties, value, accidental and staff, in the order that the format demands."""
        accidental = ""
        if pitch is None:
            Xml.SubElement(note, "rest")
        elif self._part.drums:
            place = _DRUMS.get(pitch, "G5")
            unpitched = Xml.SubElement(note, "unpitched")
            Xml.SubElement(unpitched, "display-step").text = place[0]
            Xml.SubElement(unpitched, "display-octave").text = place[1]
        else:
            step, alter, octave = spell(pitch, self._fifths)
            about = Xml.SubElement(note, "pitch")
            Xml.SubElement(about, "step").text = step
            Xml.SubElement(about, "alter").text = str(alter)
            Xml.SubElement(about, "octave").text = str(octave)
            usual = (self._fifths - _FIFTHS.index(step) + 6) // 7
            if altered.get((step, octave), usual) != alter and not symbol.begun:
                accidental = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}[alter]
            if not symbol.begun:
                altered[step, octave] = alter
        Xml.SubElement(note, "duration").text = str(symbol.length)
        for kind in _ties(symbol):
            Xml.SubElement(note, "tie", type=kind)
        name, dots, triplet = _VALUES[symbol.length]
        Xml.SubElement(note, "voice").text = str(staff + 1)
        Xml.SubElement(note, "type").text = name
        for _ in range(dots):
            Xml.SubElement(note, "dot")
        if accidental:
            Xml.SubElement(note, "accidental").text = accidental
        if triplet:
            change = Xml.SubElement(note, "time-modification")
            Xml.SubElement(change, "actual-notes").text, Xml.SubElement(change, "normal-notes").text = "3", "2"
        if self._part.drums and pitch is not None and pitch not in _DRUMS:
            Xml.SubElement(note, "notehead").text = "x"
        Xml.SubElement(note, "staff").text = str(staff + 1)

    def _write_notations(self, note: Xml.Element, symbol: Symbol, tuplet: str) -> None:
        ends = [kind for kind, mark in (("start", "begin"), ("stop", "end")) if tuplet == mark]
        ties = _ties(symbol)
        if ends or ties:
            notations = Xml.SubElement(note, "notations")
            for kind in ties:
                Xml.SubElement(notations, "tied", type=kind)
            for kind in ends:
                Xml.SubElement(notations, "tuplet", type=kind)


def _by_place(drums: Sequence[int]) -> list[int]:
    """Return one drum for each place on the staff."""
    return list({_DRUMS.get(drum, ""): drum for drum in drums}.values())


def _ties(symbol: Symbol) -> list[str]:
    return [kind for kind, is_so in (("stop", symbol.begun), ("start", symbol.goes_on)) if is_so and symbol.pitches]


def _marks(symbols: Sequence[Symbol], group: int, belongs: Any) -> list[str]:
    """Say of each symbol whether it begins, continues or ends a run of two or more within a group of a length."""
    marks = [""] * len(symbols)
    run: list[int] = []
    for index, symbol in enumerate([*symbols, None]):
        goes_on = symbol is not None and belongs(symbol)
        if run and not (goes_on and symbol and symbol.start // group == symbols[run[0]].start // group):
            if len(run) > 1:
                for member in run:
                    marks[member] = "begin" if member == run[0] else "end" if member == run[-1] else "continue"
            run = []
        if goes_on:
            run.append(index)
    return marks


def _write_tempo(measure: Xml.Element, tempo: float) -> None:
    direction = Xml.SubElement(measure, "direction", placement="above")
    mark = Xml.SubElement(Xml.SubElement(direction, "direction-type"), "metronome")
    Xml.SubElement(mark, "beat-unit").text, Xml.SubElement(mark, "per-minute").text = "quarter", f"{tempo:.0f}"


def quantised(notes: np.ndarray[Any, np.dtype[np.float64]], *, triplets: bool) -> list[Symbol]:
    """Lay notes, shape (n, 4), on the grid of each beat: chords in order, none of them longer than to the next.

    Parameters
    ----------
    notes
        Start and length in beats, pitch, velocity.
    triplets
        Whether there may be any: where bars do not begin on quarter notes, none are written.
    """
    begin, end = notes[:, 0] * DIVISIONS, (notes[:, 0] + notes[:, 1]) * DIVISIONS
    thirds = _triplet_beats(begin) if triplets else set()
    starts, ends = (np.array([_nearest(at, thirds) for at in side.tolist()], int) for side in (begin, end))
    chords: dict[int, Symbol] = {}
    pitches = notes[:, 2].astype(int).tolist()
    for start, stop, pitch in sorted(zip(starts.tolist(), ends.tolist(), pitches, strict=True)):
        step = 4 if start // 12 in thirds else 3
        old = chords.get(start, Symbol(start, step))
        chords[start] = Symbol(start, max(old.length, stop - start), tuple(sorted({*old.pitches, pitch})))
    found = list(chords.values())
    return [
        replace(chord, length=min(chord.length, after.start - chord.start)) for chord, after in pairwise(found)
    ] + found[-1:]


def _triplet_beats(begin: np.ndarray[Any, np.dtype[np.float64]]) -> set[int]:
    """Return the beats whose notes begin clearly nearer to triplets than to sixteenths."""
    beat = np.floor(begin / 12 + 1 / 24).astype(int)
    found = set()
    for number in np.unique(beat).tolist():
        inside = begin[beat == number] - 12 * number
        by_three, by_four = (np.abs(inside - np.rint(inside / step) * step).sum() for step in (4, 3))
        if by_three < 0.6 * by_four:
            found.add(number)
    return found


def _nearest(at: float, triplets: set[int]) -> int:
    beat = int(np.floor(at / 12))
    step = 4 if beat in triplets else 3
    return beat * 12 + round((at - 12 * beat) / step) * step


def bars(chords: Sequence[Symbol], edges: Sequence[int]) -> list[list[Symbol]]:
    """Cut chords and the rests between them at bar lines and into values that can be written."""
    whole: list[list[Symbol]] = []
    waiting = list(reversed(chords))
    for start, end in pairwise(edges):
        symbols: list[Symbol] = []
        at = start
        while waiting and waiting[-1].start < end:
            chord = waiting.pop()
            symbols += _cut(Symbol(at, chord.start - at), start)
            inside = min(chord.start + chord.length, end)
            over = chord.start + chord.length - inside
            symbols += _cut(replace(chord, length=inside - chord.start, goes_on=over > 0), start)
            at = inside
            if over:
                waiting.append(Symbol(inside, over, chord.pitches, begun=True))
                break
        whole.append([*symbols, *_cut(Symbol(at, end - at), start)])
    return whole


def _cut(symbol: Symbol, bar: int) -> Iterator[Symbol]:
    """Cut a symbol into values; all but the last are tied to what follows."""
    at, end = symbol.start, symbol.start + symbol.length
    while at < end:
        length = _value(at - bar, end - at)
        last = at + length >= end
        begun = symbol.begun or at > symbol.start
        yield Symbol(at - bar, min(length, end - at), symbol.pitches, begun, symbol.goes_on if last else True)
        at += length


def _value(place: int, left: int) -> int:
    """Return the longest value that may be written at a place of the bar when so much is left."""
    room = 12 - place % 12
    if room == 12 and left >= 12:
        return left if left in (18, 24, 36, 48) else max(value for value in (12, 24, 36, 48) if value <= left)
    if place % 12 == 6 and left == 12:
        return 12
    inside = min(left, room)
    values = (3, 6, 9) if inside % 3 == 0 and place % 3 == 0 else (4, 8)
    return max((value for value in values if value <= inside), default=inside)
