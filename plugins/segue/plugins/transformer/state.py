"""A piece that is being composed: what is wanted of it, what is written, and what the network remembers of that."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.transformer.elements import Elements
from segue.plugins.transformer.grammar import Place, Rules
from segue.plugins.transformer.network import Network
from segue.plugins.transformer.segments import LONGEST
from segue.plugins.transformer.steering import UPRIGHT, Tilt
from torch import Tensor


@dataclass(frozen=True)
class Plan:
    """What is to be composed.

    Attributes
    ----------
    rules
        What the piece must be.
    families
        Family of each slot.
    controls
        Shape (len(CONTROLS),).
    draws
        Numbers in [0, 1), shape (elements, 5).
    temperature, top_p
        How fields are drawn.
    guidance
        1, or how much further than the controls' own effect to go.
    asked
        Figures that the piece is steered to.
    """

    rules: Rules
    families: tuple[int, ...]
    controls: NDArray[np.int64]
    draws: NDArray[np.float64]
    temperature: float = 1.0
    top_p: float = 1.0
    guidance: float = 1.0
    asked: Tilt = UPRIGHT


class Cache:
    """Keys and values of one sequence; what is behind its length is not read.

    Attributes
    ----------
    both
        Keys, then values, of each layer, shape (layers, 2 groups, LONGEST, size).
    told
        Embedding of the controls of the sequence, shape (1, width).
    """

    def __init__(self, network: Network, controls: NDArray[np.int64], device: torch.device) -> None:
        settings = network.settings
        shape = (settings.layers, 2 * settings.groups, LONGEST, settings.width // settings.heads)
        self.both = torch.zeros(shape, device=device)
        self.told = network.told(torch.from_numpy(controls)[None].to(device))

    def after(self, length: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return for each layer views of where the next element comes, and of keys and values up to it.

        Shapes (2 groups, size), (1, groups, length + 1, size) and the same.
        """
        keys, values = self.both.narrow(2, 0, length + 1).unsqueeze(1).chunk(2, 2)
        return list(zip(self.both.select(2, length).unbind(), keys.unbind(), values.unbind(), strict=True))


@dataclass(frozen=True)
class State:
    """A piece that is being composed; replaced by each step.

    Attributes
    ----------
    plan
        What is to be composed.
    elements, count
        What is written from the first bar line on; the first ``count`` rows count.
    at
        Where the next element comes.
    caches, cached
        One for the controls and, with guidance, one without; how many elements are in them, the prefix among them.
    tilt
        How far scores are tilted.
    silent
        Slots that have played nothing before this bar, in a piece that has gone on for a bar; empty before.
    log_likelihood, composed
        Sum over the notes that were composed, and their number.
    """

    plan: Plan
    elements: Elements
    count: int
    at: Place
    caches: tuple[Cache, ...]
    cached: int
    tilt: Tilt = UPRIGHT
    silent: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    log_likelihood: float = 0.0
    composed: int = 0

    @property
    def done(self) -> bool:
        """Whether every bar is written."""
        return self.at.bar >= self.plan.rules.bars

    @property
    def written(self) -> Elements:
        """What is written."""
        return self.elements[: self.count]
