import numpy as np
import pytest
from segue.music.keys import guess_key
from segue.plugins.vae.ending import best
from segue.plugins.vae.tokens import HOLD, LOWEST, OFF, STRIKE
from segue.v1 import generate_pb2, music_pb2

from .conftest import item, read

KEYS = [music_pb2.Key(tonic=tonic, mode=mode) for mode in (1, 2) for tonic in range(12)]


def line(struck: dict[int, int], length: int = 32) -> np.ndarray:
    """Events that strike pitches."""
    events = np.full(length, HOLD)
    for place, pitch in struck.items():
        events[place] = STRIKE + pitch - LOWEST
    return events


BEFORE = line({0: 64, 16: 67})
STEP, THIRD, FAR = ({16: tonic} | {12: near} for tonic, near in ((60, 62), (60, 64), (60, 67)))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (STEP, THIRD),
        (THIRD, FAR),
        (STEP, {20: 60, 16: 62}),
        (STEP, STEP | {20: 64}),  # of which a note is left out
        ({20: 60, 16: 62}, FAR),  # the second beat by step, the first by a fifth
        (STEP, {4: 50, 12: 62, 16: 60}),  # leaps
        (THIRD, {2: 60, 4: 56, 6: 52, 8: 50, 12: 48 + 2, 16: 48}),  # an octave lower, though by small steps
        ({24: 60, 20: 62}, {16: 62, 20: 60}),  # the third beat is heavier than the second
    ],
)
def test_the_better_ending_is_chosen(better, worse):
    for endings in ([better, worse], [worse, better]):
        found = best(np.stack([line(notes) for notes in endings]), BEFORE, 0)
        assert found is not None
        assert endings[found[0]] == better
        assert better[found[1]] == 60


def test_of_equals_the_first_is_chosen_and_without_a_tonic_on_a_beat_none():
    assert best(np.stack([line(STEP)] * 3), BEFORE, 0) == (0, 16)
    assert best(np.stack([line({12: 62, 18: 60}), line({16: 62})]), BEFORE, 0) is None
    assert best(line({0: 57}, 16)[None], np.array([OFF]), 9) == (0, 0)  # one bar, and nothing before


@pytest.mark.parametrize("bars", [4, 5, 16])
def test_new_melodies_come_to_rest_on_the_tonic(model, bars):
    """Two thirds were struck in the last half beat before, and moved to the tonic."""
    finish = [generate_pb2.Finish(correct_pitch=fixed) for fixed in (True, False)]
    asked = [item(seed, key=key, bars=bars, finish=finish[seed % 2]) for seed, key in enumerate(KEYS)]
    near = 0
    for key, answer in zip(KEYS, model.answer(asked), strict=True):
        piece = read(answer.pieces[0])
        assert piece.end[-1] == 4 * bars
        assert 4 * bars - piece.start[-1] in (4, 3, 2)
        assert piece.pitch[-1] % 12 == key.tonic
        near += abs(piece.pitch[-1] - piece.pitch[-2]) <= 4
    assert near >= 18


def test_new_melodies_are_heard_in_their_key(model):
    answers = model.answer([item(seed, key=key, bars=16) for seed, key in enumerate(KEYS)])
    heard = [guess_key(read(answer.pieces[0])) for answer in answers]
    assert np.mean([got == key.tonic + 12 * (key.mode - 1) for got, key in zip(heard, KEYS, strict=True)]) > 0.9
