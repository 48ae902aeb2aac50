from dataclasses import replace

import numpy as np
import pytest
from segue.music import Meter, midi_to_piece, piece_to_midi, piece_to_score
from segue.plugin_api import InvalidField, InvalidMusic
from segue.v1 import generate_pb2, music_pb2

from .conftest import compose_response, item, made_piece


def given(piece, role: str, **about):
    return generate_pb2.GivenMusic(role=f"GIVEN_ROLE_{role}", music=music_pb2.Music(midi=piece_to_midi(piece)), **about)


def notes(piece, drums: bool = False) -> set[tuple]:
    kept = piece.is_drum == drums
    return set(zip(piece.start[kept].round(3), piece.duration[kept].round(3), piece.pitch[kept], strict=True))


def compose_with(model, one, **fields):
    response = compose_response(model, item(1, given=[one], **fields))
    return midi_to_piece(response.pieces[0].music.midi)[0]


def test_an_opening_is_kept_and_gone_on_from(model):
    opening = made_piece(bars=3)
    piece = compose_with(model, given(opening, "OPENING"), bars=6)
    assert len(piece.bar_starts) == 6
    assert [track.name for track in piece.tracks] == ["tune", "chords", "drums"]
    early = piece.select(piece.start < 12)
    assert notes(early) == notes(opening)
    assert notes(early, drums=True) == notes(opening, drums=True)


@pytest.mark.parametrize("up", [-5, 5])
@pytest.mark.parametrize("extreme", [1, 126])
def test_an_opening_is_kept_to_the_ends_of_the_keyboard(model, up, extreme):
    opening = made_piece(bars=3)
    pitch = np.where(opening.is_drum, opening.pitch, opening.pitch + up)
    pitch[np.flatnonzero(~opening.is_drum)[0]] = extreme
    opening = opening.with_notes(pitch=pitch)
    piece = compose_with(model, given(opening, "OPENING"), bars=4)
    assert notes(piece.select(piece.start < 12)) == notes(opening)


def test_a_continuation_ends_on_the_tonic(model):
    response = compose_response(model, item(3, given=[given(made_piece(bars=4), "OPENING")], bars=8))
    piece = midi_to_piece(response.pieces[0].music.midi)[0].without_drums()
    assert set((piece.pitch[piece.start >= 28] % 12).tolist()) <= {0, 4, 7}


def test_a_melody_is_kept_and_accompanied(model):
    piece = compose_with(model, given(made_piece(bars=4), "MELODY", track=0), instruments=[40, 0])
    melody = made_piece(bars=4)
    melody = melody.select(melody.track == 0)
    assert notes(piece.select(piece.track == 0)) == notes(melody)
    assert (piece.track == 1).any()


def test_a_motif_is_stated_twice(model):
    motif = made_piece(bars=1).select(made_piece(bars=1).track == 0)
    piece = compose_with(model, given(motif, "MOTIF"), bars=8)
    tune = piece.select(piece.track == 0)
    for start in (0, 16):
        part = tune.select((tune.start >= start) & (tune.start < start + 4))
        assert part.pitch.tolist() == motif.pitch.tolist()


def test_an_infill_changes_its_span_alone(model):
    whole = made_piece(bars=6)
    piece = compose_with(model, given(whole, "INFILL", track=1, span=music_pb2.Span(start=8, end=16)))
    outside = [p.select((p.start < 8) | (p.start >= 16) | (p.track != 1)) for p in (whole, piece)]
    assert notes(outside[0]) == notes(outside[1])
    inside = [notes(p.select((p.start >= 8) & (p.start < 16) & (p.track == 1))) for p in (whole, piece)]
    assert inside[0] != inside[1]


def test_a_reference_lends_its_tempo_and_no_notes(model):
    piece = compose_with(model, given(made_piece(), "REFERENCE"), bars=2)
    assert piece.tempos[0].quarters_per_minute == pytest.approx(100, abs=0.01)
    assert len(piece.bar_starts) == 2


def test_a_score_is_read_too(model):
    music = music_pb2.Music(score=piece_to_score(made_piece(bars=2)))
    one = generate_pb2.GivenMusic(role="GIVEN_ROLE_OPENING", music=music)
    assert compose_response(model, item(1, given=[one], bars=3)).pieces[0].bars == 3


@pytest.mark.parametrize(
    ("role", "about", "fields", "field"),
    [
        ("OPENING", {"span": music_pb2.Span(end=4)}, {}, "given[0].span"),
        ("OPENING", {}, {"bars": 2}, "bars"),
        ("OPENING", {}, {"instruments": [0]}, "instruments"),
        ("MELODY", {"track": 9}, {}, "given[0].track"),
        ("MELODY", {"track": 0}, {"bars": 3}, "bars"),
        ("MELODY", {"track": 0}, {"instruments": [40]}, "instruments"),
        ("INFILL", {}, {}, "given[0].span"),
        ("INFILL", {"span": music_pb2.Span(start=90, end=99)}, {}, "given[0].span"),
        ("MOTIF", {"track": 0}, {"time_signature": {"numerator": 3, "denominator": 4}}, "time_signature"),
        ("UNSPECIFIED", {}, {}, "given[0].role"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(model, role, about, fields, field):
    with pytest.raises(InvalidField) as error:
        model.start(item(1, given=[given(made_piece(bars=4), role, **about)], **fields))
    assert error.value.violations[0][0] == field


@pytest.mark.parametrize("role", ["MELODY", "MOTIF"])
def test_a_melody_is_one_pitched_track(model, role):
    for about in ({}, {"track": 2}):
        with pytest.raises(InvalidMusic):
            model.start(item(1, given=[given(made_piece(), role, **about)]))


def test_long_and_strange_music_is_refused(model):
    with pytest.raises(InvalidMusic, match="at most 64"):
        model.start(item(1, given=[given(made_piece(bars=65), "OPENING")]))
    drums = made_piece()
    with pytest.raises(InvalidMusic, match="no pitched note"):
        model.start(item(1, given=[given(drums.select(drums.is_drum), "OPENING")]))
    five = replace(made_piece(), meters=(Meter(0.0, 5, 4),))
    with pytest.raises(InvalidMusic, match="must be in 4/4"):
        model.start(item(1, given=[given(five, "OPENING")]))
