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


def test_versions_of_a_work_are_not_others():
    """People copy little from other works, however many versions of their own there are."""
    tunes = [tune(seed) for seed in range(30)]
    versions = [piece.with_notes(pitch=piece.pitch + 2) for piece in tunes[:10]]
    quoting = tune(100, 60)
    line = np.concatenate([quoting.pitch, tunes[20].pitch[:20] + quoting.pitch[-1] - tunes[20].pitch[0]])
    start = np.concatenate([quoting.start, quoting.start[-1] + 1 + tunes[20].start[:20]])
    pieces = [*tunes, *versions, Piece.of(start, 0.5, line)]
    index = OriginalityIndex.build(pieces, [str(number) for number in range(len(pieces))])
    whole = index.human_excerpts(80)
    assert len(whole) == len(pieces)
    assert whole[-1] == pytest.approx(0.25, abs=0.05)
    assert whole[-3] == 0
    half_copied = Piece.of(start[40:], 0.5, line[40:])
    assert index.compare(half_copied).human_percentile == 1
    assert index.compare(tune(999)).human_percentile == 0


def test_an_excerpt_is_as_long_as_it_is_asked_to_be(index):
    assert len(index.human_excerpts(81)) == 0
    assert len(index.human_excerpts(40)) == 60
    assert (index.human_excerpts(40, seed=1) == index.human_excerpts(40, seed=1)).all()
