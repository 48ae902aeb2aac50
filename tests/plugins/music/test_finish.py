import numpy as np
import pytest
from segue.music import Piece, TrackInfo
from segue.music.finish import correct_pitch
from segue.v1 import music_pb2


def line(pitches, **about) -> Piece:
    return Piece.of(np.arange(len(pitches)), 1.0, pitches, 80, **about)


def test_notes_of_the_key_stay():
    piece = line([60, 62, 64, 65, 67, 69, 71, 72])
    corrected, edits = correct_pitch(piece, 0, False)
    assert np.array_equal(corrected.pitch, piece.pitch)
    assert not edits


def test_a_run_of_strange_notes_keeps_its_shape():
    corrected, edits = correct_pitch(line([60, 61, 63, 61, 60]), 0, False)
    assert corrected.pitch.tolist() in ([60, 62, 64, 62, 60], [60, 60, 62, 60, 60])
    assert [edit.before.pitch for edit in edits] == [61, 63, 61]
    assert {edit.kind for edit in edits} == {music_pb2.EDIT_KIND_PITCH}
    assert edits[0].reason == "The note is not of C major."
    assert (edits[0].place.bar, edits[0].place.span.start) == (1, 1.0)


def test_fixed_notes_stay_though_they_are_foreign_to_the_key():
    fixed = np.array([False, True, False, False])
    corrected, edits = correct_pitch(line([62, 66, 67, 66]), 0, False, fixed=fixed)
    assert corrected.pitch[:3].tolist() == [62, 66, 67]
    assert corrected.pitch[3] in (65, 67)
    assert len(edits) == 1


@pytest.mark.parametrize(("pitch", "stays"), [(68, True), (67, True), (66, False)])
def test_minor_has_both_its_sevenths(pitch, stays):
    corrected, _ = correct_pitch(line([69, pitch, 69]), 9, True)
    assert (corrected.pitch[1] == pitch) == stays


def test_drums_and_other_voices_are_left_alone():
    tracks = (TrackInfo("Kit", 0, True), TrackInfo("Keys"))
    piece = Piece.of([0, 0, 0], 1.0, [37, 60, 66], 80, [0, 1, 1], tracks=tracks)
    corrected, edits = correct_pitch(piece, 0, False)
    assert corrected.pitch[:2].tolist() == [37, 60]
    assert corrected.pitch[2] in (65, 67)
    assert [edit.place.track for edit in edits] == [1]


@pytest.mark.parametrize("last", range(60, 72))
def test_a_piece_can_close_on_its_tonic(last):
    corrected, edits = correct_pitch(line([64, 62, last]), 7, False, close=True)
    assert corrected.pitch[-1] % 12 == 7
    assert abs(int(corrected.pitch[-1]) - last) <= 7
    assert bool(edits) == (last != 67)
