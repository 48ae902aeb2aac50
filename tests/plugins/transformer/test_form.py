import numpy as np
import pytest
from segue.music import midi_to_piece
from segue.plugin_api import InvalidField
from segue.plugins.transformer.elements import FIELD_SIZES, FIRST_PLACE, PLACE
from segue.plugins.transformer.form import lay_out
from segue.plugins.transformer.grammar import Place
from segue.plugins.transformer.steering import UPRIGHT, tilted
from segue.v1 import music_pb2

from .conftest import compose_response, item, made_piece
from .test_given import given


def bars_of(piece) -> list[list[tuple]]:
    at = (piece.start // piece.meters[0].bar_beats).astype(int)
    place = (piece.start % piece.meters[0].bar_beats).round(2)
    return [
        sorted(zip(place[at == bar].tolist(), piece.pitch[at == bar].tolist(), strict=True))
        for bar in range(at[-1] + 1)
    ]


def test_sections_of_one_name_come_back(model):
    response = compose_response(model, item(2, bars=20, form=["intro", "A", "A", "B", "A'", "outro"]))
    bars = bars_of(midi_to_piece(response.pieces[0].music.midi)[0])
    assert len(bars) == 20
    assert bars[2:5] == bars[6:9]
    assert bars[5] != bars[9]
    assert bars[2:4] == bars[14:16]
    assert bars[4:6] != bars[16:18]
    text = " ".join(response.understood)
    assert "A bars 7-10 (3 bars from bar 3 again, the rest of it new)" in text
    assert "intro bars 1-2 (thinner)" in text
    assert "outro bars 19-20 (cadence)" in text


def test_the_tune_rests_in_an_intro_and_places_are_further_apart(model):
    tune = given(made_piece(), "REFERENCE")
    response = compose_response(model, item(1, bars=6, form=["intro", "A"], instruments=[73, 0, 33], given=[tune]))
    piece = midi_to_piece(response.pieces[0].music.midi)[0]
    flute = [track.program for track in piece.tracks].index(73)
    assert piece.start[piece.track == flute].min() >= 8
    session = model.start(item(1, bars=6, form=["intro", "A"], instruments=[0]))
    rules, scores = session.now.commission.plan.rules, np.zeros(FIELD_SIZES[PLACE])
    thin, usual = (tilted(scores, PLACE, UPRIGHT, Place(bar, 1, 0, 0), 0, rules) for bar in (0, 2))
    assert (np.diff(thin[FIRST_PLACE + 1 :]) > 0).all()
    assert (usual == 0).all()


def test_the_outro_ends_on_dominant_and_tonic(model):
    key = music_pb2.Key(tonic=0, mode=music_pb2.MODE_MAJOR)
    piece = midi_to_piece(
        compose_response(model, item(5, form=["A", "outro"], bars=6, key=key, instruments=[0])).pieces[0].music.midi
    )[0]
    dominant = piece.select(piece.start == 18)
    assert dominant.pitch.min() % 12 == 7
    assert set((piece.pitch[piece.start >= 20] % 12).tolist()) <= {0, 4, 7}


def test_bars_are_split_over_the_sections():
    sections = lay_out(["intro", "A", "B", "outro"], 0, 64)
    assert [section.bars for section in sections] == [4, 8, 8, 4]
    assert [section.first for section in sections] == [0, 4, 12, 20]
    assert [section.bars for section in lay_out(["A"] * 64, 64, 64)] == [1] * 64
    assert sum(section.bars for section in lay_out(["verse", "chorus"] * 9, 0, 64)) == 64
    assert [section.bars for section in lay_out(["A", "B"], 7, 64)] == [2, 5]
    assert lay_out(["A", "A"], 2, 64)[1].again == 0  # the last bar closes the piece


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"form": ["A", " "]}, "form[1]"),
        ({"form": ["A", "B", "C"], "bars": 2}, "form"),
        ({"form": ["A", "B"], "given": [given(made_piece(), "OPENING")]}, "form"),
    ],
)
def test_a_form_that_cannot_be_is_named(model, fields, field):
    with pytest.raises(InvalidField) as error:
        model.start(item(1, **fields))
    assert error.value.violations[0][0] == field


def test_a_form_gives_the_same_bytes_alone_and_again(model):
    one, other = (compose_response(model, item(3, bars=6, form=["A", "A", "B"])) for _ in range(2))
    assert one.pieces[0].music.midi == other.pieces[0].music.midi
