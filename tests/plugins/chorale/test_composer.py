from dataclasses import replace

import numpy as np
import pytest
import torch
from segue.music.bar_lines import Metre
from segue.plugin_api.sampling import draw_tokens
from segue.plugins.chorale.composer import Composer
from segue.plugins.chorale.data import Chorale, Draw, collate
from segue.plugins.chorale.frames import MAJOR, PITCHES, START, bar_class, remaining_class, to_frames
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.network import CLASSES
from segue.plugins.chorale.state import Plan


def plan(frames: int = 32, seed: int = 0, given: np.ndarray | None = None, **fields) -> Plan:
    rng = np.random.default_rng(seed)
    free = np.ones((frames, 4), bool) if given is None else ~given
    at = np.arange(frames)
    tokens = np.where(free, 0, rng.integers(20, 40, (frames, 1)))
    made = {
        "tokens": tokens,
        "free": free,
        "allowed": np.ones((frames, 4, CLASSES), bool) & (np.arange(CLASSES) > 0),
        "held": np.zeros(frames, bool),
        "moving": np.zeros(frames, bool),
        "bar": bar_class(at, 16),
        "remaining": remaining_class(frames - 1 - at),
        "shift": 0,
        "mode": MAJOR,
        "draws": rng.random((frames, 4)),
    }
    return Plan(**(made | fields))


def finish(composer: Composer, plans: list[Plan]) -> list:
    states = [composer.begin(one) for one in plans]
    finished: dict[int, object] = {}
    while len(finished) < len(plans):
        live = [index for index in range(len(plans)) if index not in finished]
        for index, state in zip(live, composer.advance([states[index] for index in live]), strict=True):
            states[index] = state
            if state.done:
                finished[index] = state
    return states


@pytest.mark.parametrize("with_given", [False, True])
def test_composing_follows_the_trained_network(tiny_network, with_given):
    given = np.zeros((32, 4), bool)
    given[:, 0] = with_given
    given[8:12, 2] = with_given
    allowed = plan().allowed.copy()
    allowed[0, 3] = np.arange(CLASSES) == 19  # C, so that the trained network sees the piece from the same reference
    state = finish(Composer(tiny_network), [plan(given=given if with_given else None, allowed=allowed)])[0]
    piece = replace(Chorale.of(to_frames(state.tokens, 0), Metre(16, 0)), mode=MAJOR)
    told = Draw(metre=True, mode=True, remaining=True, given=given if with_given else None)
    batch = collate([piece], [told])
    assert state.log_likelihood == pytest.approx(-float(nats(tiny_network(batch), batch).sum().detach()), rel=1e-4)
    assert state.composed == batch["weight"].sum()


def test_a_piece_is_the_same_alone_and_in_any_batch(tiny_network):
    composer = Composer(tiny_network)
    plans = [plan(frames=4 + 4 * (seed % 3), seed=seed) for seed in range(11)]
    alone = [finish(composer, [one])[0] for one in plans]
    for chosen in (list(range(11)), list(range(10, -1, -1)), [3, 7]):
        together = finish(composer, [plans[index] for index in chosen])
        for index, state in zip(chosen, together, strict=True):
            assert (state.tokens == alone[index].tokens).all()
            assert state.log_likelihood == alone[index].log_likelihood


def test_a_step_leaves_the_states_it_was_given_as_they_were(tiny_network):
    composer = Composer(tiny_network)
    state = composer.advance([composer.begin(plan())])[0]
    tokens, lower = state.tokens.copy(), state.lower.clone()
    first, again = composer.advance([state])[0], composer.advance([state])[0]
    assert state.now == 4
    assert (state.tokens == tokens).all()
    assert torch.equal(state.lower, lower)
    assert (first.tokens == again.tokens).all()


def test_voices_keep_their_ranges_and_held_notes(tiny_network):
    allowed = np.zeros((32, 4, CLASSES), bool)
    for voice, (low, high) in enumerate([(30, 50), (25, 45), (20, 40), (10, 35)]):
        allowed[:, voice, low : high + 1] = True
    held = np.arange(32) > 24
    state = finish(Composer(tiny_network), [plan(allowed=allowed, held=held)])[0]
    assert allowed[np.arange(32)[:, None], np.arange(4), state.tokens].all()
    assert (state.tokens[25:] == state.tokens[24]).all()
    assert state.tokens.max() <= PITCHES < START


def test_draws_stay_within_the_likeliest_tokens():
    scores = np.log(np.array([[0.5, 0.3, 0.15, 0.05]]).repeat(1000, 0))
    permitted = np.ones_like(scores, bool)
    draws = np.random.default_rng(0).random(1000)
    one = np.ones((1000, 1))
    share = np.bincount(draw_tokens(scores, permitted, one, one, draws), minlength=4) / 1000
    assert share == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.04)
    top = np.bincount(draw_tokens(scores, permitted, one, 0.7 * one, draws), minlength=4) / 1000
    assert top == pytest.approx([0.625, 0.375, 0, 0], abs=0.04)
    cold = draw_tokens(scores, permitted, 0.01 * one, one, draws)
    assert (cold == 0).all()
    permitted[:, :3] = False
    assert (draw_tokens(scores, permitted, one, 0.1 * one, draws) == 3).all()
