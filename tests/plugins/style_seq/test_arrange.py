import numpy as np
import pytest
from segue.music import Meter, Piece
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_seq.arrange import _sizes, frames_of, harmonise, read_content, silent_frames, to_notes
from segue.plugins.style_seq.elements import FIRST_PLACE

from .conftest import band


def arrangement(piece, bars):
    chord = np.array([[0, 0, 0], [5, 0, 5], [7, 0, 7], [0, 0, 0]])
    start = np.arange(4) * (bars[1] - bars[0])
    return Arrangement(piece, piece.track == 0, bars, start, chord, 0, False)


@pytest.mark.parametrize(
    ("beats", "sizes"), [(4, [4]), (3, [3]), (3.5, [3.5]), (5, [3, 2]), (6, [3, 3]), (7, [4, 3]), (9, [3, 3, 3])]
)
def test_long_bars_are_shared_out(beats, sizes):
    assert _sizes(beats) == sizes


@pytest.mark.parametrize(("meter", "length", "beats", "compound"), [
    ((3, 4), 3, [3], False), ((6, 8), 3, [2], True), ((5, 4), 5, [3, 2], False), ((12, 8), 6, [4], True),
    ((7, 8), 3.5, [3.5], False),
])  # fmt: skip
def test_frames_of_other_metres(meter, length, beats, compound):
    frames = frames_of(band(4, meter), np.arange(5) * float(length))
    assert frames.beats.tolist() == beats * 4
    assert set(frames.compound.tolist()) == {compound}
    np.testing.assert_allclose(frames.end[:-1], frames.start[1:])
    moments = np.arange(0, 4 * length, 0.25)
    straight = frames.to_straight(moments)
    frame = np.minimum((straight // 4).astype(int), len(frames) - 1)
    np.testing.assert_allclose(frames.to_piece(frame, straight - 4 * frame), moments, atol=1e-5)


def test_a_pickup_takes_the_end_of_a_pattern():
    piece = band(3)
    frames = frames_of(piece, np.array([0.0, 1.0, 5.0, 9.0, 13.0]))
    assert (frames.first[0], frames.beats[0]) == (3, 1)
    rows = np.array([[0, FIRST_PLACE + 6 * beat, 10, 5, 5, 4] for beat in range(4)])
    start, *_ = to_notes(rows, frames, np.full(4, 60))
    assert start.tolist() == [0.0]


def test_patterns_are_cut_to_three_beats_and_swing_in_compound_metres():
    rows = np.array([[0, FIRST_PLACE + place, 10, 5, 5, 4] for place in (0, 3, 6, 18)])
    three, six = (frames_of(band(2, meter), np.array([0.0, 3.0, 6.0])) for meter in ((3, 4), (6, 8)))
    assert to_notes(rows, three, np.full(4, 60))[0].tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(to_notes(rows, six, np.full(4, 60))[0], [0.0, 1.0, 1.5])


def test_content_follows_the_bars_of_the_piece():
    piece = band(4, (3, 4))
    arranged = arrangement(piece, np.arange(5) * 3.0)
    content = read_content(arranged, frames_of(piece, arranged.bars))
    assert content.root[:, 0].tolist() == [0, 5, 7, 0]
    assert (content.root == content.root[:, :1]).all()
    assert (content.melody[:, 0] >= 71).all()
    assert content.chroma[1, 0].nonzero()[0].tolist() == [0, 5, 9]


def test_bars_without_accompaniment_stay_so_but_a_lone_melody_is_accompanied():
    piece = band(4)
    alone = piece.select((piece.track == 0) | (piece.start >= 8))
    bars = np.arange(5) * 4.0
    frames = frames_of(piece, bars)
    assert silent_frames(arrangement(alone, bars), frames).tolist() == [True, True, False, False]
    tune = piece.select(piece.track == 0)
    assert not silent_frames(arrangement(tune, bars), frames).any()


def test_a_melody_without_chords_is_harmonised_in_its_key():
    start = np.arange(16.0)
    tune = Piece.of(start, 1.0, [60, 64, 67, 64, 65, 69, 72, 69, 67, 71, 74, 71, 72, 67, 64, 60])
    none = np.full((1, 3), -1)
    bars = np.arange(5) * 4.0
    arranged = Arrangement(tune, np.ones(16, bool), bars, np.zeros(1), none, 0, False)
    frames = frames_of(tune, bars)
    assert harmonise(arranged, frames).tolist() == [[0, 0, 0], [5, 0, 5], [7, 0, 7], [0, 0, 0]]
    assert read_content(arranged, frames).quality.max() == 0


def test_changing_metres():
    piece = band(2, (4, 4))
    piece = type(piece)(**(vars(piece) | {"meters": (Meter(0, 4, 4), Meter(4, 2, 4))}))
    frames = frames_of(piece, np.array([0.0, 4.0, 6.0, 8.0]))
    assert frames.beats.tolist() == [4, 2, 2]
