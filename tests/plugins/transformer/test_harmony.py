from copy import copy

import numpy as np
import pytest
from segue.music import midi_to_piece
from segue.music.chord_symbols import read_symbol
from segue.plugin_api import InvalidField
from segue.plugins.transformer.artifacts import PROGRESSIONS
from segue.plugins.transformer.elements import FIELD_SIZES, PITCH
from segue.plugins.transformer.harmony import Harmony
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.plugin import Transformer
from segue.plugins.transformer.progressions import Progressions
from segue.v1 import music_pb2

from .conftest import compose_response, item, made_piece
from .test_given import given, notes

D_MAJOR = music_pb2.Key(tonic=2, mode=music_pb2.MODE_MAJOR)
PROGRESSION = "D:maj B:min/b3 N G:maj7 A:7"


def chords(text: str = PROGRESSION, beats: float = 4.0) -> list[music_pb2.Chord]:
    spans = [music_pb2.Span(start=beats * row, end=beats * row + beats) for row in range(len(text.split()))]
    return [music_pb2.Chord(symbol=symbol, span=span) for symbol, span in zip(text.split(), spans, strict=True)]


@pytest.mark.parametrize(("instruments", "lowest"), [([0], 0), ([73, 0, 33, 128], 2), ([56], 0)])
def test_each_chord_begins_on_its_bass_and_has_its_tones(model, instruments, lowest):
    response = compose_response(model, item(1, chords=chords(), instruments=instruments))
    piece = midi_to_piece(response.pieces[0].music.midi)[0].without_drums()
    assert response.pieces[0].bars == 5
    assert "5 of them, in D major" in " ".join(response.understood)
    inside = []
    for row, symbol in enumerate(PROGRESSION.split()):
        _, bass, tones = read_symbol(symbol)
        if bass is not None:
            first = piece.select((piece.start == 4 * row) & (piece.track == lowest))
            assert first.pitch.min() % 12 == bass
            on_beat = piece.select((piece.start >= 4 * row) & (piece.start < 4 * row + 4) & (piece.start % 1 == 0))
            inside += np.isin(on_beat.pitch % 12, tones).tolist()
    assert np.mean(inside) > 0.9  # with weights drawn at random; 3 to 5 of 12 by chance


def test_a_note_ends_where_a_chord_begins_that_does_not_have_it(model):
    response = compose_response(model, item(4, chords=chords("C:maj Db:maj C:maj Db:maj"), instruments=[0]))
    piece = midi_to_piece(response.pieces[0].music.midi)[0]
    assert (np.ceil(piece.end / 4 - 1e-6) <= np.floor(piece.start / 4) + 1).all()


def test_a_given_melody_stays_over_given_chords(model):
    melody = given(made_piece(bars=4), "MELODY", track=0)
    response = compose_response(model, item(1, given=[melody], instruments=[40, 0], chords=chords("C F G C")))
    piece = midi_to_piece(response.pieces[0].music.midi)[0]
    tune = made_piece(bars=4)
    assert notes(piece.select(piece.track == 0)) == notes(tune.select(tune.track == 0))
    bass = [piece.pitch[(piece.track == 1) & (piece.start == 4 * bar)].min() % 12 for bar in range(4)]
    assert bass == [0, 5, 7, 0]


def test_a_stated_key_wins_over_that_of_the_chords(model):
    key = music_pb2.Key(tonic=9, mode=music_pb2.MODE_MAJOR)
    response = compose_response(model, item(1, chords=chords(), key=key))
    assert "in A major" in response.understood[-1]


def planned(model) -> TransformerModel:
    """The untrained model with what the shipped version knows of chords."""
    found = copy(model)
    found._progressions = Progressions.load(Transformer.models[0].shipped / "1" / PROGRESSIONS)
    return found


def drawn(model, seed: int, **fields) -> Harmony | None:
    return model.start(item(seed, **fields)).now.commission.plan.rules.harmony


def test_chords_are_drawn_for_styles_over_a_chart_where_none_are_asked_for(model):
    model = planned(model)
    model._profiles = {**model._profiles, "rock": model._profiles["pop_piano"]}
    harmony = drawn(model, 1, style="rock", bars=8)
    assert harmony is not None
    assert not harmony.asked
    assert (harmony.bass == drawn(model, 1, style="rock", bars=8).bass).all()
    assert (harmony.bass != drawn(model, 2, style="rock", bars=8).bass).any()
    assert drawn(model, 1, style="rock", chords=chords()).asked
    assert drawn(model, 1, style="pop_piano", bars=8) is None
    assert drawn(model, 1, style="rock", given=[given(made_piece(bars=4), "MELODY", track=0)]) is None


def test_a_drawn_chord_leans_less_than_one_that_is_asked_for_and_the_key_leans_beside_it():
    tones = np.zeros((1, 8, 12), bool)
    tones[:, :, [0, 4, 7]] = True
    key = np.where(np.arange(FIELD_SIZES[PITCH]) % 12 == 2, -1.0, 0.0)  # C sharp, since tokens count from 1
    asked, own = (Harmony(tones, np.full((1, 8), -1), asked).leaning(0, 0, key) for asked in (True, False))
    c, c_sharp, d = 61, 62, 63
    assert asked[c] > own[c] > 0 > own[d] > own[c_sharp] > asked[c_sharp]


def test_over_drawn_chords_a_piece_begins_and_ends_on_the_tonic(model):
    model = planned(model)
    model._profiles = {**model._profiles, "rock": model._profiles["pop_piano"]}
    for seed in range(3):
        response = compose_response(model, item(seed, style="rock", bars=6, instruments=[73, 0], key=D_MAJOR))
        piece = midi_to_piece(response.pieces[0].music.midi)[0]
        for bar, until in ((0, 0), (5, 24)):
            own = piece.pitch[(piece.start >= 4 * bar) & (piece.start <= 4 * bar + until)]
            assert set((own % 12).tolist()) <= {2, 6, 9}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"chords": chords("X:maj")}, "chords[0].symbol"),
        ({"chords": chords(), "bars": 3}, "chords[3].span"),
        ({"chords": chords("C F", 0.2)}, "chords[0].span"),
        ({"chords": chords("C " * 65)}, "chords"),
    ],
)
def test_chords_that_cannot_be_are_named(model, fields, field):
    with pytest.raises(InvalidField) as error:
        model.start(item(1, **fields))
    assert error.value.violations[0][0] == field
