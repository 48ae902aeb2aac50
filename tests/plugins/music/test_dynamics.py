import numpy as np
from segue.music import Piece
from segue.music.dynamics import shape_dynamics


def even(beats: int = 32, velocity: int = 80) -> Piece:
    return Piece.of(np.arange(beats), 1, 60, velocity, 0)


def test_each_phrase_swells_and_dies_away():
    piece, edits = shape_dynamics(even())
    for first in (0, 16):
        phrase = piece.velocity[first : first + 16]
        assert 8 <= phrase.argmax() <= 10
        assert phrase.max() - phrase[0] >= 10
        assert phrase.max() - phrase[-1] >= 10
    assert abs(piece.velocity.mean() - 80) < 1
    changed = np.flatnonzero(piece.velocity != 80)
    assert [edit.id for edit in edits] == list(range(1, len(changed) + 1))
    assert edits[0].before.velocity == 80
    assert edits[0].after.velocity == piece.velocity[changed[0]]


def test_phrases_can_be_stated():
    piece, _ = shape_dynamics(even(), [0, 8, 32])
    assert piece.velocity[:8].argmax() in (4, 5)
    assert 20 <= 8 + piece.velocity[8:].argmax() <= 23


def test_velocities_stay_in_range_and_edits_are_bounded():
    loud, edits = shape_dynamics(even(2000, 127), first_id=7)
    assert loud.velocity.max() <= 127
    assert len(edits) == 500
    assert edits[0].id == 7
    assert shape_dynamics(Piece.of([], [], []))[1] == []
