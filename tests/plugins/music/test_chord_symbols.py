import pytest
from segue.music.chord_symbols import key_of_chords, read_chords, read_symbol
from segue.music.theory import NO_CHORD, chord_pitch_classes, chord_symbol
from segue.plugin_api import InvalidField
from segue.v1 import music_pb2


def chord(symbol: str, start: float = 0, end: float = 4, **about) -> music_pb2.Chord:
    return music_pb2.Chord(symbol=symbol, span=music_pb2.Span(start=start, end=end), **about)


@pytest.mark.parametrize("index", range(NO_CHORD + 1))
def test_what_the_analysis_writes_is_read(index):
    root, bass, tones = read_symbol(chord_symbol(index))
    assert tones == chord_pitch_classes(index)
    assert root == bass == (None if index == NO_CHORD else index % 12)


@pytest.mark.parametrize(
    ("symbol", "root", "bass", "tones"),
    [
        ("C", 0, 0, {0, 4, 7}),
        ("Bb:maj/3", 10, 2, {10, 2, 5}),
        ("F#:min7/b7", 6, 4, {6, 9, 1, 4}),
        ("D:9", 2, 2, {2, 4, 6, 9, 0}),
        ("G:maj(9)", 7, 7, {7, 9, 11, 2}),
        ("G:maj(*3,4)", 7, 7, {7, 0, 2}),
        ("E:(1,5)", 4, 4, {4, 11}),
        ("C:maj/2", 0, 2, {0, 2, 4, 7}),
    ],
)
def test_a_symbol_is_read(symbol, root, bass, tones):
    assert read_symbol(symbol) == (root, bass, tuple(sorted(tones)))


@pytest.mark.parametrize(
    ("chords", "field", "text"),
    [
        ([chord("H:maj")], "chords[0].symbol", "'H:maj', must be in Harte's notation"),
        ([chord("C:maj"), chord("C:sad", 4, 8)], "chords[1].symbol", "'sad'"),
        ([chord("C:maj(17)")], "chords[0].symbol", "'17'"),
        ([chord("C:maj", 4, 4)], "chords[0].span", "4-4"),
        ([chord("C:maj"), chord("G:maj", 3, 8)], "chords[1].span", "starts at 3"),
    ],
)
def test_a_chord_that_cannot_be_read_is_named(chords, field, text):
    with pytest.raises(InvalidField, match=text.replace("(", r"\(")) as error:
        read_chords(chords)
    assert error.value.violations[0][0] == field


def test_what_is_stated_wins_over_the_symbol():
    found = read_chords([chord("C:maj", root=9, bass=4, pitch_classes=[9, 0])])[0]
    assert (found.root, found.bass, found.tones) == (9, 4, (0, 4, 9))


@pytest.mark.parametrize(
    ("symbols", "key"),
    [("C:maj F:maj G:7 C:maj", 0), ("A:min D:min E:7 A:min", 21), ("Eb:maj C:min F:min7 Bb:7", 3), ("N", None)],
)
def test_the_key_of_a_progression(symbols, key):
    chords = [chord(symbol, 4 * row, 4 * row + 4) for row, symbol in enumerate(symbols.split())]
    assert key_of_chords(read_chords(chords)) == key
