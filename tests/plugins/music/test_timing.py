import numpy as np
import pytest
from segue.music import Piece, timing
from segue.music import division as grid


def melody(fractions, bars=24, pitch=60):
    starts = np.concatenate([beat + np.array(fractions) for beat in range(4 * bars)])
    return Piece.of(starts, 0.2, pitch + (np.arange(len(starts)) * 7) % 24, 70)


def jittered(piece, reach, seed=0):
    moved = piece.start + np.random.default_rng(seed).uniform(-reach, reach, len(piece))
    return piece.with_notes(start=np.maximum(moved, 0))


@pytest.mark.parametrize("fractions", [(0, 0.5), (0, 0.25, 0.5, 0.75), (0, 0.75), (0, 1 / 3, 2 / 3)])
def test_jitter_is_taken_back(fractions):
    piece = melody(fractions)
    reach = 0.1 if 1 / 3 not in fractions else 0.07
    played = jittered(piece, reach)
    found = timing.find(played)
    assert found.loose
    order = np.argsort(played.start, kind="stable")
    assert np.mean(np.abs(np.sort(found.start[order]) - piece.start) < 0.01) >= 0.95


def test_a_clean_piece_stays():
    for fractions in ((0, 0.5), (0, 1 / 3, 2 / 3), (0, 0.62), (0, 0.125, 0.25, 0.75)):
        assert not timing.find(melody(fractions)).moved.any()


def test_swing_is_kept():
    found = timing.find(jittered(melody((0, 0.62)), 0.05))
    assert found.grid.swing == pytest.approx(0.62, abs=0.021)
    offbeat = found.start % 1
    offbeat = offbeat[(offbeat > 0.3) & (offbeat < 0.9)]
    assert np.abs(offbeat - 0.62).max() < 0.03


def test_a_stray_moves_and_its_neighbours_stay():
    piece = melody((0, 0.5))
    start = piece.start.copy()
    start[20] += 0.09
    found = timing.find(piece.with_notes(start=start))
    assert np.flatnonzero(found.moved).tolist() == [20]
    assert found.start[20] == pytest.approx(piece.start[20])


def test_the_phase_of_a_whole_piece_is_kept():
    piece = melody((0, 0.25, 0.5))
    found = timing.find(piece.with_notes(start=piece.start + 0.08))
    assert not found.moved.any()
    assert np.median(found.phase) % 0.25 == pytest.approx(0.08, abs=0.005)


def test_a_small_drift_is_set_right_and_a_wide_one_followed():
    piece = melody((0, 0.5), bars=32)
    wave = np.sin(piece.start / piece.start.max() * 2 * np.pi)
    small = timing.find(piece.with_notes(start=np.maximum(piece.start + 0.15 * wave, 0)))
    assert small.flattened
    assert np.ptp(small.start - piece.start) < 0.07
    piece = melody((0, 0.25, 0.5), bars=32)
    wide = timing.find(piece.with_notes(start=piece.start * 1.01))
    assert wide.drift > 1
    assert not wide.flattened
    assert wide.moved.mean() < 0.05


def test_a_grace_note_goes_with_its_main_note():
    piece = melody((0, 0.5))
    start, duration = np.append(piece.start, 19.93), np.append(piece.duration, 0.06)
    with_grace = Piece.of(start, duration, np.append(piece.pitch, 90), 70)
    assert not timing.find(with_grace).moved.any()


def test_a_rolled_chord_stays_rolled():
    piece = melody((0, 0.5))
    roll = Piece.of(
        np.r_[piece.start, 19.85, 19.93],
        np.r_[piece.duration, 0.5, 0.4],
        np.r_[piece.pitch, piece.pitch[40] - 7, piece.pitch[40] - 3],
        70,
    )
    assert not timing.find(roll).moved.any()


def test_a_stated_grid_is_taken():
    fitted = grid.fit(grid.fold(melody((0, 0.5)).start), "triplet")
    assert fitted.positions.tolist() == pytest.approx([0, 1 / 3, 2 / 3])


def test_nothing_and_one_note():
    assert len(timing.find(Piece.of([], [], [])).start) == 0
    assert not timing.find(Piece.of([0.3], [1.0], [60])).moved.any()


def test_chords_that_leave_the_grid_as_one_stay():
    beats = np.arange(96.0)
    played = beats + np.random.default_rng(0).uniform(-0.1, 0.1, len(beats))
    chords = Piece.of(np.repeat(np.maximum(played, 0), 3), 0.8, np.tile([48, 60, 64], len(beats)))
    assert not timing.find(chords).loose
    sloppy = chords.start + np.random.default_rng(1).uniform(-0.05, 0.05, len(chords))
    assert timing.find(chords.with_notes(start=np.maximum(sloppy, 0))).loose
