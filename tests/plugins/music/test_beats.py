import numpy as np
import pytest
from segue.music import Meter, Piece, TrackInfo
from segue.music.beats import best_path, track_beats
from segue.music.grid import find_grid


def performance(tempo, seconds=40.0, drift=0.0, jitter=0.01, seed=0):
    """Eighths over a bass on each beat, in a file that knows nothing of their tempo."""
    rng = np.random.default_rng(seed)
    beat = 60 / tempo
    beats = np.cumsum(np.full(int(seconds / beat), beat) * np.linspace(1, 1 + drift, int(seconds / beat)))
    halves = np.sort(np.r_[beats, beats + beat / 2])
    start = np.r_[halves, beats] + rng.normal(0, jitter, len(halves) + len(beats))
    pitch = np.r_[60 + np.arange(len(halves)) % 12, 40 + np.arange(len(beats)) % 5]
    length = np.r_[np.full(len(halves), 0.4 * beat), np.full(len(beats), 0.9 * beat)]
    return beats, Piece.of(np.maximum(start, 0) * 2, length * 2, pitch)


@pytest.mark.parametrize(("tempo", "drift"), [(73, 0), (97, 0.1), (131, -0.1)])
def test_beats_are_found_in_a_performance(tempo, drift):
    beats, piece = performance(tempo, drift=drift)
    found = track_beats(piece)
    near = np.abs(found[:, None] - beats).min(axis=0) < 0.07
    assert near.mean() > 0.9
    assert abs(len(found) - len(beats)) <= 3


@pytest.mark.parametrize("length", [25, 400])
def test_the_best_path_takes_strong_frames_a_period_apart(length):
    strength = np.random.default_rng(0).uniform(0, 0.2, length)
    wanted = np.arange(3, length, 20)
    strength[wanted] = 1.0
    strength[wanted[1::3]] = 0.3  # a beat that is hardly struck
    assert best_path(strength, 20.0, np.arange(12, 33)).tolist() == wanted.tolist()


def test_the_grid_follows_a_performance():
    _, piece = performance(97)
    grid = find_grid(piece)
    assert not grid.stated
    assert np.median(np.diff(grid.beats)) == pytest.approx(2 * 60 / 97, rel=0.03)
    assert grid.beats[0] <= piece.start.min() + 0.1
    assert grid.beats[-1] >= piece.beats
    assert grid.confidence < 0.12


@pytest.mark.parametrize(
    "piece",
    [
        Piece.of([], [], []),
        Piece.of([0], 1, [60]),
        Piece.of([0, 90_000], 1, [60, 62]),
        Piece.of(np.zeros(100), 1, 60),
        Piece.of(np.random.default_rng(0).uniform(0, 200, 300), 0.5, 60),
    ],
)
def test_nothing_regular_is_no_reason_to_fail(piece):
    assert np.isfinite(track_beats(piece)).all()
    if len(piece):
        grid = find_grid(piece)
        assert (np.diff(grid.beats) > 0).all()
        assert len(grid.beats) >= 2


def test_long_notes_off_the_beat_do_not_move_the_beat_of_a_file_with_a_bass_drum():
    beats = np.arange(64.0)
    start = np.r_[beats, beats + 0.5, beats + 0.5, beats]
    pitch = np.repeat([36, 48, 64, 36], 64)
    duration = np.repeat([0.25, 0.5, 0.5, 0.1], 64)
    tracks = (TrackInfo("Bass", 38), TrackInfo("Chords"), TrackInfo("Kit", drums=True))
    disco = Piece.of(start, duration, pitch, 90, np.repeat([0, 0, 1, 2], 64), tracks=tracks, meters=(Meter(0.0, 4, 4),))
    assert find_grid(disco).stated
    assert find_grid(disco).beats[:5].tolist() == [0, 1, 2, 3, 4]


def test_notes_beside_the_beats_of_the_file_move_them():
    beats = np.arange(64) + 0.25
    piece = Piece.of(beats, 1.0, np.resize([40, 64, 67, 72], 64), 90, meters=(Meter(0.0, 4, 4),))
    assert find_grid(piece).beats[1] % 1 == pytest.approx(0.25)
