import numpy as np
import pytest
from segue.plugins.style_seq.artifacts import pitches
from segue.plugins.style_seq.content import Content, liveliness, settle, sounding
from segue.plugins.style_seq.data import Song
from segue.plugins.style_seq.elements import (
    FIRST_NUDGE,
    FIRST_PLACE,
    LOWEST,
    NUDGE_PARTS,
    PITCH,
    PLACE_STEPS,
    fold,
    half_beat,
    rerooted,
    root_pitch,
    to_rows,
    write,
)


def content(roots, bars):
    zeros = np.zeros((bars, 8), np.int64)
    roots = np.asarray(roots).reshape(bars, 8)
    return Content(roots, zeros, zeros, zeros - 1, np.zeros((bars, 8, 12), bool), np.zeros(bars, np.int64))


def starts(rows):
    return 4 * rows[:, 0] + PLACE_STEPS[rows[:, 1] - FIRST_PLACE] / 12 + (rows[:, 5] - 1 + FIRST_NUDGE) / NUDGE_PARTS


def test_strums_swing_and_early_notes_are_kept():
    start = np.array([0.0, 0.03, 0.055, 0.08, 0.655, 2.99, 4.0])
    pitch = np.array([48, 52, 55, 60, 50, 47, 65])
    roots = np.repeat([0, 5], 8)
    rows = to_rows(start, np.full(7, 0.5), pitch, np.full(7, 80), roots, drums=False, played=False)
    order = np.argsort(starts(rows), kind="stable")
    np.testing.assert_allclose(starts(rows)[order], start, atol=0.5 / NUDGE_PARTS)
    song = Song("", "", "", "train", content(roots, 2), ())
    np.testing.assert_array_equal(np.sort(pitches(song, rows, False)), np.sort(pitch))


def test_a_pattern_is_the_same_over_every_root():
    written = []
    for root in (0, 4, 5):
        pitch = np.array([36, 48, 52, 55]) + root
        rows = to_rows(np.arange(4.0), np.ones(4), pitch, np.full(4, 80), np.full(8, root), drums=False, played=False)
        written.append(rows.tolist())
    assert written[0] == written[1] == written[2]


def test_played_onsets_are_put_on_places():
    rows = to_rows(
        np.array([0.02, 0.97, 0.27]), np.ones(3), np.array([60, 62, 64]), np.full(3, 80), np.zeros(8, int), False, True
    )
    np.testing.assert_allclose(np.sort(starts(rows)), [0, 0.25, 1.0])


def test_drums_keep_their_kind():
    pitch = np.array([27, 36, 82])
    rows = to_rows(np.zeros(3), np.full(3, 0.1), pitch, np.full(3, 80), np.zeros(8, np.int64), drums=True, played=False)
    assert pitches(Song("", "", "", "train", content(np.zeros(8, int), 1), ()), rows, True).tolist() == [27, 36, 82]


def test_bar_lines_stand_before_each_bar_and_after_the_last():
    rows = to_rows(
        np.array([0.0, 4.5]), np.ones(2), np.array([60, 62]), np.full(2, 80), np.zeros(24, int), False, False
    )
    assert write(rows, 0, 3)[:, 0].tolist() == [1, 2, 1, 5, 1, 1]


@pytest.mark.parametrize(("value", "expected"), [(-60, -36), (-43, -31), (54, 54), (70, 46)])
def test_folding_moves_by_octaves(value, expected):
    assert fold(np.array([value]), -42, 54).tolist() == [expected]


def test_roots_lie_around_middle_c():
    assert root_pitch(np.array([0, 6, 7, 11])).tolist() == [60, 66, 55, 59]


def test_silence_takes_the_root_before_it_and_the_first_after():
    found = settle(np.array([132, 132, 7, 132, 12 + 9, 12 + 9, 132, 132]), np.array([-1, -1, 7, -1, 4, 9, -1, -1]), 1)
    assert found["root"].tolist() == [[7, 7, 7, 7, 9, 9, 9, 9]]
    assert found["quality"].tolist() == [[11, 11, 0, 11, 1, 1, 11, 11]]
    assert found["bass"].tolist() == [[12, 12, 0, 12, 7, 0, 12, 12]]


def test_what_sounds_is_told_by_the_beat():
    found = sounding(np.array([0.0, 1.5]), np.array([1.0, 3.0]), np.array([60, 67]), 1)
    assert found[0, ::2, 0].tolist() == [True, False, False, False]
    assert found[0, ::2, 7].tolist() == [False, True, True, False]


def test_bars_that_are_all_alike_tell_no_liveliness():
    assert liveliness(np.repeat(np.arange(4), 3), 4).tolist() == [0, 0, 0, 0]
    assert liveliness(np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3]), 4).tolist() == [1, 2, 3, 4]


def test_other_roots_leave_what_sounds_as_it_is():
    old, new = np.array([0] * 8 + [7] * 8), np.array([9] * 8 + [7] * 4 + [2] * 4)
    pitch = np.array([40, 64, 67, 72, 79])
    rows = to_rows(np.array([0.0, 1.0, 4.0, 6.5, 7.75]), np.full(5, 0.5), pitch, np.full(5, 80), old, False, False)
    moved = rerooted(rows, old, new)
    above = moved[:, 1 + PITCH] - 1 + LOWEST
    assert (above + root_pitch(new[half_beat(moved)])).tolist() == pitch.tolist()
    assert half_beat(moved).tolist() == [0, 2, 8, 13, 15]
    kept = [column for column in range(6) if column != 1 + PITCH]
    assert np.array_equal(moved[:, kept], rows[:, kept])
