import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.music.originality import OriginalityIndex


def tune(seed, length=80):
    rng = np.random.default_rng(seed)
    pitch = 60 + np.cumsum(rng.choice([-3, -2, -1, 1, 2, 3, 5], length)) % 24
    return Piece.of(np.cumsum(rng.choice([0.5, 1.0, 1.5], length)), 0.5, pitch)


@pytest.fixture(scope="module")
def index():
    return OriginalityIndex.build([tune(seed) for seed in range(60)], [f"tune {seed}" for seed in range(60)])


def test_a_transposed_and_changed_piece_finds_its_source(index):
    for seed in range(20):
        piece = tune(seed)
        rng = np.random.default_rng(1000 + seed)
        wrong = np.where(rng.random(len(piece)) < 0.1, 1, 0)
        found = index.compare(piece.with_notes(pitch=piece.pitch + wrong + 4, start=piece.start * 2))
        assert index.titles[found.sources[0][0]] == f"tune {seed}"


def test_an_exact_copy_and_a_new_piece(index):
    copy, new = index.compare(tune(3)), index.compare(tune(999))
    assert copy.longest_run == 80
    assert copy.copied_fraction == pytest.approx(1, abs=0.05)
    assert copy.human_percentile == 1
    assert new.longest_run < 12
    assert new.copied_fraction == 0


def test_what_has_no_line_is_like_nothing(index):
    drums = Piece.of(np.arange(50), 1, 36, tracks=(TrackInfo(drums=True),))
    for piece in (drums, Piece.of([0], 1, [60]), Piece.of(np.arange(50), 1, 60)):
        assert index.compare(piece).sources == ()


def test_it_survives_the_disk(index, tmp_path):
    index.save(tmp_path / "index.safetensors")
    again = OriginalityIndex.load(tmp_path / "index.safetensors")
    assert again.compare(tune(5)) == index.compare(tune(5))
    assert again.titles == index.titles
