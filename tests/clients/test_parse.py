"""What people write, as messages."""

import pretty_midi
import pytest
from segue.client import (
    InvalidField,
    key_to_text,
    parse_chords,
    parse_emotion,
    parse_instrument,
    parse_key,
    parse_time_signature,
)
from segue.client._general_midi import PROGRAM_NAMES
from segue.client._parse import enum_names, enum_number, enum_to_text
from segue.client.cli._session import parse_options
from segue.v1.analyze_pb2 import Aspect
from segue.v1.music_pb2 import MODE_MAJOR, MODE_MINOR, EmotionQuadrant, Key


@pytest.mark.parametrize(
    ("text", "tonic", "mode"),
    [
        ("C major", 0, MODE_MAJOR),
        ("F# minor", 6, MODE_MINOR),
        ("f♯m", 6, MODE_MINOR),
        ("Bb", 10, MODE_MAJOR),
        ("b minor", 11, MODE_MINOR),
        ("bb", 10, MODE_MAJOR),
        ("Cb:maj", 11, MODE_MAJOR),
        ("  E-flat".replace("-flat", "b") + " Minor ", 3, MODE_MINOR),
        ("A-min", 9, MODE_MINOR),
    ],
)
def test_keys(text, tonic, mode):
    assert parse_key(text) == Key(tonic=tonic, mode=mode)


def test_keys_survive_the_round_trip():
    for tonic in range(12):
        for mode in (MODE_MAJOR, MODE_MINOR):
            key = Key(tonic=tonic, mode=mode)
            assert parse_key(key_to_text(key)) == key


@pytest.mark.parametrize("text", ["", "H", "C dorian", "F## minor", "major"])
def test_what_is_no_key(text):
    with pytest.raises(InvalidField, match="is not a key; write"):
        parse_key(text)


def test_time_signatures():
    signature = parse_time_signature(" 12/8 ")
    assert (signature.numerator, signature.denominator) == (12, 8)
    for text in ("4", "0/4", "33/4", "4/5", "4/4/4"):
        with pytest.raises(InvalidField, match="time_signature"):
            parse_time_signature(text)


def test_emotions():
    assert parse_emotion("Calm").quadrant == EmotionQuadrant.EMOTION_QUADRANT_CALM
    emotion = parse_emotion("0.5, -1")
    assert (emotion.valence, emotion.arousal) == (0.5, -1)
    for text in ("angry", "1..2,3", "0.5"):
        with pytest.raises(InvalidField, match="is not an emotion"):
            parse_emotion(text)


@pytest.mark.parametrize(
    ("text", "program"),
    [("violin", 40), ("0", 0), ("128", 128), ("Drums", 128), ("viola", 41), ("sax", 64), ("piano", 0), ("flute", 73)],
)
def test_instruments(text, program):
    assert parse_instrument(text) == program


@pytest.mark.parametrize("text", ["", "129", "kazoo"])
def test_what_is_no_instrument(text):
    with pytest.raises(InvalidField, match="General MIDI"):
        parse_instrument(text)


def test_general_midi_has_128_programs():
    assert len(PROGRAM_NAMES) == len(set(PROGRAM_NAMES)) == 128
    assert PROGRAM_NAMES[0] == pretty_midi.program_to_instrument_name(0)
    letters = [name.lower().replace("-", " ") for name in PROGRAM_NAMES]
    known = [pretty_midi.program_to_instrument_name(program).lower().replace("-", " ") for program in range(128)]
    assert sum(a == b for a, b in zip(letters, known, strict=True)) > 110


def test_chords():
    chords = parse_chords("C:maj | A:min7  F:maj |", beats=2)
    assert [(c.symbol, c.span.start, c.span.end) for c in chords] == [
        ("C:maj", 0, 2),
        ("A:min7", 2, 4),
        ("F:maj", 4, 6),
    ]


def test_enums():
    assert enum_names(Aspect)[:2] == ["tempo", "meter"]
    assert enum_number(Aspect, "Key", "aspects") == enum_number(Aspect, 3, "aspects") == 3
    assert enum_to_text(Aspect, 3) == "key"
    assert enum_to_text(Aspect, 99) == "99"
    with pytest.raises(InvalidField, match="aspects"):
        enum_number(Aspect, "unspecified", "aspects")


def test_options_are_numbers_as_people_write_them():
    given = ["a=.5", "b=-.25", "c=0.5", "d=x.5", "e=true", "f=1e-1", "g=.x"]
    assert parse_options(given) == {"a": 0.5, "b": -0.25, "c": 0.5, "d": "x.5", "e": True, "f": 0.1, "g": ".x"}
