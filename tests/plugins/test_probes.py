import pytest
from segue.plugins.probes import want_likely_piece
from segue.v1 import generate_pb2, music_pb2


def answer(*bars, midi=b"MThd", log_likelihood=-1.0):
    music = music_pb2.Music(midi=midi)
    pieces = [generate_pb2.Piece(music=music, bars=count, log_likelihood=log_likelihood) for count in bars]
    return generate_pb2.GenerateResponse(pieces=pieces)


def test_a_likely_piece_of_as_many_bars_is_what_is_wanted():
    want_likely_piece(answer(2), bars=2, floor=-3)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (answer(), r"pieces of \[\] bars, must be \[2\]"),
        (answer(3), r"pieces of \[3\] bars, must be \[2\]"),
        (answer(2, 2), r"pieces of \[2, 2\] bars, must be \[2\]"),
        (answer(2, midi=b""), "no MIDI file"),
        (answer(2, log_likelihood=-3.5), "unlikely: log-likelihood -3.500"),
        (answer(2, log_likelihood=0.0), "unlikely: log-likelihood 0.000"),
    ],
)
def test_anything_else_is_not(response, told):
    with pytest.raises(ValueError, match=told):
        want_likely_piece(response, bars=2, floor=-3)
