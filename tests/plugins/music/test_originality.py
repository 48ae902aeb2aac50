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


def test_a_copied_run_is_placed_in_both_pieces(index):
    """Twenty notes from the fifth of a known tune, after a tune of its own, on the second track."""
    own, known = tune(999), tune(7)
    quoted = known.select(slice(4, 24))
    start = np.r_[own.start, quoted.start - quoted.start[0] + 100]
    pitch = np.r_[own.pitch, quoted.pitch + 3]
    track = np.r_[np.zeros(len(own), int), np.ones(20, int)]
    found = index.compare(Piece.of(start, 0.5, pitch, 64, track, tracks=(TrackInfo(), TrackInfo())))
    (source,) = (source for source in found.sources if source.number == 7)
    assert (source.longest_run, source.track) == (found.longest_run, 1) == (20, 1)
    assert source.here == (100, start[-1])
    assert source.there == pytest.approx((known.start[4], known.start[23]), abs=0.05)


def test_the_source_of_the_longest_run_is_named_though_others_are_more_alike(index):
    many = [tune(seed).select(slice(0, 8)) for seed in range(20, 30)]
    pieces = [*many, tune(7).select(slice(0, 12))]
    pitch = np.concatenate([piece.pitch for piece in pieces])
    start = np.concatenate([piece.start - piece.start[0] + 60 * place for place, piece in enumerate(pieces)])
    found = index.compare(Piece.of(start, 0.5, pitch), most=3)
    assert len(found.sources) == 3
    assert 7 in [source.number for source in found.sources]
    assert found.longest_run == 12


def over_broken_chords(melody):
    """The tune sustained over eighths on the same track."""
    length = np.diff(np.r_[melody.start, melody.start[-1] + 1])
    beats = np.arange(0, melody.beats, 0.5)
    chords = 36 + np.array([0, 7, 12, 7])[np.arange(len(beats)) % 4]
    return Piece.of(np.r_[melody.start, beats], np.r_[length, np.full(len(beats), 0.5)], np.r_[melody.pitch, chords])


def within_chords(melody):
    """The tune in the middle of chords, two notes above and two below."""
    rng = np.random.default_rng(0)
    rows = [melody.pitch, *(melody.pitch + sign * rng.integers(5, 12, len(melody)) for sign in (1, -1))]
    return Piece.of(np.tile(melody.start, 3), 0.5, np.concatenate(rows))


@pytest.mark.parametrize("hide", [over_broken_chords, within_chords])
def test_a_tune_that_is_hidden_among_other_notes_of_its_track_is_found(index, hide):
    for seed in range(10):
        found = index.compare(hide(tune(seed)))
        assert found.sources[0].number == seed
        assert found.longest_run > 40


C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


@pytest.mark.parametrize(
    "commonplace",
    [C_MAJOR + C_MAJOR[-2::-1], [60, 64, 67, 72, 67, 64] * 3, [60, 67, 64, 67] * 4, [60, 62] * 8, list(range(60, 76))],
    ids=["scale", "arpeggio", "Alberti", "trill", "chromatic"],
)
def test_what_everybody_plays_accuses_nobody(commonplace):
    line = Piece.of(np.arange(len(commonplace)) / 2, 0.5, commonplace)
    known = Piece.of(np.arange(3 * len(commonplace)) / 2, 0.5, commonplace * 3)
    found = OriginalityIndex.build([known, tune(1)], ["an exercise", "a tune"]).compare(line)
    assert (found.copied_fraction, found.longest_run) == (0, 0)


def test_an_index_from_before_places_were_kept_still_answers(index, tmp_path):
    old = OriginalityIndex(index.titles, index._hashes, index._positions, index._owners, index._human)
    old.save(tmp_path / "old.safetensors")
    found = OriginalityIndex.load(tmp_path / "old.safetensors").compare(tune(5))
    assert found.sources[0].there is None
    assert found.longest_run == 80
