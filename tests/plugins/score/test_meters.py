import numpy as np
import pytest
from segue.music import Meter, Piece, Tempo, TrackInfo
from segue.music.meter import accented_bars
from segue.plugins.score.meters import _comb, _f_measure, _found, without_time


def waltz(bars=40, tempo=100.0):
    """A bass on each first beat, chords on the two others, a tune in eighths."""
    first = 3.0 * np.arange(bars)
    start = np.r_[first, first + 1, first + 2, np.arange(6 * bars) / 2]
    pitch = np.r_[36 + 5 * (np.arange(bars) % 2), np.full(2 * bars, 55), 67 + np.arange(6 * bars) % 5]
    length = np.r_[np.full(bars, 3.0), np.full(2 * bars, 0.9), np.full(6 * bars, 0.45)]
    tracks = (TrackInfo("Bass"), TrackInfo("Tune"))
    return Piece.of(start, length, pitch, tracks=tracks, tempos=(Tempo(0, tempo),), meters=(Meter(0, 3, 4),))


def test_tempo_metre_and_tracks_are_taken_away_and_time_is_stretched():
    piece = waltz()
    bare = without_time(piece, 1.25)
    assert (bare.tempos, bare.meters, len(bare.tracks)) == ((), (), 1)
    assert bare.beats_to_seconds(bare.beats) == pytest.approx(1.25 * piece.beats_to_seconds(piece.beats))


def test_beats_and_bars_of_a_waltz_are_found_without_its_tempo():
    piece = waltz()
    beats, downbeats = _found(accented_bars, without_time(piece, 1.1))
    truth = np.arange(120) * 60 / 100 * 1.1
    assert _f_measure(truth, beats) > 0.95
    assert _f_measure(truth[::3], downbeats) > 0.9


def test_the_baseline_finds_a_steady_pulse():
    clicks = Piece.of(np.arange(100) * 1.1, 0.5, 60)
    assert _f_measure(np.arange(100) * 0.55, _comb(clicks)[0]) > 0.95
