import gzip

import pytest
from segue.plugins.lyrics.pronounce import DICTIONARY, divide, known, sound, sound_by_rule
from segue.plugins.lyrics.setting import syllables_of


@pytest.mark.parametrize(
    ("word", "stresses", "rhyme"),
    [
        ("night", (1.0,), "AY T"),
        ("the", (0.0,), "AH"),
        ("morning", (1.0, 0.0), "AO R N IH NG"),
        ("tomorrow", (0.0, 1.0, 0.5), "OW"),
        ("o'er", (1.0,), "AO R"),
    ],
)
def test_the_dictionary_says_how_words_sound(word, stresses, rhyme):
    assert sound(word) == (stresses, rhyme)


def test_rhymes_are_heard_not_seen():
    assert sound("love").rhyme == sound("above").rhyme
    assert sound("love").rhyme != sound("move").rhyme


def test_words_beyond_the_dictionary_are_read_by_rule():
    assert not known("snowdrifting")
    assert sound("snowdrifting").syllables == 3
    with gzip.open(DICTIONARY, "rt", encoding="utf-8") as file:
        words = [line.split()[0] for line in file][2000::60]
    words = [word for word in words if word.isalpha()]
    right = sum(sound_by_rule(word).syllables == sound(word).syllables for word in words)
    assert right / len(words) > 0.8


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("morning", ["morn-", "ing"]),
        ("amazing", ["a-", "ma-", "zing"]),
        ("love", ["love"]),
        ("river", ["riv-", "er"]),
        ("father", ["fa-", "ther"]),
    ],
)
def test_words_are_set_in_syllables(word, parts):
    found = syllables_of(word)
    assert len(found) == len(parts)
    assert [part.endswith("-") for part in found] == [part.endswith("-") for part in parts]
    assert "".join(part.rstrip("-") for part in found) == word


@pytest.mark.parametrize("word", ["beautiful", "rhythm", "fire", "io", "strengths", "Jerusalem", "x"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_letters_are_kept_however_a_word_is_divided(word, count):
    assert "".join(divide(word, count)) == word
    assert len(divide(word, count)) == count
