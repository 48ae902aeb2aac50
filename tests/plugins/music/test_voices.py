"""Voices that go in parallel or cross, in a whole piece and in a part of it where one rests."""

import numpy as np
from segue.music import Piece, TrackInfo
from segue.music.voices import crossings, parallels, voices


def two_voices():
    """Fifths that move up together, then a lower voice above the upper one."""
    start = np.tile(np.arange(4.0), 2)
    pitch = [67, 69, 71, 60, 60, 62, 64, 65]
    return Piece.of(start, 1.0, pitch, 64, np.repeat([0, 1], 4), tracks=(TrackInfo(), TrackInfo()))


def test_parallels_and_crossings_are_found():
    piece = two_voices()
    assert voices(piece) == [0, 1]
    assert [clash.begin for clash in parallels(piece)] == [0, 1]
    assert [(clash.begin, clash.end) for clash in crossings(piece)] == [(3, 4)]


def test_a_voice_that_rests_throughout_clashes_with_none():
    part = two_voices().select(np.arange(8) % 2 == 0)
    assert set(part.track.tolist()) == {0}
    assert not list(parallels(part, [0, 1]))
    assert not list(crossings(part, [0, 1]))
