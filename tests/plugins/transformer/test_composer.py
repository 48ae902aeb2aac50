from dataclasses import replace

import numpy as np
import pytest
import torch
from segue.music import midi_to_piece
from segue.plugins.transformer import composer
from segue.plugins.transformer.elements import BAR, PITCH, PLACE, SLOT
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.network import nats
from segue.plugins.transformer.plugin import Transformer
from segue.plugins.transformer.segments import Segment, collate

from ..in_process import run_to_the_end
from .conftest import item


def requests():
    return [
        item(1, bars=2),
        item(2, bars=3, style="chorale"),
        item(3, {"guidance": 1.5}, bars=2, instruments=[0, 32, 128]),
        *(item(seed, bars=1) for seed in range(4, composer.ROWS + 4)),
    ]


def test_a_piece_is_the_same_alone_and_in_a_batch(model):
    together = run_to_the_end(model, requests())
    alone = [run_to_the_end(model, [one])[0] for one in requests()]
    assert together == alone


def test_the_shipped_network_rounds_the_same_in_a_full_batch():
    shipped = TransformerModel()
    shipped.load(Transformer.models[0].shipped / "1", "cpu")
    asked = [item(seed, bars=1, style="chorale") for seed in range(composer.ROWS + 2)]
    together = run_to_the_end(shipped, asked)
    for row in (0, 7, composer.ROWS - 1, composer.ROWS + 1):
        assert together[row] == run_to_the_end(shipped, [asked[row]])[0]


def test_requests_join_and_leave_without_a_trace(model):
    late, early = item(5, bars=2), item(6, bars=4)
    sessions = [model.start(early)]
    model.step(sessions)
    sessions.append(model.start(late))
    found = []
    while not found:
        steps = model.step(sessions)
        found = [message for message in steps[1].responses if message.HasField("complete")]
    assert found == run_to_the_end(model, [late])[0][-1:]


def test_the_likelihood_is_that_of_the_network_run_over_the_whole_piece(model):
    session = model.start(item(3, {"temperature": 1.0, "top_p": 1.0}, bars=3))
    while not session.now.state.done:
        model.step([session])
    state, plan = session.now.state, session.now.commission.plan
    segment = Segment(state.written, plan.families, plan.controls, True, 3, 0, 100.0, ())
    with torch.no_grad():
        found = nats(model._composer._network, *collate([segment], plan.controls[None]))
    lines = (state.written[1:, PLACE] == BAR).nonzero()[0]
    total = sum(float(values.sum()) for values in found.values()) - float(found["place"][lines].sum())
    assert state.log_likelihood == pytest.approx(-total, rel=1e-4)


def test_a_long_piece_goes_on_when_the_cache_is_full(model, monkeypatch):
    monkeypatch.setattr(composer, "_FULL", 60)
    monkeypatch.setattr(composer, "_KEPT", 30)
    session = model.start(item(4, bars=40))
    lengths = []
    while not session.now.state.done:
        model.step([session])
        lengths.append(session.now.state.cached)
    assert session.now.state.count > max(lengths)
    assert (np.diff(lengths) < 0).any()


def test_the_prefix_counts_in_a_full_cache(model, monkeypatch):
    session = model.start(item(3, bars=32, instruments=[73, 40, 0]))
    while session.now.state.count < 60 or session.now.state.elements[session.now.state.count - 1, PLACE] != BAR:
        session.now = replace(session.now, state=model._composer.advance([session.now.state], 1)[0])
    state = session.now.state
    monkeypatch.setattr(composer, "_FULL", state.count)
    monkeypatch.setattr(composer, "_KEPT", 20)
    assert model._composer._with_room(state).cached < state.count <= state.cached


def test_a_step_that_fails_leaves_the_sessions_as_they_were(model, monkeypatch):
    session, other = model.start(item(1, bars=2)), model.start(item(2, bars=2))
    model.step([session, other])

    def fail(*_):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(model._composer, "_state_of_last", fail)
        with pytest.raises(RuntimeError):
            model.step([session, other])
    found = []
    while not found:
        found = [message for message in model.step([session])[0].responses if message.HasField("complete")]
    assert found == run_to_the_end(model, [item(1, bars=2)])[0][-1:]


@pytest.mark.parametrize("bars", [1, 5])
@pytest.mark.parametrize("meter", [(4, 4), (3, 4), (6, 8)])
def test_bars_metre_and_tempo_are_exact(model, bars, meter):
    asked = {"numerator": meter[0], "denominator": meter[1]}
    one = run_to_the_end(model, [item(1, bars=bars, time_signature=asked, tempo=93.0)])[0][-1].complete.pieces[0]
    piece = midi_to_piece(one.music.midi)[0]
    assert len(piece.bar_starts) == bars == one.bars
    assert piece.tempos[0].quarters_per_minute == pytest.approx(93.0, abs=0.01)
    assert (piece.meters[0].numerator, piece.meters[0].denominator) == meter
    assert piece.beats <= bars * piece.meters[0].bar_beats + 1e-6


def test_the_last_bar_is_no_higher_than_the_piece(model):
    for seed in range(4):
        session = model.start(item(seed, bars=4, instruments=[73, 0]))
        while not session.now.state.done:
            model.step([session])
        written = session.now.state.written
        last = int(np.flatnonzero(written[:, PLACE] == BAR)[-2])
        for slot in (1, 2):
            own = written[:, SLOT] == slot
            before, after = written[:last][own[:last], PITCH], written[last:][own[last:], PITCH]
            assert not len(after) or not len(before) or after.max() <= before.max()


def test_no_bar_is_silent_however_likely_a_bar_line(model, monkeypatch):
    bias = model._composer._network.heads.logits[PLACE].bias
    eager = torch.zeros_like(bias)
    eager[BAR] = 9.0
    monkeypatch.setattr(bias, "data", bias.data + eager)
    answer = run_to_the_end(model, [item(2, bars=8, instruments=[73, 0])])[0][-1].complete.pieces[0]
    piece = midi_to_piece(answer.music.midi)[0]
    sounding = [bool(((piece.start < 4 * bar + 4) & (piece.end > 4 * bar)).any()) for bar in range(8)]
    assert all(sounding)
    assert len(piece) < 40
