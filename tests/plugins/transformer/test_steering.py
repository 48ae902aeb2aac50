import numpy as np
import pytest
import torch
from segue.music import midi_to_piece
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.plugins.transformer import drawing, steering
from segue.plugins.transformer.elements import FIELD_SIZES, FIRST_PLACE, LENGTH, PLACE, SLOT
from segue.plugins.transformer.grammar import Place
from segue.plugins.transformer.steering import UPRIGHT, tilted
from segue.v1 import music_pb2

from ..in_process import run_to_the_end
from .conftest import item

SHY = 1
"""A slot that an untrained network would not let play."""

MEASURED = {
    "rhythmic_intensity": "log_onsets_per_beat",
    "register": "pitch_mean",
    "loudness": "velocity_mean",
}


@pytest.mark.parametrize("slider", MEASURED)
def test_a_slider_is_obeyed_even_by_an_untrained_network(model, slider):
    column = list(FEATURES).index(MEASURED[slider])
    asked = [(seed, value) for seed in range(4) for value in (0.0, 1.0)]
    items = [item(seed, bars=6, instruments=[0, 32], attributes={slider: value}) for seed, value in asked]
    found = [
        features(Reading(midi_to_piece(messages[-1].complete.pieces[0].music.midi)[0]))[column]
        for messages in run_to_the_end(model, items)
    ]
    assert np.mean(found[1::2]) > np.mean(found[::2])


@pytest.mark.parametrize("called", [True, False])
def test_an_instrument_that_waits_is_called(model, monkeypatch, called):
    monkeypatch.setattr(drawing, "CALL", drawing.CALL if called else 0.0)
    shy = torch.zeros(drawing.FIELD_SIZES[SLOT])
    shy[1 + SHY] = -9.0
    bias = model._composer._network.heads.logits[SLOT].bias
    monkeypatch.setattr(bias, "data", bias.data + shy)
    session = model.start(item(3, bars=8, instruments=[73, 40, 0]))
    while not session.now.state.done:
        model.step([session])
    played = session.now.state.written[:, SLOT] == 1 + SHY
    assert played.any() == called


@pytest.mark.parametrize("value", [0.1, 0.5, 0.9])
def test_loudness_does_not_swing_from_bar_to_bar(model, value):
    messages = run_to_the_end(model, [item(2, bars=12, instruments=[0], attributes={"loudness": value})])[0]
    piece = midi_to_piece(messages[-1].complete.pieces[0].music.midi)[0]
    by_bar = [piece.velocity[piece.start // 4 == bar].mean() for bar in set((piece.start // 4).tolist())]
    assert np.abs(np.diff(by_bar)).mean() < 15  # velocities drawn at random change by more


def test_a_thinner_bar_keeps_its_first_beat(model):
    rules = model.start(item(1, bars=4)).now.commission.plan.rules
    scores, thin = np.zeros(FIELD_SIZES[PLACE]), UPRIGHT._replace(density=-4.0)
    begun, under_way = (tilted(scores, PLACE, thin, Place(1, 0, 0, place), 0, rules) for place in (-1, 0))
    assert (begun == scores).all()
    assert under_way.argmax() > 0
    assert under_way.max() > 0


def test_where_few_notes_are_asked_for_they_are_long_even_if_few_are_to_sound_together(model):
    rules = model.start(item(1, bars=4)).now.commission.plan.rules
    scores, place = np.zeros(FIELD_SIZES[LENGTH]), Place(1, 1, 0, 0)
    for density, longer in ((-4.0, True), (None, False), (4.0, False)):
        tilt = UPRIGHT._replace(density=density, polyphony=-3.0)
        found = tilted(scores, LENGTH, tilt, place, 0, rules)
        assert (found[-1] > found[1]) == longer


def test_fewer_notes_at_once_are_no_shorter(model):
    """Lead sheets kept their chords of four notes; the more they were tilted against them, the shorter they were."""
    rules = model.start(item(1, bars=4)).now.commission.plan.rules
    few = UPRIGHT._replace(polyphony=-10.0)
    lengths = tilted(np.zeros(FIELD_SIZES[LENGTH]), LENGTH, few, Place(1, 1, 0, 0), 0, rules)
    assert (lengths == 0).all()
    places = tilted(np.zeros(FIELD_SIZES[PLACE]), PLACE, few, Place(1, 1, 0, 0), 0, rules)
    assert places[FIRST_PLACE] == -10
    assert not places[FIRST_PLACE + 1 :].any()


def test_what_is_sad_is_legato_and_in_broken_chords(model, monkeypatch):
    sad = music_pb2.Emotion(quadrant=music_pb2.EMOTION_QUADRANT_SAD)
    found = []
    for longer, broken in ((0.0, 0.0), (steering._LONGER, steering._BROKEN)):
        monkeypatch.setattr(steering, "_LONGER", longer)
        monkeypatch.setattr(steering, "_BROKEN", broken)
        items = [item(seed, bars=6, instruments=[0], emotion=sad) for seed in range(4)]
        pieces = [midi_to_piece(m[-1].complete.pieces[0].music.midi)[0] for m in run_to_the_end(model, items)]
        found.append(
            [np.mean([p.duration.mean() for p in pieces]), np.mean([len(set(p.start)) / len(p) for p in pieces])]
        )
    assert found[1][0] > 1.2 * found[0][0]
    assert found[1][1] > found[0][1]
