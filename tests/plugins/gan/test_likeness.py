import numpy as np
import pytest
from segue.plugins.gan.likeness import features, likeness
from segue.plugins.gan.roll import BASS, CHORDS, DRUMS, MELODY, SHAPE, to_roll


def phrase(rng: np.random.Generator, root: int, busy: bool) -> np.ndarray:
    """A chord in every bar, a bass, a drum, and a melody at random."""
    rows = [(CHORDS, bar * 16, bar * 16 + 16, root + step) for bar in range(4) for step in (24, 28, 31)]
    rows += [(BASS, step, step + 4, root) for step in range(0, 64, 4)]
    rows += [(DRUMS, step, step + 1, 42) for step in range(0, 64, 2 if busy else 8)]
    rows += [(MELODY, step, step + 4, 72 + int(rng.integers(12))) for step in range(0, 64, 4)]
    return to_roll(np.array(rows))


def some(seed: int, busy: bool = False, size: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [phrase(rng, 36 + int(rng.integers(5)), busy) for _ in range(size)]


def test_phrases_of_one_kind_are_not_told_apart_and_others_are():
    alike, unlike = likeness(some(0), some(1)), likeness(some(0), some(1, busy=True))
    assert alike["1-NN"] == pytest.approx(0.5, abs=0.15)
    assert min(alike["precision"], alike["recall"]) > 0.8
    assert unlike == {"1-NN": 1.0, "precision": 0.0, "recall": 0.0}


def test_phrases_that_lack_variety_are_precise_but_recall_little():
    one = some(1, size=1) * 40
    found = likeness(some(0), one)
    assert found["precision"] == 1
    assert found["recall"] < 0.2


def test_an_empty_phrase_has_features_too():
    assert features(np.zeros(SHAPE, bool)).shape == features(some(0, size=1)[0]).shape
    assert not features(np.zeros(SHAPE, bool)).any()
