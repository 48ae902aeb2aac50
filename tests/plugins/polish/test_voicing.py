import numpy as np
from segue.music import Piece, TrackInfo
from segue.music.voices import crossings, parallels
from segue.v1 import music_pb2 as pb


def test_a_voice_that_doubles_another_is_left_alone(ask):
    line = np.tile([72, 74, 76, 77, 79, 77, 76, 74], 8)
    start = np.tile(np.arange(64.0), 2)
    piece = Piece.of(
        start,
        1.0,
        np.r_[line, line - 12],
        64 + start % 9,
        np.repeat([0, 1], 64),
        tracks=(TrackInfo("Flute", 73), TrackInfo("Oboe", 68)),
    )
    assert len(list(parallels(piece))) > 50
    assert not [edit for edit in ask(piece).edits if edit.kind == pb.EDIT_KIND_PITCH]


def test_clashes_name_both_voices():
    tracks = (TrackInfo("Upper", 73), TrackInfo("Lower", 73))
    start, track = np.tile(np.arange(8.0), 2), np.repeat([0, 1], 8)
    fifths = Piece.of(
        start, 1.0, np.r_[[72, 74, 72, 71, 72, 76, 77, 79], [60, 62, 64, 55, 57, 60, 62, 64]], 64, track, tracks=tracks
    )
    found = list(parallels(fifths))
    assert [(clash.begin, clash.end, clash.upper, clash.lower) for clash in found] == [(0.0, 1.0, 0, 1)]
    crossed = fifths.with_notes(pitch=np.where((fifths.start == 5) & (fifths.track == 1), 80, fifths.pitch))
    assert [(clash.begin, clash.end, clash.upper, clash.lower) for clash in crossings(crossed)] == [(5.0, 6.0, 0, 1)]
