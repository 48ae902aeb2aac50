import numpy as np
import pytest
from segue.plugins.polish import judge, lessons, missing, network
from segue.plugins.polish.context import WIDTH, Context, queries_of


def test_features_do_not_know_the_transposition(song):
    rows = np.arange(len(song))
    here = Context(song).features(queries_of(song, rows))
    moved = song.with_notes(pitch=song.pitch + 3)
    there = Context(moved).features(queries_of(moved, rows))
    assert here.shape == (len(song), WIDTH)
    differs = np.flatnonzero(np.abs(here - there).max(axis=0) > 1e-5)
    assert len(differs) <= 1  # the register alone


def test_a_note_does_not_see_itself(song):
    rows = np.array([40])
    other = song.pitch.copy()
    other[40] += 1
    queries = queries_of(song, rows)
    first = Context(song).features(queries)
    second = Context(song.with_notes(pitch=song.pitch)).features(queries)
    assert first == pytest.approx(second)


def test_a_slip_is_found_and_the_rest_believed(song, networks):
    pitch = song.pitch.copy()
    pitch[101] += 1
    slips = judge.find_slips(song.with_notes(pitch=pitch), networks)
    assert int(slips.probability.argmax()) == 101
    assert slips.pitch[101] == song.pitch[101]
    assert (slips.probability > 0.5).sum() == 1


def test_a_missing_chord_tone_is_found(song, networks):
    gone = int(np.flatnonzero((song.track == 1) & (song.start == 34))[1])
    kept = np.arange(len(song)) != gone
    queries, probability, _ = judge.find_missing(song.select(kept), networks)
    best = int(probability.argmax())
    assert (queries.start[best], queries.pitch[best]) == (song.start[gone], song.pitch[gone])


def test_candidates_do_not_sound_already(song):
    queries, _ = missing.candidates(song)
    sounding = set(zip(song.start, song.pitch, strict=True))
    assert not any(pair in sounding for pair in zip(queries.start, queries.pitch, strict=True))


def test_prevalence_moves_probabilities():
    calm = network.to_prevalence(np.full(1000, 0.02), 0.04, 0.01, 50)
    assert calm.max() < 0.02
    wild = network.to_prevalence(np.r_[np.full(800, 0.01), np.full(200, 0.9)], 0.04, 0.01, 50)
    assert wild[-1] > 0.9


def test_weights_survive_saving(tmp_path):
    rng = np.random.default_rng(0)
    layers = {
        name: [(rng.normal(size=(8, 5)), rng.normal(size=8)), (rng.normal(size=(outputs, 8)), rng.normal(size=outputs))]
        for name, outputs in network.NETWORKS.items()
    }
    network.save(layers, {"slip": 0.04, "missing": 0.01}, tmp_path)
    loaded = network.load(tmp_path)
    x = rng.normal(size=(3, 5)).astype(np.float32)
    for name, found in layers.items():
        plain = np.maximum(x @ found[0][0].T + found[0][1], 0) @ found[1][0].T + found[1][1]
        assert loaded[name](x) == pytest.approx(plain, abs=0.05)
    assert loaded["slip"].prior == pytest.approx(0.04)


def test_lessons_say_what_is_right(song):
    rng = np.random.default_rng(2)
    for make, right in ((lessons.slip_lesson, network.SAME), (lessons.missing_lesson, 0)):
        made = [make(song, rng) for _ in range(4)]
        lesson = lessons.join(made)
        assert lesson.features.shape == (len(lesson.target), WIDTH)
        assert (lesson.target == right).any()
        assert (lesson.target != right).any()
        assert np.isfinite(lesson.features.astype(float)).all()
