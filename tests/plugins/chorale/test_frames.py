import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.music.bar_lines import Metre, infer_metres
from segue.plugins.chorale import frames as f
from segue.plugins.chorale.features import hold_lengths
from segue.plugins.chorale.voices import is_one_voice, notes_of, sustained, to_voice, to_voices, voice_tracks


@pytest.mark.parametrize("pitch_class", range(12))
def test_tokens_stand_for_pitches_in_every_key(pitch_class):
    lines = np.array([[low, low, low, low] for low, _ in f.RANGES] + [[high] * 4 for _, high in f.RANGES] + [[-1] * 4])
    shift = f.shift_of(pitch_class)
    tokens = f.to_tokens(lines, shift)
    assert tokens.min() == f.NO_NOTE
    assert tokens.max() <= f.PITCHES
    assert (f.to_frames(tokens, shift) == lines).all()
    assert (pitch_class - shift) % 12 == 0


def test_pitches_out_of_reach_move_by_octaves():
    tokens = f.to_tokens(np.array([20, 21, 96, 108]), 0)
    assert ((tokens >= 1) & (tokens <= f.PITCHES)).all()
    assert ((f.to_frames(tokens, 0) - [20, 21, 96, 108]) % 12 == 0).all()


def test_reference_is_the_first_bass_note_or_what_sounds_lowest():
    assert f.reference(np.array([[72, 67, 64, 50]])) == 2
    assert f.reference(np.array([[-1] * 4, [72, 67, -1, -1]])) == 7
    assert f.reference(np.array([[-1] * 4])) == 0


def test_hold_lengths_count_frames_of_the_same_token():
    assert hold_lengths(np.array([[1, 1], [1, 2], [1, 2], [3, 2]])).tolist() == [[1, 1], [2, 1], [3, 2], [1, 3]]


def test_voices_are_read_and_written():
    tracks = tuple(TrackInfo(voice) for voice in f.VOICES)
    piece = Piece.of([0, 1, 0, 0, 0], [1, 1, 2, 2, 2], [72, 74, 67, 64, 48], 80, [0, 0, 1, 2, 3], tracks=tracks)
    assert voice_tracks(piece) == [0, 1, 2, 3]
    lines = to_voices(piece, voice_tracks(piece))
    assert lines.shape == (8, 4)
    assert notes_of(lines[:, 0]) == [(0, 4, 72), (4, 4, 74)]
    assert is_one_voice(piece, 0)
    assert not is_one_voice(Piece.of([0, 0.5], [2, 2], [60, 64]), 0)


def test_rests_are_filled_up_to_a_length():
    line = np.array([-1, 60, -1, -1, 62, -1])
    assert sustained(line, 2).tolist() == [-1, 60, 60, 60, 62, 62]
    assert sustained(line, 1).tolist() == [-1, 60, -1, -1, 62, 62]
    assert to_voice(Piece.of([0], [0.01], [60]), 0, 2).tolist() == [60, -1]


def chorale(beats_in_bar: int, bars: int, upbeat: bool) -> np.ndarray:
    """A soprano that moves on every beat over a bass that moves on downbeats."""
    beats = np.arange(beats_in_bar * bars + upbeat)
    bar = (beats + beats_in_bar - upbeat) // beats_in_bar
    lines = np.stack([60 + beats % 5, 55 + bar % 2, 52 + bar % 2, 40 + bar % 3], 1)
    return np.repeat(lines, 4, 0)


def test_metre_is_inferred_where_the_length_leaves_it_open():
    sure = [
        *(chorale(4, bars, True) for bars in (14, 10)),
        chorale(4, 11, False),
        *(chorale(3, n, False) for n in (14, 18)),
    ]
    open_ones = [chorale(4, 12, False), chorale(3, 12, False), chorale(4, 12, True), chorale(3, 16, True)]
    found = infer_metres([*sure, *open_ones, np.zeros((21, 4), int)])
    assert found[:5] == [Metre(16, 12), Metre(16, 12), Metre(16, 0), Metre(12, 0), Metre(12, 0)]
    assert found[5:9] == [Metre(16, 0), Metre(12, 0), Metre(16, 12), Metre(12, 8)]
    assert found[9] is None
