import numpy as np
from segue.plugins.style_gan.groove import Groove, lay_out, measure


def test_a_strum_is_measured_and_played_back():
    step, pitch = np.repeat(np.arange(0, 40, 4), 4), np.tile([48, 52, 55, 60], 10)
    late = np.tile([0.0, 0.02, 0.04, 0.06], 10)
    found = measure(False, [(step, pitch, late)])
    assert found == Groove(False, 0.02, 0.0)
    np.testing.assert_allclose(lay_out(step, pitch, found, np.random.default_rng(0)), late)


def test_looseness_is_what_is_left():
    rng = np.random.default_rng(0)
    step, pitch = np.arange(2000), np.full(2000, 60)
    found = measure(True, [(step, pitch, rng.normal(0, 0.02, 2000))])
    assert found.swung
    assert found.strum == 0
    assert abs(found.loose - 0.02) < 0.002
    played = lay_out(step, pitch, found, rng)
    assert abs(played.std() - 0.02) < 0.002
    assert np.abs(played).max() <= 0.12


def test_silence_has_no_groove():
    assert measure(False, []) == Groove(False, 0.0, 0.0)
    assert (
        len(lay_out(np.zeros(0, np.int64), np.zeros(0, np.int64), Groove(False, 0.02, 0.01), np.random.default_rng(0)))
        == 0
    )
