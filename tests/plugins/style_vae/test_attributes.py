"""Sliders: figures agree with segue.music's, and a scale is what the training music says."""

import numpy as np
import pytest
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.music.rhythm import bar_patterns
from segue.plugins.style_vae.attributes import INTENSITY, Scale, measure, measure_blocks
from segue.plugins.style_vae.bars import Timeline, surroundings, to_cells, to_notes

from .conftest import band


def test_figures_are_those_of_segue_music():
    piece = band()
    bars = np.arange(0, 33, 4.0)
    found = measure(piece, Timeline.of(bars, bars, bars))
    vector = dict(zip(FEATURES, features(Reading(piece)), strict=True))
    wanted = [bar_patterns(piece).mean(), vector["polyphony"], 12 * vector["pitch_mean"], 127 * vector["velocity_mean"]]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_block_is_measured_by_its_accompaniment():
    bars = np.array([0.0, 4.0])
    line = Timeline.of(bars, bars, bars)
    around = surroundings(line, np.zeros((1, 16), int), np.zeros(0), np.zeros(0), np.zeros(0, int))
    notes = to_notes(line, around, np.array([0.0, 0, 2]), np.array([1.0, 1, 3]), np.array([48, 60, 60]), np.full(3, 80))
    np.testing.assert_allclose(measure_blocks(*to_cells(notes, 1), around)[0], [2 / 16, 12 / 8, 56])
    silent = measure_blocks(*to_cells(notes.select(np.zeros(0, int)), 1), around)
    assert silent[0, :2].tolist() == [0, 0]
    assert Scale.fit(np.random.default_rng(0).random((9, 3))).to_quantiles(silent)[0, 2] == 0.5


def test_a_quantile_is_the_share_of_pieces_below():
    figures = np.random.default_rng(0).exponential(size=(2000, 2))
    scale = Scale.from_dict(Scale.fit(figures).as_dict())
    for quantile in (0.1, 0.5, 0.9):
        value = scale.to_value(INTENSITY, quantile)
        assert (figures[:, INTENSITY] < value).mean() == pytest.approx(quantile, abs=0.02)
        assert scale.to_quantiles(np.array([value, 0.0]))[0] == pytest.approx(quantile, abs=1e-3)


def test_equal_figures_still_make_a_scale():
    scale = Scale.fit(np.full((10, 1), 72.0))
    assert scale.to_value(0, 0.3) == pytest.approx(72)
    assert 0 <= scale.to_quantiles(np.array([72.0]))[0] <= 1
