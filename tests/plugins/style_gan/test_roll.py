import numpy as np
from segue.plugins.style_gan.decode import Part, Texture, at_pitches, decode
from segue.plugins.style_gan.network import BAND, BEATEN, WRITTEN
from segue.plugins.style_gan.roll import DRUMS, LOWEST, PITCHES, draw, draw_drums, read_drums, shift_of

PLAIN = Texture(0, Part(False, 0.0, 0.0), Part(False, 0.0, 0.0), 0.0)
SHIFT = shift_of(np.array([0, 7, 5, 11, 132]))


def test_shifts_are_the_nearest_way_from_c():
    assert SHIFT.tolist() == [0, -5, 5, -1, 0]


def lean(roll, drums=None) -> np.ndarray:
    """Return logits that lean strongly to a roll."""
    cells = len(roll)
    beaten = np.zeros((cells, BEATEN), bool) if drums is None else drums.reshape(cells, -1)
    both = np.concatenate([roll.reshape(cells, -1), beaten], axis=1)
    assert both.shape == (cells, WRITTEN)
    return np.where(both, 6.0, -6.0).astype(np.float32)


def test_notes_survive_drawing_and_reading():
    begin, end, pitch = np.array([0, 0, 3, 4, 5]), np.array([3, 10, 4, 5, 8]), np.array([36, 60, 64, 64, 71])
    found, _ = decode(lean(draw(begin, end, pitch, SHIFT)), SHIFT, PLAIN)
    assert found.tolist() == np.stack([begin, end, pitch], 1).tolist()


def test_a_pattern_looks_the_same_on_every_root():
    begin, end = np.array([0, 0]), np.array([2, 1])
    shift = shift_of(np.array([0]))
    same = [draw(begin, end, np.array([48, 52]) + step, shift_of(np.array([step]))) for step in range(7)]
    assert all((roll == same[0]).all() for roll in same)
    assert (draw(begin, end, np.array([49, 53]), shift) != same[0]).any()


def test_what_lies_outside_comes_back_by_octaves():
    found, _ = decode(lean(draw(np.array([0, 1]), np.array([1, 2]), np.array([5, 120]), SHIFT)), SHIFT, PLAIN)
    assert (found[:, 2] % 12).tolist() == [5, 0]
    assert found[:, 2].min() >= LOWEST
    assert found[:, 2].max() < LOWEST + PITCHES


def test_drums_survive_and_stand_for_their_kind():
    roll = draw_drums(np.array([0, 3, 4, 99]), np.array([35, 38, 81, 36]), 5)
    assert read_drums(roll).tolist() == [[0, 1, DRUMS[0][0]], [3, 4, DRUMS[1][0]]]
    none = np.zeros((5, 2, PITCHES, 2), bool)
    assert decode(lean(none, roll), SHIFT, PLAIN)[1].tolist() == read_drums(roll).tolist()


def test_a_line_speaks_where_several_notes_are_likely():
    """Two notes that lean to 40 % each are one note for a voice alone, none by a threshold."""
    logits = np.full((5, WRITTEN), -9.0, np.float32)
    roll = logits[:, :BAND].reshape(5, 2, PITCHES, 2)
    for row, value in ((8, -0.4), (10, -0.5)):
        roll[:, 0, row, :] = value
        roll[:, 1, row, 1] = value
    logits[:, :BAND] = roll.reshape(5, -1)
    shift = np.zeros(5, np.int64)
    alone = PLAIN._replace(bass=Part(True, 0.6, 0.6))
    found, _ = decode(logits, shift, alone)
    assert found.tolist() == [[2 * cell, 2 * cell + 2, LOWEST + 8] for cell in range(5)]
    assert len(decode(logits, shift, PLAIN)[0]) == 0


def test_steady_voices_never_fall_silent():
    rng = np.random.default_rng(0)
    logits = rng.normal(-6, 1, (5, WRITTEN)).astype(np.float32)
    found, _ = decode(logits, SHIFT, PLAIN._replace(voices=3))
    sounding = [((found[:, 0] <= step) & (found[:, 1] > step)).sum() for step in range(10)]
    assert sounding == [3] * 10


def test_counting_from_c_keeps_every_note():
    roll = draw(np.array([0, 4]), np.array([2, 9]), np.array([45, 67]), SHIFT)
    real = at_pitches(roll, SHIFT, 0.0)
    assert np.argwhere(real[..., 0]).tolist() == [[0, 45], [4, 67]]
    assert np.argwhere(real[..., 1])[:, 1].tolist() == [45, 45, 67, 67, 67, 67, 67]
