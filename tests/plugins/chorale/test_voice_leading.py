import numpy as np
import pytest
from segue.plugins.chorale.likeness import statistics
from segue.plugins.chorale.network import CLASSES
from segue.plugins.chorale.voice_leading import Before, crossing_tokens, parallel_tokens, permitted_tokens

ALL = np.ones((1, CLASSES), bool)
NO, YES = np.zeros(1, bool), np.ones(1, bool)
LAST = np.array([[43, 38, 35, 31]])
"""C5 G4 E4 C4 as tokens."""


def before(soprano: int, known=(True, False, False, False), last=LAST) -> Before:
    return Before(last, np.array([[soprano, 38, 35, 31]]), np.array([known]))


def tokens(mask) -> list[int]:
    return np.flatnonzero(mask[0]).tolist()


def test_parallel_octaves_and_fifths_are_found():
    assert tokens(parallel_tokens(3, before(45))) == [33, 45, 57]  # D under D, in any octave above the old note
    last = np.array([[43, 38, 36, 31]])  # the tenor a fifth below the soprano
    assert 38 in tokens(parallel_tokens(2, before(45, last=last)))
    assert tokens(parallel_tokens(3, before(43))) == []  # the soprano stays
    assert tokens(parallel_tokens(1, before(45))) == []  # a fourth may move in parallel
    assert tokens(parallel_tokens(3, before(45, last=np.full((1, 4), 61)))) == []  # nothing came before


def test_tokens_beyond_another_voice_are_found():
    assert tokens(crossing_tokens(3, before(40)))[0] == 41
    alto = tokens(crossing_tokens(1, before(40, known=(True, False, False, True))))
    assert [token for token in range(1, CLASSES) if token not in alto] == list(range(31, 41))
    assert 0 not in alto  # a rest is beyond nobody


def test_what_is_not_allowed_is_not_permitted():
    allowed = np.zeros((1, CLASSES), bool)
    allowed[0, [38, 50]] = True
    assert tokens(permitted_tokens(3, before(40), allowed, NO, NO)) == [38, 50]


def test_a_held_voice_stays_and_a_moving_bass_does_not():
    assert tokens(permitted_tokens(3, before(43), ALL, YES, NO)) == [31]
    assert 31 not in tokens(permitted_tokens(3, before(43), ALL, NO, YES))
    assert 38 in tokens(permitted_tokens(1, before(43), ALL, NO, YES))


def test_statistics_of_known_pieces():
    chords = np.array([[72, 67, 64, 48], [74, 69, 65, 50], [72, 67, 64, 48], [71, 74, 62, 55]]).repeat(4, 0)
    found = statistics([chords])
    assert found["triad_rate"] == 1.0
    assert found["repeat_rate"] == 0.0
    assert found["crossing_rate"] == pytest.approx(1 / 12)
    assert found["parallels_per_100_beats"] == 125  # thrice alto and bass, twice soprano and bass, in four beats
    held = statistics([np.full((16, 4), 60)])
    assert held["pitch_class_entropy"] == 0
    assert held["repeat_rate"] == 1
    assert held["triad_rate"] == 0
