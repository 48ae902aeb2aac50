import numpy as np
import pytest
from segue.music import Piece
from segue.plugins.score.emotion_nets import (
    note_tokens,
    piano_roll,
    roll_inputs,
    signature,
)

from .tunes import MAJOR, MINOR, tune


@pytest.mark.parametrize("up", range(12))
def test_networks_hear_a_piece_alike_in_every_key(up):
    here, there = tune(MAJOR), tune([step + up for step in MAJOR])
    assert signature(there) == up
    assert np.array_equal(note_tokens(here)[:, 7:], note_tokens(there)[:, 7:])
    rolls = [roll_inputs(piano_roll(piece), signature(piece)) for piece in (here, there)]
    assert np.array_equal(rolls[0][:, 168:], rolls[1][:, 168:])
    assert np.array_equal(roll_inputs(piano_roll(here), 0, up)[:, :168], rolls[1][:, :168])


def test_relative_keys_have_one_signature():
    assert signature(tune(MINOR)) == signature(tune([step + 3 for step in MAJOR]))


def test_networks_hear_pieces_alike_together_and_alone(emotion):
    pieces = [tune(MAJOR, count=count) for count in (20, 120, 120, 400)]
    for name in ("roll", "recurrent", "attention"):
        together = emotion._listeners.embed(name, pieces)
        alone = [emotion._listeners.embed(name, [piece])[0] for piece in pieces]
        assert np.allclose(together, alone, atol=1e-4)
    assert not np.allclose(together[0], together[3], atol=1e-2)


def test_of_notes_that_overlap_the_last_is_seen():
    piece = Piece.of([0, 1, 1], [8, 2, 1], [60, 60, 64], [32, 96, 64])
    held, struck = piano_roll(piece).transpose(1, 2, 0)
    assert held[60 - 24, :5].tolist() == [32, 32, 32, 32, 96]
    assert held[60 - 24, 13] == 32
    assert struck[60 - 24].nonzero()[0].tolist() == [0, 4]


def test_a_roll_that_begins_later_holds_what_still_sounds_and_what_is_cut_off_is_not_struck():
    piece = Piece.of([0, 4], [6, 8], [60, 64], [32, 96])
    whole, later = piano_roll(piece), piano_roll(piece, begin=1.0)
    assert np.array_equal(later[:, 0], whole[8:, 0])
    assert not later[:, 1, 60 - 24].any()
    assert np.array_equal(later[:, 1, 64 - 24], whole[8:, 1, 64 - 24])
    assert len(piano_roll(piece, begin=100.0)) == 8


def test_pitches_of_a_roll_move_and_degrees_stay():
    roll = piano_roll(Piece.of([0, 0], 4, [24, 107], 64))
    here, up, down = (roll_inputs(roll, 0, by).reshape(len(roll), -1) for by in (0, 2, -2))
    assert np.array_equal(up[:, 168:], here[:, 168:])
    assert up[0, :84].nonzero()[0].tolist() == [2]
    assert down[0, :84].nonzero()[0].tolist() == [81]
    assert here[0, 168:180].nonzero()[0].tolist() == [0, 11]
