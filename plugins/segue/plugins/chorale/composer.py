"""Composing: the trained network run frame by frame, for many pieces at once.

A piece's notes must not depend on which other pieces are in the batch. Matrix products round differently for different
numbers of rows, so every product here has exactly ``ROWS`` of them, idle rows being zero; then a row's result depends
on that row alone. Chance comes from numbers drawn when the piece is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.bar_lines import PER_BEAT
from segue.plugin_api.sampling import draw_tokens
from segue.plugins.chorale import memory
from segue.plugins.chorale.cadence import Cadence, flaws
from segue.plugins.chorale.features import (
    FRAME_SIZES,
    Past,
    Setting,
    frame_features,
    given_features,
    make_past,
    voice_anchors,
    voice_features,
)
from segue.plugins.chorale.frames import MINOR, NO_NOTE, ORDER, START
from segue.plugins.chorale.network import FeatureSum, Network, combine
from segue.plugins.chorale.voice_leading import Before, permitted_tokens, reluctance
from torch import Tensor

ROWS: Final = 8
"""Rows of every matrix product: wide enough that a batch is much cheaper than its pieces one by one."""


@dataclass(frozen=True)
class Plan:
    """What is to be composed. Arrays cover whole beats.

    Attributes
    ----------
    tokens
        What is given, shape (frames, 4).
    free
        What is to be composed, shape (frames, 4).
    allowed
        Tokens that a voice may take, shape (frames, 4, CLASSES).
    held
        Frames in which every voice keeps its note, shape (frames,).
    moving
        Frames in which the bass leaves its note, shape (frames,).
    bar, remaining
        Shape (frames,).
    shift, mode
        As in ``Setting``.
    draws
        Numbers in [0, 1), shape (frames, 4).
    temperature, top_p
        How tokens are drawn.
    cadence
        The close that is aimed at, if any.
    """

    tokens: NDArray[np.int64]
    free: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    held: NDArray[np.bool_]
    moving: NDArray[np.bool_]
    bar: NDArray[np.int64]
    remaining: NDArray[np.int64]
    shift: int
    mode: int
    draws: NDArray[np.float64]
    temperature: float = 1.0
    top_p: float = 1.0
    cadence: Cadence | None = None


@dataclass(frozen=True)
class State:
    """A piece that is being composed; never changed, only replaced.

    Attributes
    ----------
    plan
        What is to be composed.
    now
        Frames that are written.
    tokens
        What is written, shape (frames, 4).
    hold, runs
        As in ``Past`` and ``memory.recall``.
    lower, upper
        States of the two GRUs.
    log_likelihood, composed
        Sum over the tokens that were composed, and their number.
    ahead
        What the look-ahead over given music adds to the lower GRU's gates and to the heads, each (frames, ...).
    rivals
        The same piece with other endings, as long as it is not settled which is kept.
    """

    plan: Plan
    now: int
    tokens: NDArray[np.int64]
    hold: NDArray[np.int64]
    runs: NDArray[np.int64]
    lower: Tensor
    upper: Tensor
    log_likelihood: float
    composed: int
    ahead: tuple[Tensor, Tensor] | None
    rivals: tuple[State, ...] = ()

    @property
    def done(self) -> bool:
        """Whether every frame is written."""
        return self.now >= len(self.tokens)

    @property
    def settled(self) -> int:
        """Frames that are written and stay as they are."""
        return self.plan.cadence.parts if self.rivals and self.plan.cadence is not None else self.now


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
        setting = _setting([plan], np.arange(frames)[:, None])
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
        batch = _Batch([one for endings in parted for one in endings], self._device)
        for _ in range(frames):
            self._write_frame(batch)
        written = iter(batch.states())
        return [_settle([next(written) for _ in endings]) for endings in parted]

    def _write_frame(self, batch: _Batch) -> None:
        network, device, rows = self._network, self._device, batch.rows
        setting = _setting(batch.plans, batch.now[None])
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


class _Batch:
    """Pieces side by side while some frames are written."""

    def __init__(self, states: Sequence[State], device: torch.device) -> None:
        self.before, self.plans = states, [state.plan for state in states]
        self.rows = len(states)
        self.padded = -(-self.rows // ROWS) * ROWS
        self.now = np.array([state.now for state in states])
        self.tokens = _stack([state.tokens for state in states])
        self.runs = _stack([state.runs for state in states])
        self.hold = np.stack([state.hold for state in states])
        self.lower, self.upper = torch.zeros(2, self.padded, len(states[0].lower), device=device)
        self.lower[: self.rows] = torch.stack([state.lower for state in states])
        self.upper[: self.rows] = torch.stack([state.upper for state in states])
        self.log_likelihood = np.array([state.log_likelihood for state in states])
        self.composed = np.array([state.composed for state in states])
        self.minor = np.array([plan.mode == MINOR for plan in self.plans])
        self.temperature = np.array([[plan.temperature] for plan in self.plans])
        self.top_p = np.array([[plan.top_p] for plan in self.plans])

    def past(self) -> Past:
        """Describe what precedes the next frame, and advance ``runs``."""
        self.runs, lengths, followed = memory.recall(self.tokens, self.now, self.runs)
        last = self.tokens[np.arange(self.rows), np.maximum(self.now - 1, 0)]
        self.last = np.where(self.now[:, None] > 0, last, START)
        return make_past(self.last, self.hold, lengths, followed)

    def given(self) -> NDArray[np.int64]:
        """Return the next frame as far as it is given; voices still to be chosen hold anything."""
        at = list(zip(self.plans, self.now, strict=True))
        self.free = np.stack([plan.free[now] for plan, now in at])
        self.allowed = np.stack([plan.allowed[now] for plan, now in at])
        self.held = np.array([plan.held[now] for plan, now in at])
        self.moving = np.array([plan.moving[now] for plan, now in at])
        self.draws = np.stack([plan.draws[now] for plan, now in at])
        return np.stack([plan.tokens[now] for plan, now in at])

    def choose(self, voice: int, chosen: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Draw one voice of the frame, where it is free, into ``chosen`` and ``free``."""
        free = self.free[:, voice]
        if not free.any():
            return
        before = Before(self.last, chosen, ~self.free)
        permitted = permitted_tokens(voice, before, self.allowed[:, voice], self.held, self.moving)
        weighed = scores - reluctance(voice, before, self.now % PER_BEAT == 0, self.minor)
        for row, (plan, now) in enumerate(zip(self.plans, self.now, strict=True)):
            if plan.cadence is not None:
                weighed[row] += plan.cadence.favour(now, voice)
        picked = draw_tokens(weighed, permitted, self.temperature, self.top_p, self.draws[:, voice])
        chosen[free, voice] = picked[free]
        top = scores.max(1)
        log_p = scores[np.arange(self.rows), picked] - top - np.log(np.exp(scores - top[:, None]).sum(1))
        self.log_likelihood += np.where(free, log_p, 0.0)
        self.composed += free
        self.free[:, voice] = False

    def write(self, chosen: NDArray[np.int64]) -> None:
        """Append the frame."""
        self.tokens[np.arange(self.rows), self.now] = chosen
        self.hold = np.where(chosen == self.last, self.hold + 1, 1)
        self.now = self.now + 1

    def states(self) -> list[State]:
        """Return the pieces as they are now."""
        return [
            replace(
                state,
                now=int(self.now[row]),
                tokens=self.tokens[row, : len(state.tokens)].copy(),
                hold=self.hold[row],
                runs=self.runs[row, : len(state.runs)].copy(),
                lower=self.lower[row].clone(),
                upper=self.upper[row].clone(),
                log_likelihood=float(self.log_likelihood[row]),
                composed=int(self.composed[row]),
            )
            for row, state in enumerate(self.before)
        ]


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


def _setting(plans: Sequence[Plan], now: NDArray[np.int64]) -> Setting:
    """Settings of some frames of each plan; ``now`` and the columns have shape (frames, plans)."""
    columns = np.arange(len(plans))
    bar = np.stack([plan.bar[now[:, column]] for column, plan in zip(columns, plans, strict=True)], 1)
    remaining = np.stack([plan.remaining[now[:, column]] for column, plan in zip(columns, plans, strict=True)], 1)
    shift = np.broadcast_to([plan.shift for plan in plans], now.shape)
    mode = np.broadcast_to([plan.mode for plan in plans], now.shape)
    return Setting(now, bar, shift, mode, remaining)


def _stack(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Stack arrays of different lengths, padded with zeros."""
    longest = max(len(array) for array in arrays)
    stacked = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), np.int64)
    for row, array in enumerate(arrays):
        stacked[row, : len(array)] = array
    return stacked


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
