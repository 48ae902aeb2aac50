import numpy as np
import pytest
from segue.music import Meter, Piece
from segue.plugins.lyrics.phrases import MOST_NOTES, find_phrases, note_strengths

from .conftest import tune


@pytest.mark.parametrize("lines", [(8, 6, 8, 6), (7, 7), (10, 10, 5), (4,)])
def test_a_phrase_ends_where_the_melody_rests(lines):
    assert [phrase.syllables for phrase in find_phrases(tune(lines))] == list(lines)


@pytest.mark.parametrize("count", [1, 2, 3, 15, 40, 211])
def test_every_note_is_in_one_phrase_of_bounded_length(count):
    phrases = find_phrases(Piece.of(np.arange(count) * 0.5, 0.5, 60 + np.arange(count) % 5))
    assert np.concatenate([phrase.notes for phrase in phrases]).tolist() == list(range(count))
    assert all(1 <= phrase.syllables <= MOST_NOTES for phrase in phrases)
    assert all(phrase.syllables >= 3 for phrase in phrases) or count < 3


def test_downbeats_are_strong_and_notes_off_the_pulse_weak():
    strengths = note_strengths(Piece.of(np.arange(8) * 0.5, 0.5, 60, meters=(Meter(0.0, 4, 4),)))
    assert strengths.argmax() == 0
    assert strengths[4] > strengths[2] > strengths[1] == strengths[3]
    waltz = note_strengths(Piece.of(np.arange(6), 1.0, 60, meters=(Meter(0.0, 3, 4),)))
    assert waltz[3] == waltz[0] > waltz[1] == waltz[2]
