import numpy as np
import pytest
from segue.music import Meter, Piece
from segue.music.features import FEATURES, features
from segue.music.grid import find_grid
from segue.music.keys import guess_key, histogram_scores
from segue.music.reading import Reading
from segue.music.rhythm import place_onsets, swing
from segue.music.roman import roman_numerals, settle_diminished
from segue.music.theory import NO_CHORD, QUALITY_NAMES, chord_symbol, key_name, key_to_index, spell


def chord(root, quality):
    return QUALITY_NAMES.index(quality) * 12 + root


@pytest.mark.parametrize(
    ("key", "pitch_class", "name"),
    [(0, 10, "Bb"), (4, 3, "D#"), (12, 11, "B"), (12, 3, "Eb"), (21, 8, "G#"), (3, 8, "Ab"), (None, 6, "F#")],
)
def test_spelling(key, pitch_class, name):
    assert spell(pitch_class, key) == name


@pytest.mark.parametrize(
    ("name", "key"),
    [("C", 0), ("Bb", 10), ("f#", 18), ("E-", 3), ("Gb:maj", 6), ("B:min", 23), ("Cb:maj", 11), ("b", 23), ("bb", 22)],
)
def test_keys_are_read_as_packs_write_them(name, key):
    assert key_to_index(name) == key


@pytest.mark.parametrize("name", ["", "H", ":maj"])
def test_what_is_no_key_is_named(name):
    with pytest.raises(ValueError, match=f"'{name}' is no key"):
        key_to_index(name)


def test_names():
    assert key_name(18) == "F# minor"
    assert chord_symbol(chord(0, "maj"), 4) == "C:maj/3"
    assert chord_symbol(NO_CHORD) == "N"


@pytest.mark.parametrize(
    ("root", "quality", "bass", "key", "following", "numeral"),
    [
        (0, "maj", 0, 0, NO_CHORD, "I"),
        (7, "7", 11, 0, NO_CHORD, "V65"),
        (2, "7", 2, 0, chord(7, "maj"), "V7/V"),
        (11, "dim", 2, 0, NO_CHORD, "viio6"),
        (8, "dim7", 8, 21, NO_CHORD, "viio7"),
        (2, "hdim7", 5, 12, NO_CHORD, "iiø65"),
        (8, "maj", 8, 12, NO_CHORD, "VI"),
        (8, "7", 8, 0, chord(7, "maj"), "Ger65"),
        (9, "maj", 9, 0, chord(2, "min"), "V/ii"),
        (5, "min", -1, 12, NO_CHORD, "iv"),
    ],
)
def test_numerals(root, quality, bass, key, following, numeral):
    assert roman_numerals([chord(root, quality), following], [bass, -1], [key, key])[0] == numeral


def test_a_diminished_seventh_is_named_by_where_it_leads():
    wrong = chord(2, "dim7")  # B D F Ab
    assert settle_diminished([wrong, chord(0, "min")], [12, 12])[0] == chord(11, "dim7")


def test_a_histogram_finds_its_key():
    assert histogram_scores(np.bincount([0, 2, 4, 5, 7, 9, 11, 0, 7, 0], minlength=12).astype(float)).argmax() == 0
    assert not histogram_scores(np.ones(12)).any()


def bars(shift=0.0, length=4):
    beats = np.arange(16 * length)
    bass = beats[::length]
    roots = np.array([48, 53, 55, 48] * 4)
    melody = np.repeat(roots, length) + 12 + beats % length * 2
    return Piece.of(
        np.r_[beats, bass] + shift, np.r_[np.full(len(beats), 1.0), np.full(16, length * 1.0)], np.r_[melody, roots]
    )


@pytest.mark.parametrize("length", [3, 4])
def test_metre_and_shift_are_found(length):
    grid = find_grid(bars(0.3, length))
    assert grid.meters[0].numerator == length
    assert not grid.stated
    assert np.allclose(grid.beats[grid.downbeats][:3], 0.3 + length * np.arange(3), atol=0.01)


def test_the_files_metre_is_taken_where_it_holds():
    piece = Piece.of(np.arange(12) / 2, 0.5, 60 + np.arange(12), meters=(Meter(0, 6, 8),))
    grid = find_grid(piece)
    assert grid.stated
    assert grid.beats.tolist() == [0, 1.5, 3, 4.5, 6]
    assert grid.divisions.tolist() == [3] * 4
    assert grid.downbeats.tolist() == [0, 2]


def test_swing_is_measured():
    straight = Piece.of(np.arange(32) / 2, 0.4, 60)
    swung = Piece.of(np.sort(np.r_[np.arange(16), np.arange(16) + 2 / 3]), 0.3, 60)
    assert swing(place_onsets(Reading(straight))) == pytest.approx(1)
    assert swing(place_onsets(Reading(swung))) == pytest.approx(2, abs=0.02)


@pytest.mark.parametrize(
    "piece", [bars(), Piece.of([0], 1, [60]), Piece.of([0, 1], 1, [36, 38]), Piece.of(np.arange(500) * 7.3, 9, 60)]
)
def test_features_are_finite_and_documented(piece):
    found = features(Reading(piece))
    assert found.shape == (len(FEATURES),)
    assert np.isfinite(found).all()


def test_features_do_not_mind_transposition():
    a, b = (features(Reading(p)) for p in (bars(), bars().with_notes(pitch=bars().pitch + 1)))
    register = ("pitch_mean", "bass_pitch", "top_pitch", "low_share", "high_share", "melody_pitch")
    kept = np.array([name not in register for name in FEATURES])
    assert np.allclose(a[kept], b[kept], atol=1e-6)


@pytest.mark.parametrize("up", range(12))
def test_a_key_is_guessed_from_histogram_and_ends(up):
    scale = [0, 2, 4, 5, 7, 9, 11, 12]
    assert guess_key(Piece.of(range(8), 1, [48 + up + step for step in scale])) == up
    minor = [9, 11, 12, 14, 16, 17, 20, 21]
    assert guess_key(Piece.of(range(8), 1, [48 + up + step for step in minor])) == 12 + (9 + up) % 12


def test_a_key_is_guessed_without_pitched_notes():
    assert guess_key(Piece.of([], [], [])) == 0


def test_a_bass_that_moves_within_a_chord_makes_an_inversion_but_a_waltz_does_not():
    start = np.repeat([0.0, 4.0, 8.0, 12.0], 3)
    upper = [60, 64, 67, 60, 64, 67, 62, 65, 71, 60, 64, 67]
    bass = [(0, 2, 48), (2, 2, 52), (4, 4, 48), (8, 4, 43), (12, 4, 48)]
    rows = [*zip(start, [4.0] * 12, upper, strict=True), *bass]
    moving = Reading(Piece.of(*zip(*rows, strict=True), meters=(Meter(0, 4, 4),)))
    found = moving.inversions
    assert moving.cells.edges[found.cell[:3]].tolist() == [0, 2, 4]
    assert found.bass[:3].tolist() == [0, 4, 0]
    assert found.chord[0] == found.chord[1]
    waltz = [(bar * 3.0, 1.0, 36) for bar in range(8)]
    waltz += [(bar * 3.0 + beat, 1.0, pitch) for bar in range(8) for beat in (1, 2) for pitch in (55, 60, 64)]
    reading = Reading(Piece.of(*zip(*waltz, strict=True), meters=(Meter(0, 3, 4),)))
    assert len(reading.inversions) == len(reading.chords)


def alberti():
    """A broken chord in eighths below a long note: the fifth is lowest in half of the cells."""
    pitches = [48, 55, 52, 55] * 4 + [47, 55, 53, 55] * 2 + [48, 55, 52, 55] * 2
    return [(half / 2, 0.5, pitch) for half, pitch in enumerate(pitches)] + [(4.0 * bar, 4.0, 72) for bar in range(4)]


def stride():
    """The root below each bar, the fifth a fourth below it halfway, chords between them."""
    rows = [(2.0 * bar + beat, 0.5, 36 - 5 * beat) for bar in range(8) for beat in (0, 1)]
    return rows + [(2.0 * bar + at, 0.5, p) for bar in range(8) for at in (0.5, 1.5) for p in (55, 60, 64)]


@pytest.mark.parametrize(("rows", "meter"), [(alberti(), Meter(0, 4, 4)), (stride(), Meter(0, 2, 4))])
def test_the_bass_of_a_broken_chord_and_of_stride_piano_is_where_it_begins(rows, meter):
    found = Reading(Piece.of(*zip(*rows, strict=True), meters=(meter,))).inversions
    assert found.chord[0] == chord(0, "maj")
    assert found.bass[0] == 0
    assert all(bass == 0 for bass, number in zip(found.bass, found.chord, strict=True) if number == chord(0, "maj"))
