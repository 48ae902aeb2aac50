"""A piece that is being composed: what is planned, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from segue.plugins.chorale.cadence import Cadence
from torch import Tensor


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
