import numpy as np
import pytest
from segue.plugins.lyrics.corpus import Song, part_of, song_lines, words_of
from segue.plugins.lyrics.screen import OFFENSIVE, is_offensive
from segue.plugins.lyrics.texts import Texts, copied_share
from segue.plugins.lyrics.vocabulary import UNKNOWN, Vocabulary

WORDS = ["the", "night", "is", "dark", "and", "i", "am", "far", "from", "home", "lead", "thou", "me", "on"]
SONGS = [
    Song("Lead, Kindly Light", [WORDS[:10], WORDS[10:]]),
    Song("Another", [["home", "is", "far", "and", "dark", "is", "the", "night"]]),
]


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(sorted(set(WORDS)))


@pytest.fixture
def texts(vocabulary) -> Texts:
    return Texts.of(SONGS, vocabulary)


def numbers(vocabulary: Vocabulary, text: str) -> list[int]:
    return [vocabulary.number(word) for word in text.split()]


@pytest.mark.parametrize(
    ("text", "pairs", "triples"),
    [
        ("i am far from home", 0, 0),
        ("home i am far", 1, 1),
        ("far and dark is the dark", 1, 1),
        ("home zebra far", 2, 1),
        ("home", 0, 0),
    ],
)
def test_neighbours_that_no_text_has_are_counted(texts, vocabulary, text, pairs, triples):
    assert texts.unheard(numbers(vocabulary, text)) == (pairs, triples)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("i am far from home", 5),
        ("on me i am far from home on", 5),
        ("from home lead thou me on", 6),
        ("home i far me", 0),
        ("the night is", 0),
        ("i am far zebra from home", 0),
        ("thou me on home is far and", 4),
    ],
)
def test_the_longest_copied_run_is_found(texts, vocabulary, text, length):
    assert texts.longest(numbers(vocabulary, text)) == length


def test_runs_name_their_source_and_survive_a_file(texts, vocabulary, tmp_path):
    texts.save(tmp_path)
    run = Texts.load(tmp_path).runs(numbers(vocabulary, "night home is far and dark"))[0]
    assert run == (5, 1, "Another")
    assert copied_share([run], 10, 5) == 0.5
    assert copied_share([run], 10, 6) == 0


def test_no_run_goes_over_from_one_text_to_the_next(texts, vocabulary):
    assert texts.longest(numbers(vocabulary, "lead thou me on home is far and dark")) == 5


def test_every_run_is_found_in_random_texts():
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary([f"w{index}" for index in range(6)])
    source = [f"w{index}" for index in rng.integers(0, 6, 400)]
    texts = Texts.of([Song("s", [source])], vocabulary)
    joined = " " + " ".join(source) + " "
    for _ in range(40):
        words = [f"w{index}" for index in rng.integers(0, 6, 12)]
        best = max(
            (b - a for a in range(12) for b in range(a + 4, 13) if f" {' '.join(words[a:b])} " in joined), default=0
        )
        assert texts.longest([vocabulary.number(word) for word in words]) == best


def test_running_text_is_broken_into_lines_and_split_words_are_joined():
    text = "I want to be hap py, but I won't be happy, Till I make you happy too. Life is good"
    lines = [" ".join(line) for line in song_lines(text)]
    assert lines[0] == "i want to be happy"
    assert "till i make you happy too" in lines


def test_parts_depend_on_the_title_alone():
    titles = [f"Song {chr(97 + number % 20)} {chr(97 + number // 20)}" for number in range(400)]
    parts = [part_of(title) for title in titles]
    assert 20 < parts.count("test") < 60
    assert 20 < parts.count("valid") < 60
    assert part_of("Danny Boy!") == part_of("danny boy")


def test_offensive_words_are_screened():
    assert len(OFFENSIVE) > 100
    assert all(word == word.lower() for word in OFFENSIVE)
    assert is_offensive("darkies")
    assert is_offensive("massa's")
    assert not is_offensive("night")
    assert words_of("Don\u2019t cry, O Love!") == ["don't", "cry", "o", "love"]
    assert Vocabulary(["a"]).number("zebra") == UNKNOWN
