import numpy as np
import pytest
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.v1 import music_pb2 as pb


@pytest.fixture
def clashing():
    """A tune over I IV V I, but in bar 7 the chord of D flat lies under a tune in G."""
    roots, tunes = (60, 65, 67, 60), ((72, 76, 79, 76), (77, 81, 77, 72), (74, 79, 83, 79), (72, 76, 72, 72))
    rows = []
    for bar in range(16):
        root = 61 if bar == 6 else roots[bar % 4]
        rows += [(4 * bar, 4.0, root - 12 + step, 1) for step in (0, 4, 7)]
        rows += [(4 * bar + beat, 1.0, pitch, 0) for beat, pitch in enumerate(tunes[bar % 4])]
    start, duration, pitch, track = np.array(rows).T
    velocity = 60 + np.arange(len(rows)) % 9
    return Piece.of(start, duration, pitch, velocity, track, tracks=(TrackInfo("Tune", 73), TrackInfo("Piano", 0)))


def chord(piece, bar):
    return sorted(set((piece.pitch[(piece.track == 1) & (piece.start == 4 * bar)] % 12).tolist()))


def test_a_chord_beside_the_melody_is_exchanged_where_asked(ask, clashing):
    only = {"confidence": 0.99}
    assert chord(midi_to_piece(ask(clashing, only).music.midi)[0], 6) == [1, 5, 8]
    response = ask(clashing, only | {"reharmonise": True})
    after = midi_to_piece(response.music.midi)[0]
    assert chord(after, 6) == [2, 7, 11]
    assert [chord(after, bar) for bar in range(16) if bar != 6] == [
        chord(clashing, bar) for bar in range(16) if bar != 6
    ]
    assert (after.pitch[after.track == 0] == clashing.pitch[clashing.track == 0]).all()
    assert {edit.kind for edit in response.edits} == {pb.EDIT_KIND_PITCH}
    assert all("fits the melody" in edit.reason for edit in response.edits)
