"""An emotion sets sliders, tempo and mode."""

import numpy as np
import pytest
from segue.music import Piece, Tempo
from segue.plugins.style_vae.attributes import INTENSITY, REGISTER
from segue.plugins.style_vae.emotion import Feeling, at_tempo, feeling_of, in_mode, loudness, sliders
from segue.v1 import music_pb2 as pb


def test_numbers_win_over_the_quadrant_and_nothing_is_nothing():
    assert feeling_of(pb.Emotion()) is None
    sad = feeling_of(pb.Emotion(quadrant=pb.EMOTION_QUADRANT_SAD))
    assert sad.valence < -0.5
    assert sad.arousal < -0.5
    assert feeling_of(pb.Emotion(quadrant=pb.EMOTION_QUADRANT_SAD, arousal=0.2)) == (sad.valence, 0.2)
    assert feeling_of(pb.Emotion(valence=0.4)) == (0.4, 0.0)


def test_sliders_follow_and_what_is_enough_is_left():
    middle, ends = np.full(4, 0.5), np.array([0.0, 0.5, 1.0, 0.5])
    low, high = (sliders(Feeling(*way), middle) for way in ((-1, -1), (1, 1)))
    for figure in (INTENSITY, REGISTER):
        assert 0 <= low[figure] < 0.5 < high[figure] <= 1
    assert sliders(Feeling(1, -1), ends) == {INTENSITY: 0.0, REGISTER: 1.0}
    assert sliders(Feeling(0, 0), middle) == {}
    assert loudness(Feeling(0, 1), 60) == 96
    assert loudness(Feeling(0, -1), 60) == 49
    assert loudness(Feeling(0, -1), 30) == 30
    assert loudness(Feeling(1, 0), 60) == 60


def test_arousal_changes_the_whole_tempo_map():
    piece = Piece.of([0, 4], 1, 60, tempos=(Tempo(0, 100.0), Tempo(4, 50.0)))
    faster = at_tempo(piece, 1.0)
    ratio = [b.quarters_per_minute / a.quarters_per_minute for a, b in zip(piece.tempos, faster.tempos, strict=True)]
    assert ratio == pytest.approx([2**0.35] * 2)
    assert at_tempo(piece, 0.0).tempos == piece.tempos


def test_major_becomes_minor_and_minor_major():
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    piece = Piece.of(np.arange(8), 1, scale)
    minor = in_mode(piece, np.zeros(8, int), -0.5)
    assert minor.pitch.tolist() == [60, 62, 63, 65, 67, 68, 71, 72]
    natural = Piece.of(np.arange(8), 1, [60, 62, 63, 65, 67, 68, 70, 72])
    assert in_mode(natural, np.full(8, 12), 0.5).pitch.tolist() == scale.tolist()
    assert in_mode(piece, np.zeros(8, int), 0.5).pitch.tolist() == scale.tolist()
    assert in_mode(piece, np.zeros(8, int), 0.0).pitch.tolist() == scale.tolist()
