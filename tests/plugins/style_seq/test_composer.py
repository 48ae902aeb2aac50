from dataclasses import replace

import numpy as np
import torch
from segue.music.theory import QUALITIES
from segue.plugins.style_seq import composer as module
from segue.plugins.style_seq.batches import Stretch, collate, phases
from segue.plugins.style_seq.composer import MOST_IN_BAR, Composer, Plan, Player, most_usual
from segue.plugins.style_seq.content import Content
from segue.plugins.style_seq.elements import (
    FIRST_PLACE,
    LENGTH,
    LOWEST,
    NUDGE,
    PITCH,
    PITCHES,
    VELOCITY,
    half_beat,
    root_pitch,
    write,
)
from segue.plugins.style_seq.network import half_of
from segue.plugins.style_seq.profile import PROFILE, describe
from segue.plugins.transformer.elements import LENGTHS


def plan(network, bars=20, seed=1, temperature=1.0, silent=()):
    rng = np.random.default_rng(5)
    zeros = np.zeros((bars, 8), np.int64)
    content = Content(
        np.repeat(rng.integers(0, 12, (bars, 1)), 8, 1), zeros, zeros, zeros - 1, np.zeros((bars, 8, 12), bool),
        np.zeros(bars, np.int64),
    )  # fmt: skip
    with torch.inference_mode():
        styles = network.style_of(torch.arange(3), torch.zeros(3, PROFILE), torch.tensor([0, 4, 16]))
    players = tuple(Player(style, number == 2, 40, 64, 4.0) for number, style in enumerate(styles))
    hushed = np.isin(np.arange(bars), silent)
    return Plan(content, hushed, players, temperature, 1.0, seed)


def compose(network, plan):
    *shares, rows = Composer(network).compose(plan)
    assert shares == sorted(shares)
    return rows


def test_notes_are_in_order_in_range_and_in_bars_that_sound(network):
    asked = plan(network, silent=(3, 9))
    for player, rows in zip(asked.players, compose(network, asked), strict=True):
        assert set(rows[:, 0].tolist()) <= set(range(20)) - {3, 9}
        assert (np.bincount(rows[:, 0], minlength=20) <= MOST_IN_BAR).all()
        keys = rows[:, 0] * 10_000_000 + rows[:, 1] * 10_000 + rows[:, 2]
        assert (np.diff(keys) > 0).all()
        assert (rows[:, 1] >= FIRST_PLACE).all()
        if player.drums:
            assert (rows[:, 1 + PITCH] > PITCHES).all()
        else:
            pitch = rows[:, 1 + PITCH] - 1 + LOWEST + root_pitch(asked.content.root[rows[:, 0], 0])
            assert ((pitch >= 40) & (pitch <= 64)).all()


def test_the_seed_alone_decides(network):
    one, again, other = (compose(network, plan(network, seed=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_rows_that_wait_for_others_are_the_same(network, monkeypatch):
    together = compose(network, plan(network))
    monkeypatch.setattr(module, "_ROWS", 2)
    apart = compose(network, plan(network))
    same = [np.array_equal(a, b) for a, b in zip(together, apart, strict=True)]
    assert all(same)


def test_the_cache_says_what_the_whole_sequence_says(network, monkeypatch):
    """What is drawn at a low temperature is the likeliest when the network reads the whole sequence at once."""
    monkeypatch.setattr(module, "_HUMAN", 1e-5)
    asked = plan(network, bars=8, temperature=1e-5)
    elements = write(compose(network, asked)[0], 0, 8)
    table, chroma = asked.content.table(0, 8)
    stretch = Stretch(
        elements, table, chroma, phases(0, 8, 8, 0), np.zeros(8, int), 0, np.zeros(PROFILE, np.float32), 0
    )
    batch, style = collate([stretch]), asked.players[0].style[None]
    with torch.inference_mode():
        halves, whole = network.read_bars(batch.bars)
        bar, wanted = batch.bar[0, :-1], batch.fields[0, 1:]
        state = network(batch.fields[:, :-1], whole[:, bar], style)[0]
        half = halves[0, bar, half_of(wanted[:, 0])]
        logits = network.heads(state, style.expand(len(wanted), -1), half, wanted)
    note = wanted[:, 0] >= FIRST_PLACE
    assert note.sum() > 8
    for field in (VELOCITY, NUDGE):
        assert torch.equal(logits[field][note, 1:].argmax(1) + 1, wanted[note, field])
    for scores, length in zip(logits[LENGTH][note], wanted[note, LENGTH].tolist(), strict=True):
        assert int(scores[1 : length + 1].argmax()) + 1 == length  # longer ones may ring into another chord


def test_a_note_ends_where_a_chord_comes_that_it_does_not_belong_to(network):
    asked = plan(network, temperature=1.5)
    roots = asked.content.root.reshape(-1)
    for rows in compose(network, asked)[:2]:
        half = half_beat(rows)
        pitch = rows[:, 1 + PITCH] - 1 + LOWEST + root_pitch(roots[half])
        for first, length, note in zip(half.tolist(), LENGTHS[rows[:, 1 + LENGTH] - 1].tolist(), pitch, strict=True):
            under = roots[first : first + length // 6 - 1]  # half beats it sounds in; half a beat more it may ring
            start = np.isin((note - roots[first]) % 12, QUALITIES["maj"])
            told = np.isin((note - under) % 12, QUALITIES["maj"]) if start else under == roots[first]
            assert told.all()


def test_a_profile_says_what_a_part_is_like():
    drums = np.array([[0, FIRST_PLACE, 1 + PITCHES + 12, 3, 5, 4], [0, FIRST_PLACE + 6, 1 + PITCHES + 14, 3, 5, 4]])
    kick, empty = describe(drums[:1], 1, 16), describe(drums[:0], 1, 16)
    assert kick.shape == (PROFILE,)
    assert not np.array_equal(kick, describe(drums[1:], 1, 16))
    assert empty.sum() == 1


def test_the_draft_most_like_the_others_is_kept(network):
    row = np.array([0, FIRST_PLACE, 10, 1, 1, 1])
    later = np.array([0, 2, 0, 0, 0, 0])
    common, rare = np.stack([row, row + later]), np.stack([row + 2 * later])
    assert most_usual([rare, common, common]) is common
    one, four = (compose(network, replace(plan(network, bars=8), drafts=drafts)) for drafts in (1, 4))
    assert not all(np.array_equal(a, b) for a, b in zip(one, four, strict=True))
