import numpy as np
import pytest
import torch
from segue.music import midi_to_piece
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.plugins.transformer import drawing
from segue.plugins.transformer.elements import SLOT

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
