"""Scales: each mode in each key, and what is none."""

import numpy as np
import pytest
from segue.music.modes import DORIAN, LYDIAN, MAJOR, MINOR, MIXOLYDIAN, PHRYGIAN, find_scale

SCALES = {
    MAJOR: (0, 2, 4, 5, 7, 9, 11),
    MINOR: (0, 2, 3, 5, 7, 8, 10),
    DORIAN: (0, 2, 3, 5, 7, 9, 10),
    PHRYGIAN: (0, 1, 3, 5, 7, 8, 10),
    LYDIAN: (0, 2, 4, 6, 7, 9, 11),
    MIXOLYDIAN: (0, 2, 4, 5, 7, 9, 10),
}


def weights(degrees, tonic=0):
    """How long each pitch class sounds: the tonic and the fifth longest."""
    found = np.zeros(12)
    for degree, length in degrees.items():
        found[(tonic + degree) % 12] = length
    return found


def even(scale):
    return {degree: 3.0 if degree in (0, 7) else 1.0 for degree in SCALES[scale]}


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("scale", SCALES)
def test_each_scale_is_told_in_each_key(scale, tonic):
    minor = scale in (MINOR, DORIAN, PHRYGIAN)
    found = find_scale(weights(even(scale), tonic), tonic + 12 * minor)
    assert found.scale == scale
    assert found.probability > 0.7


@pytest.mark.parametrize("sixth", [0.0, 0.5, 1.0])
def test_melodic_minor_is_minor(sixth):
    degrees = even(MINOR) | {9: sixth, 11: sixth, 8: 1.0}
    assert find_scale(weights(degrees), 12).scale == MINOR


@pytest.mark.parametrize(("key", "scale"), [(0, MAJOR), (12, MINOR)])
def test_where_the_telling_degrees_are_silent_no_mode_is_told(key, scale):
    third = 4 if key == 0 else 3
    found = find_scale(weights({0: 3, third: 1, 7: 3, 2: 1}), key)
    assert found.scale == scale
    assert found.probability < 0.9


def test_silence_is_in_no_mode():
    assert find_scale(np.zeros(12), 5).scale == MAJOR


def test_how_long_the_piece_is_changes_nothing():
    one, many = (find_scale(times * weights(even(DORIAN)), 12) for times in (1, 100))
    assert one == pytest.approx(many)
