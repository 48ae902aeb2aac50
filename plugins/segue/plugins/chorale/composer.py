"""Composing: the trained network run frame by frame, for many pieces at once.

A piece's notes must not depend on which other pieces are in the batch. Matrix products round differently for different
numbers of rows, so every product here has exactly ``ROWS`` of them, idle rows being zero; then a row's result depends
on that row alone. Chance comes from numbers drawn when the piece is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from segue.music.bar_lines import PER_BEAT
from segue.plugins.chorale import memory
from segue.plugins.chorale.batch import ROWS, Batch, settings_of
from segue.plugins.chorale.cadence import flaws
from segue.plugins.chorale.features import (
    FRAME_SIZES,
    Setting,
    frame_features,
    given_features,
    voice_anchors,
    voice_features,
)
from segue.plugins.chorale.frames import NO_NOTE, ORDER
from segue.plugins.chorale.network import FeatureSum, Network, combine
from segue.plugins.chorale.state import Plan, State
from torch import Tensor


class Composer:
    """Steps pieces through a network.

    Parameters
    ----------
    network
        The trained network.
    device
        Where the matrix products run.
    """

    def __init__(self, network: Network, device: str = "cpu") -> None:
        network = network.to(device).eval()
        self._network, self._device = network, torch.device(device)
        with torch.no_grad():
            lower = network.lower
            # The first GRU's input is a sum of embeddings, so its gates are a sum of embeddings too.
            self._gates = _projected(network.frame, cast(Tensor, lower.weight_ih_l0), cast(Tensor, lower.bias_ih_l0))
            self._heads = [(head.weight, head.offsets) for head in _features(network)]

    def begin(self, plan: Plan) -> State:
        """Open a piece."""
        frames = len(plan.tokens)
        zeros = torch.zeros(self._network.settings.hidden, device=self._device)
        runs = memory.new_runs(1, frames)[0]
        blank = np.full((frames, 4), NO_NOTE, np.int64)
        hold = np.zeros(4, np.int64)
        return State(plan, 0, blank, hold, runs, zeros, zeros, 0.0, 0, self._look_ahead(plan))

    @torch.inference_mode()
    def _look_ahead(self, plan: Plan) -> tuple[Tensor, Tensor] | None:
        if plan.free.all():
            return None
        network, frames = self._network, len(plan.tokens)
        setting = settings_of([plan], np.arange(frames)[:, None])
        features = given_features(plan.tokens, ~plan.free, Setting(*(column[:, 0] for column in setting)))
        x = network.given(torch.from_numpy(features).to(self._device))
        ahead = network.look_ahead(x.flip(0)[None])[0][0].flip(0)
        gates = network.given_to_frame(ahead) @ cast(Tensor, network.lower.weight_ih_l0).T
        return gates, network.given_to_head(ahead)

    @torch.inference_mode()
    def advance(self, states: Sequence[State], frames: int = PER_BEAT) -> list[State]:
        """Write the next frames of every piece and return the new states; the given ones stay as they were.

        Every state must have that many frames left.
        """
        parted = [_part(state) for state in states]
        batch = Batch([one for endings in parted for one in endings], self._device)
        for _ in range(frames):
            self._write_frame(batch)
        written = iter(batch.states())
        return [_settle([next(written) for _ in endings]) for endings in parted]

    def _write_frame(self, batch: Batch) -> None:
        network, device, rows = self._network, self._device, batch.rows
        setting = settings_of(batch.plans, batch.now[None])
        setting = Setting(*(column[0] for column in setting))
        past = batch.past()
        gates = _sum_features(torch.from_numpy(frame_features(past, setting)).to(device), *self._gates)
        heads = torch.zeros(batch.padded, 4 * network.settings.head, device=device)
        for row, (state, now) in enumerate(zip(batch.before, batch.now, strict=True)):
            if state.ahead is not None:
                gates[row] += state.ahead[0][now]
                heads[row] = state.ahead[1][now]
        x = torch.zeros(batch.padded, gates.shape[1], device=device)
        x[:rows] = gates
        batch.lower = _gru_step(x, batch.lower, network.lower)
        x = _rows_times(batch.lower, cast(Tensor, network.upper.weight_ih_l0), cast(Tensor, network.upper.bias_ih_l0))
        batch.upper = _gru_step(x, batch.upper, network.upper)
        heads += _rows_times(torch.cat([batch.lower, batch.upper], -1), network.to_head.weight, network.to_head.bias)
        chosen = batch.given()
        for turn, head in enumerate(heads.chunk(4, -1)):
            features = torch.from_numpy(voice_features(turn, chosen, past, setting)).to(device)
            z = torch.zeros_like(head)
            z[:rows] = head[:rows] + _sum_features(features, *self._heads[turn])
            logits = network.logits[turn]
            z = _rows_times(z.relu_(), cast(Tensor, logits.weight), cast(Tensor, logits.bias))[:rows]
            anchors = torch.from_numpy(voice_anchors(turn, chosen, past)).to(device)
            candidates = torch.from_numpy(np.ascontiguousarray(past.candidates[..., ORDER[turn]])).to(device)
            scores = combine(z, anchors, candidates, network.intervals).double().cpu().numpy()
            batch.choose(ORDER[turn], chosen, scores)
        batch.write(chosen)


def _part(state: State) -> list[State]:
    """Return a piece with its rivals; where the endings part, they are made."""
    cadence = state.plan.cadence
    if cadence is None or state.now != cadence.parts:
        return [replace(state, rivals=()), *state.rivals]
    return [state, *(replace(state, plan=replace(state.plan, draws=draws)) for draws in cadence.draws)]


def _settle(endings: list[State]) -> State:
    """Return a piece with its rivals; once the last chord has begun, that with fewest flaws, the first of equals."""
    first, *others = endings
    cadence = first.plan.cadence
    if cadence is None or first.now < cadence.decided:
        return replace(first, rivals=tuple(others))
    return min(endings, key=lambda ending: flaws(ending.tokens, cadence))


def _features(network: Network) -> list[FeatureSum]:
    return [cast(FeatureSum, module) for module in network.voices]


def _projected(features: FeatureSum, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Fold a linear layer into embeddings that are summed."""
    return features.weight @ weight.T + bias / len(FRAME_SIZES), features.offsets


def _sum_features(features: Tensor, table: Tensor, offsets: Tensor) -> Tensor:
    return torch.nn.functional.embedding_bag(features + offsets, table, mode="sum")


def _rows_times(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a linear layer to ``ROWS`` rows at a time."""
    parts = [torch.nn.functional.linear(x[row : row + ROWS], weight, bias) for row in range(0, len(x), ROWS)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _gru_step(gates: Tensor, hidden: Tensor, gru: torch.nn.GRU) -> Tensor:
    """Step a GRU whose input is already projected to its gates."""
    own = _rows_times(hidden, cast(Tensor, gru.weight_hh_l0), cast(Tensor, gru.bias_hh_l0))
    width = hidden.shape[-1]
    reset, update = (gates + own)[:, : 2 * width].sigmoid_().chunk(2, -1)
    new = torch.addcmul(gates[:, 2 * width :], reset, own[:, 2 * width :]).tanh_()
    return torch.lerp(new, hidden, update)
