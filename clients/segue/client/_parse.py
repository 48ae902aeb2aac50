"""What a person writes - "F# minor", "6/8", "sad", "violin" - as the contract's messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segue.client._errors import InvalidField
from segue.client._general_midi import DRUM_KIT, PROGRAM_NAMES
from segue.v1.music_pb2 import (
    MODE_MAJOR,
    MODE_MINOR,
    Attributes,
    Chord,
    Emotion,
    EmotionQuadrant,
    Key,
    Span,
    TimeSignature,
)

_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
# The spelling with fewer accidentals in the key signature.
_MAJOR_TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
# Sharps (positive) or flats (negative) in the signature of the major key on each pitch class.
_SIGNATURES = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)
_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


def parse_key(text: str) -> Key:
    """Read a key.

    Parameters
    ----------
    text
        A tonic and a mode: ``"F# minor"``, ``"Bb"`` (major), ``"c#m"``, ``"Es"`` is not understood.

    Raises
    ------
    InvalidField
        If it is not a key; says what would be.
    """
    match = re.fullmatch(r"\s*([A-Ga-g])([#♯b♭]?)[\s:-]*(major|maj|minor|min|m)?\s*", text)
    if match is None:
        match = re.fullmatch(r"(?i)\s*([A-G])([#♯b♭]?)[\s:-]*(major|maj|minor|min)\s*", text)
    if match is None:
        raise InvalidField.at("key", f"{text!r} is not a key; write e.g. 'C major', 'F# minor' or 'Bb'")
    letter, accidental, mode = match.groups()
    tonic = (_NATURALS[letter.upper()] + _ACCIDENTALS.get(accidental, 0)) % 12
    return Key(tonic=tonic, mode=MODE_MINOR if (mode or "").lower() in ("m", "min", "minor") else MODE_MAJOR)


def key_to_text(key: Key) -> str:
    """Write a key as ``parse_key`` reads it, e.g. ``"F# minor"``."""
    if key.mode == MODE_MINOR:
        return f"{_MINOR_TONICS[key.tonic % 12]} minor"
    return f"{_MAJOR_TONICS[key.tonic % 12]} major"


def key_signature(key: Key) -> int:
    """Return the number of sharps (positive) or flats (negative) in a key's signature, -6 to 6."""
    return _SIGNATURES[(key.tonic + 3 * (key.mode == MODE_MINOR)) % 12]


def pitch_to_name(pitch: int, key: Key | None = None) -> str:
    """Write a MIDI number as a name; 60 is C4. A key with flats spells with flats."""
    names = _FLAT_NAMES if key is not None and key_signature(key) < 0 else _SHARP_NAMES
    return f"{names[pitch % 12]}{pitch // 12 - 1}"


def parse_time_signature(text: str) -> TimeSignature:
    """Read a time signature such as ``"6/8"``; raises InvalidField if it is none."""
    match = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(1|2|4|8|16|32)\s*", text)
    if match is None or not 1 <= int(match[1]) <= 32:
        raise InvalidField.at("time_signature", f"{text!r} is not a time signature; write e.g. '4/4' or '6/8'")
    return TimeSignature(numerator=int(match[1]), denominator=int(match[2]))


def parse_emotion(text: str) -> Emotion:
    """Read an emotion.

    Parameters
    ----------
    text
        ``"happy"``, ``"tense"``, ``"sad"`` or ``"calm"``; or valence and arousal, each -1 to 1, as ``"0.5,-0.2"``.

    Raises
    ------
    InvalidField
        If it is neither.
    """
    numbers = re.fullmatch(r"\s*([-+]?[\d.]+)\s*,\s*([-+]?[\d.]+)\s*", text)
    try:
        if numbers:
            return Emotion(valence=float(numbers[1]), arousal=float(numbers[2]))
        return Emotion(quadrant=enum_number(EmotionQuadrant, text, "emotion"))
    except (ValueError, InvalidField) as error:
        right = "happy, tense, sad, calm, or valence and arousal such as '0.5,-0.2'"
        raise InvalidField.at("emotion", f"{text!r} is not an emotion; write {right}") from error


def parse_instrument(text: str) -> int:
    """Read an instrument.

    Parameters
    ----------
    text
        A General MIDI program, ``"0"`` to ``"127"``; ``"drums"`` (or 128); or a name or part of one, e.g.
        ``"violin"``, ``"acoustic grand"``. Of several that fit, the one that begins with the text, then the first.

    Returns
    -------
    int
        Program 0-127, or 128 for a drum kit.

    Raises
    ------
    InvalidField
        If nothing fits.
    """
    wanted = text.strip().lower()
    if wanted.isdecimal() and int(wanted) <= DRUM_KIT:
        return int(wanted)
    if wanted in ("drums", "drum kit"):
        return DRUM_KIT
    names = [name.lower() for name in PROGRAM_NAMES]
    fits = [i for i, name in enumerate(names) if wanted and wanted in name]
    if not fits:
        raise InvalidField.at(
            "instruments", f"{text!r} is no General MIDI instrument; write e.g. 'violin', 'drums' or 40"
        )
    return min(fits, key=lambda i: (names[i] != wanted, not names[i].startswith(wanted), i))


def parse_chords(text: str, beats: float = 4.0) -> list[Chord]:
    """Read chords of equal length, separated by blanks or bar lines.

    Parameters
    ----------
    text
        Harte's notation, e.g. ``"C:maj | A:min7 | F:maj | G:7"``; the server checks each symbol.
    beats
        Length of each chord in quarter notes, more than 0.
    """
    symbols = text.replace("|", " ").split()
    return [Chord(symbol=s, span=Span(start=i * beats, end=(i + 1) * beats)) for i, s in enumerate(symbols)]


def to_attributes(value: Attributes | Mapping[str, Any]) -> Attributes:
    """Return sliders as a message; a mapping names them, e.g. ``{"register": 0.7, "emotion": "calm"}``."""
    if isinstance(value, Attributes):
        return value
    fields = dict(value)
    if isinstance(fields.get("emotion"), str):
        fields["emotion"] = parse_emotion(fields["emotion"])
    sliders = [field.name for field in Attributes.DESCRIPTOR.fields if field.message_type is None]
    known = f"the sliders are {', '.join(sliders)}, each a number 0-1, and emotion"
    for name, number in fields.items():
        if name not in Attributes.DESCRIPTOR.fields_by_name:
            raise InvalidField.at("attributes", f"{name!r} is no slider; {known}")
        if name in sliders and not isinstance(number, int | float):
            raise InvalidField.at("attributes", f"{name} is {number!r}; {known}")
    try:
        return Attributes(**fields)
    except (TypeError, ValueError) as error:
        raise InvalidField.at("attributes", f"{error}; {known}") from error


def enum_names(enum: Any) -> list[str]:
    """Names of an enum as people write them: ``ASPECT_KEY`` is ``key``; UNSPECIFIED is left out."""
    prefix = _prefix(enum)
    return [name.removeprefix(prefix).lower() for name, number in enum.items() if number]


def enum_number(enum: Any, value: str | int, field: str) -> Any:
    """Number of an enum's value, by number, full name or the part that differs (``"key"``, ``"ASPECT_KEY"``)."""
    if isinstance(value, int):
        return value
    name = value.strip().upper().replace("-", "_")
    prefix = _prefix(enum)
    numbers = dict(enum.items())
    number = numbers.get(name, numbers.get(prefix + name))
    if not number:
        raise InvalidField.at(field, f"{value!r} is not one of {', '.join(enum_names(enum))}")
    return number


def enum_to_text(enum: Any, number: int) -> str:
    """Name of an enum's value as people write it; the number itself if this client is older than the value."""
    names = {n: name for name, n in enum.items()}
    name: str = names.get(number, str(number))
    return name.removeprefix(_prefix(enum)).lower().replace("_", " ")


def _prefix(enum: Any) -> str:
    zero: str = next(name for name, number in enum.items() if number == 0)
    return zero.removesuffix("UNSPECIFIED")
