import math

import pytest
from segue.music import Control, Meter, Piece, Tempo, TrackInfo, music_to_piece, piece_to_midi, piece_to_score, place
from segue.music.cells import cut
from segue.music.grid import find_grid
from segue.plugin_api import InvalidMusic
from segue.v1 import music_pb2 as pb


@pytest.fixture
def piece():
    return Piece.of(
        [0, 1, 2, 4],
        1,
        [60, 64, 67, 72],
        [10, 20, 30, 40],
        [0, 1, 0, 1],
        tracks=(
            TrackInfo("a", 3, controls=(Control(0.5, pb.CONTROL_KIND_PITCH_BEND, 0, -99),)),
            TrackInfo("b", 0, True),
        ),
        tempos=(Tempo(0, 60.0),),
        meters=(Meter(0, 3, 4),),
    )


def test_a_piece_survives_the_way_through_a_score(piece):
    again, notices = music_to_piece(pb.Music(score=piece_to_score(piece)))
    assert not notices
    for column in ("start", "duration", "pitch", "velocity", "track"):
        assert getattr(again, column).tolist() == getattr(piece, column).tolist()
    assert (again.tracks, again.tempos, again.meters) == (piece.tracks, piece.tempos, piece.meters)


def test_a_score_states_no_metre_that_the_piece_does_not():
    assert not piece_to_score(Piece.of([0], 1, [60])).time_signatures


def test_notices_name_the_field(piece):
    data = piece_to_midi(piece)[:-4]
    _, notices = music_to_piece(pb.Music(midi=data), "reference")
    assert notices[0].subject == "reference.midi"


@pytest.mark.parametrize(
    ("music", "field"),
    [
        (pb.Music(), "music"),
        (pb.Music(midi=b"x"), "music.midi"),
        (pb.Music(midi=piece_to_midi(Piece.of([], [], []))), "music.midi"),
        (pb.Music(score=pb.Score()), "music.score"),
        (pb.Music(audio=pb.Audio(data=b"RIFF")), "music.audio"),
    ],
)
def test_music_that_holds_no_notes_is_refused(music, field):
    with pytest.raises(InvalidMusic) as caught:
        music_to_piece(music)
    assert caught.value.violations[0][0] == field


@pytest.mark.parametrize(
    ("name", "value"), [("beat", -1), ("beat", math.nan), ("kind", 0), ("kind", 9), ("number", 128), ("value", 9000)]
)
def test_a_wrong_control_is_named(piece, name, value):
    score = piece_to_score(piece)
    setattr(score.tracks[0].controls[0], name, value)
    with pytest.raises(InvalidMusic, match=r"must be") as caught:
        music_to_piece(pb.Music(score=score))
    assert caught.value.violations[0][0] == f"music.score.tracks[0].controls[0].{name}"


def test_too_many_controls_are_refused():
    control = pb.Control(kind=pb.CONTROL_KIND_CONTROLLER)
    tracks = [pb.Track(notes=[pb.Note(duration=1, pitch=60)], controls=[control] * 100_001) for _ in range(2)]
    with pytest.raises(InvalidMusic, match="has 200002 controls, must have at most 200000"):
        music_to_piece(pb.Music(score=pb.Score(tracks=tracks)))


@pytest.mark.parametrize(
    ("name", "value"), [("start", -1), ("start", math.nan), ("duration", 0), ("duration", math.inf), ("pitch", 128)]
)
def test_a_wrong_note_is_named(piece, name, value):
    score = piece_to_score(piece)
    setattr(score.tracks[1].notes[1], name, value)
    with pytest.raises(InvalidMusic) as caught:
        music_to_piece(pb.Music(score=score), "piece")
    assert caught.value.violations[0][0] == f"piece.score.tracks[1].notes[1].{name}"


def test_wrong_tempo_and_metre_are_named(piece):
    tempo = pb.TempoChange(beat=1, quarters_per_minute=0)
    meter = pb.TimeSignatureChange(time_signature=pb.TimeSignature(numerator=4))
    for part, change in (
        ("tempos[1]", pb.Score(tempos=[tempo])),
        ("time_signatures[1]", pb.Score(time_signatures=[meter])),
    ):
        score = piece_to_score(piece)
        score.MergeFrom(change)
        with pytest.raises(InvalidMusic) as caught:
            music_to_piece(pb.Music(score=score))
        assert caught.value.violations[0][0] == f"music.score.{part}"


def test_velocity_zero_means_64():
    score = pb.Score(tracks=[pb.Track(notes=[pb.Note(start=0, duration=1, pitch=60)])])
    assert music_to_piece(pb.Music(score=score))[0].velocity.tolist() == [64]


def test_a_place_names_bar_beats_and_seconds(piece):
    found = place(piece, 4, 5, 1)
    assert (found.bar, found.span.start, found.span.end, found.seconds, found.track) == (2, 4, 5, 4, 1)
    assert not place(piece, 4).HasField("track")


def test_more_tracks_than_a_score_carries():
    with pytest.raises(InvalidMusic):
        piece_to_score(Piece.of([0], 1, [60], tracks=(TrackInfo(),) * 65))


@pytest.mark.parametrize(("start", "duration"), [(0, 5e-324), (99_999, 1e-12)])
def test_a_note_too_short_to_hear_still_ends_after_it_begins(start, duration):
    score = pb.Score(tracks=[pb.Track(notes=[pb.Note(start=start, duration=duration, pitch=60)])])
    piece, _ = music_to_piece(pb.Music(score=score))
    assert piece.end > piece.start


def test_the_shortest_piece_has_a_cell():
    score = pb.Score(tracks=[pb.Track(notes=[pb.Note(duration=5e-324, pitch=60)])])
    piece, _ = music_to_piece(pb.Music(score=score))
    assert cut(piece, find_grid(piece)).sounding[0, 60] > 0
