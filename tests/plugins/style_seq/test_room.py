import numpy as np
from segue.music import Piece
from segue.plugins.style_seq.room import leave_room

TUNE = Piece.of([0.0, 2.0], [1.0, 2.0], [72, 74], [100, 60])


def room(*notes, below=False):
    start, pitch, velocity = (np.array(column) for column in zip(*notes, strict=True))
    kept, loud = leave_room(start.astype(float), pitch, velocity, TUNE, below=below)
    return kept.tolist(), loud.tolist()


def test_what_lies_at_the_height_of_the_melody_is_softer_than_it_and_what_lies_above_softer_still():
    assert room((0.5, 72, 90), (0.5, 79, 90), (0.5, 70, 90), (3.0, 84, 90), (0.0, 76, 30)) == (
        [True] * 5,
        [70, 50, 70, 30, 30],
    )


def test_what_lies_below_or_sounds_in_a_rest_keeps_its_loudness():
    assert room((0.5, 69, 90), (1.5, 79, 90), (4.5, 79, 90)) == ([True] * 3, [90] * 3)


def test_a_semitone_beside_the_melody_is_left_out():
    assert room((0.5, 71, 90), (0.5, 73, 90), (2.5, 73, 90), (1.2, 73, 90))[0] == [False, False, False, True]


def test_an_accompaniment_that_is_to_lie_below_is_left_out_at_the_height_of_the_melody_and_above():
    kept, loud = room((0.5, 69, 90), (0.5, 70, 90), (0.5, 79, 90), (1.5, 79, 90), below=True)
    assert (kept, loud[0], loud[3]) == ([True, False, False, True], 90, 90)


def test_without_a_melody_all_stays():
    kept, loud = leave_room(np.array([0.0]), np.array([72]), np.array([90]), TUNE.select(np.zeros(2, bool)))
    assert kept.all()
    assert loud.tolist() == [90]
