import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.music.features import FEATURES, features
from segue.music.reading import Reading


@pytest.fixture
def piece():
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(0, 256, 200)) / 4
    columns = rng.choice([0.25, 0.5, 1.0], 200), rng.integers(36, 96, 200), rng.integers(20, 120, 200)
    return Piece.of(start, *columns, np.arange(200) % 2, tracks=(TrackInfo(), TrackInfo()))


def test_statistics_are_those_of_numpy(piece):
    found = dict(zip(FEATURES, features(Reading(piece)), strict=True))
    low, bass, top, high = np.percentile(piece.pitch, (5, 10, 90, 95)) / 12
    quiet, loud = np.percentile(piece.velocity, (5, 95)) / 127
    share = np.unique(piece.pitch % 12, return_inverse=True)[1]
    share = np.bincount(share, piece.duration) / piece.duration.sum()
    wanted = {
        "pitch_range": high - low,
        "bass_pitch": bass,
        "top_pitch": top,
        "pitch_mean": np.average(piece.pitch, weights=piece.duration) / 12,
        "pitch_spread": piece.pitch.std() / 12,
        "pitch_variety": len(np.unique(piece.pitch)) / np.sqrt(len(piece)),
        "pitch_class_entropy": -(share * np.log2(share)).sum(),
        "low_share": (piece.pitch < 48).mean(),
        "velocity_range": loud - quiet,
        "velocity_spread": (piece.velocity / 127).std(),
        "velocity_pitch": np.corrcoef(piece.velocity, piece.pitch)[0, 1],
        "crescendo": np.corrcoef(piece.velocity, piece.start)[0, 1],
        "log_duration_spread": np.log(piece.duration / 2).std(),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


def test_an_onset_between_beats_is_syncopated_if_it_is_held_over_a_beat_on_which_nothing_begins():
    line = Piece.of([0, 1, 1.5, 3, 3.5, 4, 5, 6, 7], [1, 0.5, 1, 0.5, 1, 1, 1, 1, 1], 60)
    assert features(Reading(line))[list(FEATURES).index("syncopation")] == pytest.approx(1 / 9)


def test_one_note_has_finite_features():
    assert np.isfinite(features(Reading(Piece.of([0], 1, [60])))).all()
