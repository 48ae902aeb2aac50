import numpy as np
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.music.reading import Reading
from segue.music.theory import scale
from segue.plugins.transformer import planning
from segue.plugins.transformer.finish import into_key, without_overlaps
from segue.v1 import music_pb2

from .conftest import compose_response, item, made_piece


def test_a_note_ends_where_its_pitch_is_struck_again():
    piece = Piece.of([0, 1, 1], [4, 1, 1], [60, 60, 62], 80, 0)
    assert without_overlaps(piece).end.tolist() == [1, 2, 2]
    two = Piece.of([0, 1], [4, 1], 60, 80, [0, 1], tracks=(TrackInfo(), TrackInfo()))
    assert without_overlaps(two).end.tolist() == [4, 2]


def test_a_piece_in_its_key_stays_and_a_foreign_note_is_moved():
    piece = made_piece()
    reading = Reading(piece)
    key = reading.keys.best
    same, edits = into_key(reading, key, np.zeros(len(piece), bool), always=False)
    assert same is reading
    assert not edits
    tune = np.flatnonzero(piece.track == 0)
    wrong = piece.with_notes(pitch=np.where(np.arange(len(piece)) == tune[3], 61, piece.pitch))
    right, edits = into_key(Reading(wrong), key, np.zeros(len(piece), bool), always=True)
    assert len(edits) == 1
    assert edits[0].before.pitch == 61
    assert edits[0].after.pitch % 12 in scale(key)
    assert (right.original.pitch != wrong.pitch).sum() == 1
    fixed, edits = into_key(Reading(wrong), key, np.ones(len(piece), bool), always=True)
    assert fixed.original is wrong
    assert not edits


def test_every_edit_is_a_note_of_the_piece(model, monkeypatch):
    monkeypatch.setattr(planning, "_KEY_STATED", (0.0, 0.0))
    response = compose_response(model, item(1, bars=4, finish={"correct_pitch": True}, key={"mode": "MODE_MAJOR"}))
    piece = midi_to_piece(response.pieces[0].music.midi)[0].without_drums()
    assert response.pieces[0].edits
    assert set(piece.pitch % 12) <= set(scale(0))
    heard = set(zip(piece.start.round(3), piece.pitch, strict=True))
    for edit in response.pieces[0].edits:
        assert (round(edit.after.start, 3), edit.after.pitch) in heard


def test_pitches_stay_where_they_are_if_that_is_asked(model):
    response = compose_response(model, item(1, bars=4, finish={"correct_pitch": False}))
    assert not response.pieces[0].edits


def test_a_piece_that_copies_too_much_is_composed_again_and_said_so(model, monkeypatch):
    likeness = model.melodies.compare(made_piece())
    monkeypatch.setattr(model.melodies, "compare", lambda piece: likeness)
    response = compose_response(model, item(1, bars=1, finish={"copied_fraction_limit": 0.0}))
    assert likeness.copied_fraction > 0.5
    assert "4 pieces" in response.notices[-1].text
    assert response.pieces[0].originality.sources[0].title.startswith("song")


def test_dynamics_are_shaped_to_phrases_and_every_change_is_told(model):
    plain, shaped = (compose_response(model, item(1, bars=8, finish={"shape_dynamics": wish})) for wish in (0, 1))
    pieces = [midi_to_piece(answer.pieces[0].music.midi)[0] for answer in (plain, shaped)]
    assert pieces[0].pitch.tolist() == pieces[1].pitch.tolist()
    changed = int((pieces[0].velocity != pieces[1].velocity).sum())
    told = [edit for edit in shaped.pieces[0].edits if edit.kind == music_pb2.EDIT_KIND_VELOCITY]
    assert len(told) == changed > 10
    assert len({edit.id for edit in shaped.pieces[0].edits}) == len(shaped.pieces[0].edits)
