import numpy as np
from segue.music import Meter, Piece, Tempo, TrackInfo


def test_notes_are_put_in_order():
    piece = Piece.of([1, 0, 0], [1, 1, 2], [60, 64, 62])
    assert piece.pitch.tolist() == [62, 64, 60]
    assert piece.velocity.tolist() == [64] * 3
    assert piece.beats == 2


def test_the_tempo_map_goes_both_ways():
    piece = Piece.of([0], [10], [60], tempos=(Tempo(4, 60.0), Tempo(8, 240.0)))
    assert piece.beats_to_seconds([0, 4, 8, 10]).tolist() == [0, 4, 8, 8.5]
    beats = np.linspace(0, 20, 41)
    assert np.allclose(piece.seconds_to_beats(piece.beats_to_seconds(beats)), beats)


def test_without_a_tempo_it_is_120():
    assert Piece.of([0], [1], [60]).beats_to_seconds(2.0) == 1.0


def test_bars_follow_changing_metres():
    piece = Piece.of([0], [12], [60], meters=(Meter(0, 1, 4), Meter(1, 3, 4), Meter(7, 6, 8)))
    assert piece.bar_starts.tolist() == [0, 1, 4, 7, 10]
    assert piece.bar_of([0, 0.99, 1, 7, 11, 99]).tolist() == [1, 1, 2, 4, 5, 5]
    assert [m.numerator for m in piece.meter_at([0, 5, 8])] == [1, 3, 6]


def test_an_empty_piece_has_one_bar():
    piece = Piece.of([], [], [])
    assert piece.bar_starts.tolist() == [0]
    assert piece.beats == 0


def test_compound_metre_is_counted_in_dotted_values():
    assert Meter(0, 6, 8).pulse_beats == 1.5
    assert Meter(0, 3, 8).pulse_beats == 0.5
    assert Meter(0, 2, 2).pulse_beats == 2


def test_selecting_and_changing_notes():
    piece = Piece.of([0, 1, 2], 1, [60, 62, 36], track=[0, 0, 1], tracks=(TrackInfo("a"), TrackInfo("d", 0, True)))
    assert len(piece.without_drums()) == 2
    assert piece.with_notes(start=[3, 1, 2]).pitch.tolist() == [62, 36, 60]


def test_a_piece_that_is_over_before_its_first_bar_has_one_bar():
    piece = Piece.of([0.0], 1e-5, [60], meters=(Meter(0.3, 3, 4),))
    assert len(piece.bar_starts) == 1
    assert piece.bar_of(0.0).tolist() == 1
