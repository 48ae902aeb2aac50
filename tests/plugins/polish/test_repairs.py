from dataclasses import replace

import numpy as np
import pytest
from segue.music import Piece
from segue.plugins.polish import repairs


def test_a_pitch_held_into_its_next_strike_is_cut():
    ends = repairs.ends(Piece.of([0, 1, 2], [1.5, 1, 1], [60, 60, 62]))
    assert ends.duration.tolist() == pytest.approx([1, 1, 1])
    assert ends.into.tolist() == [1, -1, -1]


def test_a_second_strike_at_once_doubles_the_first():
    piece = Piece.of([0, 0, 1], [2, 1, 1], [60, 60, 62])
    nothing = np.zeros(3, bool)
    assert repairs.doubled(piece, nothing, False).tolist() == [-1, 0, -1] or repairs.doubled(
        piece, nothing, False
    ).tolist() == [1, -1, -1]


def test_a_second_strike_off_the_grid_doubles_and_one_on_it_repeats():
    piece = Piece.of([0, 0.21], [1, 1], 60)
    assert repairs.doubled(piece, np.array([False, True]), False).tolist() == [-1, 0]
    assert repairs.doubled(piece, np.array([False, False]), False).tolist() == [-1, -1]


def test_a_stuck_note_ends_where_long_ones_do():
    count = 64
    piece = Piece.of(
        np.append(np.arange(count) / 2, 4.0),
        np.append(np.full(count, 1.0), 28.0),
        np.append(60 + np.arange(count) % 12, 40),
    )
    ends = repairs.ends(piece)
    assert np.flatnonzero(ends.stuck).tolist() == [np.flatnonzero(piece.pitch == 40)[0]]
    assert ends.duration.max() == pytest.approx(1.0)


def test_legato_and_pedal_points_stay():
    count = 40
    legato = Piece.of(np.arange(count), 1.1, 60 + np.arange(count) % 7)
    assert (repairs.ends(legato).into < 0).all()
    organ = Piece.of(np.append(np.arange(16), 0), np.append(np.ones(16), 16), np.append(60 + np.arange(16) % 5, 36))
    assert (repairs.ends(organ).into < 0).all()
    assert not repairs.ends(organ).stuck.any()


def test_a_voice_held_into_itself_is_a_voice():
    """Else the notes of one that are held into others would be found when the first are mended, and not before."""
    start = np.arange(40.0)
    pitch = 60 + np.arange(40) % 5
    pitch[1::10] = pitch[::10]
    length = np.where(np.arange(40) % 10 == 0, 1.5, 1.0)
    length[25] = 1.09
    piece = Piece.of(start, length, pitch)
    first = repairs.ends(piece)
    assert np.flatnonzero(first.into >= 0).tolist() == [0, 10, 20, 25, 30]
    again = repairs.ends(replace(piece, duration=first.duration))
    assert (again.into < 0).all()
