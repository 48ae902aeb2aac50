import numpy as np
import pytest
from segue.plugins.polish import fit_heads, likelihood
from segue.plugins.polish.context import queries_of
from segue.plugins.polish.evidence import Surroundings


def test_pitches_are_a_distribution_that_does_not_see_the_note(song, trained):
    rows = np.array([40, 101])
    (_, evidence), *_ = Surroundings(song).at(queries_of(song, rows))
    log = trained.likelihood.pitches(evidence)
    assert np.exp(log).sum(axis=1) == pytest.approx(1, abs=1e-4)
    pitch = song.pitch.copy()
    pitch[40] += 1
    moved = song.with_notes(pitch=pitch)
    (_, again), *_ = Surroundings(moved).at(queries_of(moved, rows))
    assert again.profiles[0] == pytest.approx(evidence.profiles[0], abs=1e-4)
    assert (again.indices[0, :, :5] == evidence.indices[0, :, :5]).all()


def test_each_kind_of_mistake_is_less_likely(song, trained):
    plain = trained.likelihood.surprise(song)
    for name, by in (("start", 0.09), ("pitch", 1), ("duration", 1.37)):
        column = getattr(song, name).copy()
        column[101] += by
        worse = trained.likelihood.surprise(song.with_notes(**{name: column}))
        assert worse.mean > plain.mean


def test_what_is_usual_is_a_density(song):
    for values in likelihood.usual([song]).values():
        assert values.mean() == pytest.approx(1, abs=1e-3)
        assert values.min() >= 0.1


def test_weights_of_another_shape_are_named(tmp_path, trained):
    likelihood.save({"place": np.ones(likelihood.PLACES, np.float32)}, tmp_path)
    with pytest.raises(ValueError, match=r"table\.0"):
        likelihood.load(tmp_path)


def test_quality_ranks_a_piece_above_its_spoiled_versions(song, trained):
    def score(piece):
        return trained.quality.score(piece, trained.likelihood.surprise(piece))

    spoiled = [fit_heads.spoil(song, number, np.random.default_rng(number)) for number in range(4)]
    assert all(score(song) > score(piece) for piece in spoiled)
