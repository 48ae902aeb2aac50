import numpy as np
import pytest
from segue.plugins.transformer.controls import CONTROLS, Figures, control_values, proxies, to_value, towards

FIGURES = Figures(tempo=4.6, density=0.5, polyphony=1.0, register=60.0, loudness=80.0, valence=0.0, arousal=0.0)


def test_values_count_from_one_and_stay_inside():
    for figure in (-1e9, 0.0, 1e9):
        assert 1 <= to_value("register", figure) <= CONTROLS["register"]
    values = control_values("rock", False, 0, True, FIGURES, -3)
    assert values.shape == (len(CONTROLS),)
    assert all(1 <= value <= size for value, size in zip(values, CONTROLS.values(), strict=True))


def test_the_register_is_that_of_the_moved_piece():
    index = list(CONTROLS).index("register")
    here, moved = (control_values("rock", False, 0, True, FIGURES, shift)[index] for shift in (0, 6))
    assert moved == here + 3


@pytest.mark.parametrize("arousal", [-0.6, 0.0, 0.6])
def test_figures_move_towards_an_emotion(arousal):
    moved = towards(FIGURES, False, None, arousal, frozenset())
    assert abs(moved.arousal) == pytest.approx(abs(arousal), abs=0.05) or abs(moved.arousal) > abs(arousal)
    assert np.sign(moved.loudness - FIGURES.loudness) == np.sign(moved.arousal - FIGURES.arousal)
    fixed = towards(FIGURES, False, None, arousal, frozenset({"tempo"}))
    assert fixed.tempo == FIGURES.tempo


def test_the_proxies_have_the_signs_of_the_literature():
    calm = proxies(4.2, 0.0, 60.0, 60.0, minor=True)
    wild = proxies(5.0, 1.0, 60.0, 100.0, minor=False)
    assert np.all(np.array(wild) > np.array(calm))


def test_what_is_sad_enough_already_is_not_lifted():
    slow = FIGURES._replace(tempo=3.9)
    moved = towards(slow, True, -0.3, -0.3, frozenset({"tempo"}))
    assert moved.register == slow.register
    assert moved.density <= slow.density
    assert moved.loudness < slow.loudness
