import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.music.theory import QUALITY_NAMES

I_IV_V_I = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))


def song(bars=16, up=0):
    """A cadence in C, a chord a bar, in quarters, with a tune above and a drum beside it."""
    parts = []
    for bar in range(bars):
        chord = I_IV_V_I[bar % 4]
        for beat in range(4):
            parts += [(4 * bar + beat, 48 + up + tone, 0) for tone in chord]
            parts += [(4 * bar + beat, 72 + up + chord[beat % 3], 0), (4 * bar + beat, 36, 1)]
    start, pitch, track = np.array(parts).T
    return Piece.of(start, 1, pitch, 70, track, tracks=(TrackInfo(), TrackInfo(drums=True)))


def test_an_excerpt_holds_the_notes_that_begin_in_it_and_the_chords_of_the_whole():
    whole = Reading(song())
    part = whole.excerpt(16, 32)
    assert part.original.start.min() == 16
    assert part.original.start.max() == 31
    assert len(part.pitched) == 4 * 16
    assert part.melody.sum() == whole.melody[(whole.pitched.start >= 16) & (whole.pitched.start < 32)].sum()
    assert part.cells.edges[[0, -1]].tolist() == [16, 32]
    assert [(chord % 12, QUALITY_NAMES[chord // 12]) for chord in part.chords.chord] == [
        (0, "maj"), (5, "maj"), (7, "maj"), (0, "maj")
    ]  # fmt: skip
    assert np.array_equal(part.chord_at(part.pitched.start), whole.chord_at(part.pitched.start))
    assert np.array_equal(part.key_at(part.pitched.start), whole.key_at(part.pitched.start))


def test_an_excerpt_has_a_key_of_its_own():
    low, high = song(), song(up=6)
    both = low.with_notes(
        start=np.r_[low.start, high.start + low.beats],
        **{name: np.r_[getattr(low, name), getattr(high, name)] for name in ("duration", "pitch", "velocity", "track")},
    )
    whole = Reading(both)
    assert whole.excerpt(0, 64).keys.best == 0
    assert whole.excerpt(64, 128).keys.best == 6


def test_an_excerpt_of_everything_is_described_as_the_whole():
    whole = Reading(song())
    assert np.allclose(features(whole.excerpt(0, 64)), features(whole), atol=1e-9)


@pytest.mark.parametrize("span", [(0, 0.5), (15.9, 16.1), (63, 64), (63, 900)])
def test_excerpts_of_any_length_can_be_described(span):
    found = features(Reading(song()).excerpt(*span))
    assert found.shape == (len(FEATURES),)
    assert np.isfinite(found).all()
