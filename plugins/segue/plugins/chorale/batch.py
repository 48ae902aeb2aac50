"""Pieces side by side: their arrays while some frames are written, and the drawing of each voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.bar_lines import PER_BEAT
from segue.plugin_api.sampling import draw_tokens
from segue.plugins.chorale import memory
from segue.plugins.chorale.features import Past, Setting, make_past
from segue.plugins.chorale.frames import MINOR, START
from segue.plugins.chorale.state import Plan, State
from segue.plugins.chorale.voice_leading import Before, permitted_tokens, reluctance

ROWS: Final = 8
"""Rows of every matrix product: wide enough that a batch is much cheaper than its pieces one by one."""


class Batch:
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


def settings_of(plans: Sequence[Plan], now: NDArray[np.int64]) -> Setting:
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
