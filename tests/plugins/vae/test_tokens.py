import numpy as np
from segue.music import Piece
from segue.plugins.vae.attributes import NAMES, measure
from segue.plugins.vae.tokens import (
    HOLD,
    LOWEST,
    OFF,
    STRIKE,
    WINDOW,
    home_shift,
    melody_key,
    to_events,
    to_notes,
    transpose,
)

from .conftest import joy


def test_notes_become_events_and_notes_again():
    begin, end, pitch = np.array([0, 4, 8, 12]), np.array([4, 6, 12, 20]), np.array([60, 62, 64, 65])
    events = to_events(begin, end, pitch, 32)
    assert events[0] == STRIKE + 60 - LOWEST
    assert (events[1:4] == HOLD).all()
    assert events[6] == OFF
    assert np.array_equal(to_notes(events), np.stack([begin, end, pitch], axis=1))


def test_a_note_ends_where_the_next_begins():
    events = to_events(np.array([0, 2]), np.array([8, 4]), np.array([60, 62]), 8)
    assert to_notes(events).tolist() == [[0, 2, 60], [2, 4, 62]]


def test_silence_has_no_notes():
    assert to_notes(np.zeros(WINDOW, int)).shape == (0, 3)
    assert measure(np.zeros((1, WINDOW), int)).tolist() == [[0.0] * len(NAMES)]


def test_transposition_keeps_to_the_piano_and_leaves_the_rest():
    events = np.array([HOLD, OFF, STRIKE, STRIKE + 87])
    assert transpose(events, 3).tolist() == [HOLD, OFF, STRIKE + 3, STRIKE + 87 + 3 - 12]
    assert transpose(events, -3).tolist() == [HOLD, OFF, STRIKE - 3 + 12, STRIKE + 84]


def test_every_key_goes_home_by_the_shortest_way():
    for tonic in range(12):
        assert (tonic + home_shift(tonic, False)) % 12 == 0
        assert (tonic + home_shift(tonic, True)) % 12 == 9
        assert -5 <= home_shift(tonic, True) <= 6


def test_the_key_of_a_melody_is_heard():
    assert [melody_key(joy(shift)) for shift in (0, 3, 7)] == [0, 3, 7]


def test_attributes_say_what_they_name():
    def of(piece: Piece) -> dict:
        begin, end = (np.rint(4 * beats).astype(int) for beats in (piece.start, piece.end))
        return dict(zip(NAMES, measure(to_events(begin, end, piece.pitch, 32)[None])[0], strict=True))

    on_beat = of(Piece.of(np.arange(8), 1.0, np.arange(60, 68)))
    off_beat = of(Piece.of(np.arange(8) + 0.5, 1.0, np.arange(67, 59, -1)))
    assert (on_beat["density"], on_beat["register"], on_beat["span"]) == (4, 63.5, 7)
    assert on_beat["syncopation"] == 0 < off_beat["syncopation"]
    assert off_beat["contour"] < 0 < on_beat["contour"]
