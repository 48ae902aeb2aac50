import numpy as np
import pytest
from segue.music import Piece, TrackInfo, midi_to_piece
from segue.plugins.polish import dynamics, fit_heads
from segue.v1 import music_pb2 as pb


def velocities(response):
    return midi_to_piece(response.music.midi)[0].velocity


def test_a_written_piece_is_left_and_says_how_to_ask(ask, song):
    response = ask(song)
    assert (velocities(response) == 80).all()
    assert [notice.subject for notice in response.notices] == ["options.dynamics"]


@pytest.mark.parametrize("how", [{"options": {"dynamics": "shape"}}, {"kinds": [pb.EDIT_KIND_VELOCITY]}])
def test_flat_tracks_are_shaped_where_asked(ask, song, how):
    response = ask(song, **how)
    assert {edit.kind for edit in response.edits} == {pb.EDIT_KIND_VELOCITY}
    shaped = velocities(response)
    for track in (0, 1):
        own = shaped[song.track == track]
        assert own.std() == pytest.approx(dynamics.SPREAD, rel=0.15)
        assert own.mean() == pytest.approx(80, abs=2)
        beat = song.start[song.track == track] % 4
        assert own[beat == 0].mean() > own[beat % 1 == 0.5].mean() if track == 0 else True
    assert all(edit.reason.startswith(("Louder", "Softer")) for edit in response.edits)
    half = ask(song, strength=0.5, **how)
    assert velocities(half).std() == pytest.approx(shaped.std() / 2, rel=0.1)


def test_a_flat_track_beside_played_ones_is_shaped_and_those_stay(ask, song):
    played = np.where(song.track == 0, 80, 60 + np.arange(len(song)) % 9)
    piece = song.with_notes(velocity=played)
    shaped = velocities(ask(piece))
    assert np.ptp(shaped[song.track == 0]) > 20
    assert (shaped[song.track == 1] == played[song.track == 1]).all()
    assert not ask(piece, options={"dynamics": "keep"}).edits
    first = ask(piece, edit_ids=[1])
    assert (velocities(first) != played).sum() == 1


def test_drums_are_shaped_by_their_sounds(ask):
    beat = np.arange(0, 64, 0.5)
    kit = (TrackInfo("Kit", 0, True),)
    drums = Piece.of(
        np.repeat(beat, 2), 0.25, np.ravel([[36 if b % 2 == 0 else 38, 42] for b in beat]), 90, 0, tracks=kit
    )
    shaped = velocities(ask(drums, kinds=[pb.EDIT_KIND_VELOCITY]))
    hats = drums.pitch == 42
    assert shaped[hats & (drums.start % 1 == 0)].mean() > shaped[hats & (drums.start % 1 == 0.5)].mean()


def test_a_fit_finds_what_was_played():
    rng = np.random.default_rng(0)
    start = np.arange(400) / 2
    pieces = [
        Piece.of(start, 0.5, 60 + rng.integers(0, 12, 400), 60 + 30 * (start % 1 == 0) + rng.integers(0, 15, 400), 0)
        for _ in range(3)
    ]
    model = dynamics.Dynamics(fit_heads.fit_dynamics(pieces, []))
    told = model.deviation(pieces[0], 0)
    assert np.corrcoef(told, pieces[0].velocity)[0, 1] > 0.8


def test_phrases_end_at_rests_and_long_notes():
    piece = Piece.of([0, 1, 2, 3, 5, 6, 7, 8, 12], [1, 1, 1, 1, 1, 1, 1, 4, 1], 60)
    where, number = dynamics.phrases(piece)
    assert len(set(number.tolist())) == 3
    assert where[0] == 0
    assert where[3] == 1
