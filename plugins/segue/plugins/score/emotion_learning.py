"""How the listeners learn emotion from labelled clips, and how much each has to say in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music.features import features
from segue.music.reading import Reading
from segue.plugin_api.training import Run
from segue.plugins.score.emotion import LISTENERS, Heard, Listeners, hear_tokens
from segue.plugins.score.emotion_data import Clip
from segue.plugins.score.emotion_nets import FRAMES, TokenNet, piano_roll
from segue.plugins.score.emotion_pretraining import STRETCH
from segue.plugins.score.fitting import Batch, fit
from segue.plugins.score.linear import LinearClassifier, fit_linear
from torch import nn

_FOLDS: Final = 5
_ROLLS: Final = 24
_SHARES: Final = (0.25, 0.4, 0.55, 0.7)
_TEMPERATURES: Final = np.geomspace(0.3, 3, 25)


@dataclass(frozen=True)
class Examples:
    """Labelled clips as the listeners perceive them.

    Attributes
    ----------
    quadrants, songs : ndarray, shape (clips,)
        Their quadrants, 0-3, and numbers of the songs that they are of.
    table : ndarray, shape (clips, features)
        The documented features.
    tokens
        Name of a network on note tokens → what it hears, shape (clips, 3 * width).
    rolls : ndarray, shape (clips, 2, 84, 256)
        Piano rolls.
    """

    quadrants: NDArray[np.int64]
    songs: NDArray[np.int64]
    table: NDArray[np.float64]
    tokens: Mapping[str, NDArray[np.float64]]
    rolls: NDArray[np.float16]

    @classmethod
    def of(cls, clips: Sequence[Clip], nets: Mapping[str, TokenNet], console: Console) -> Examples:
        """Perceive clips, by networks that have learnt from music without labels."""
        pieces = [clip.piece for clip in track(clips, "features", console=console)]
        return cls(
            quadrants=np.array([clip.quadrant for clip in clips]),
            songs=np.unique([clip.song for clip in clips], return_inverse=True)[1],
            table=np.stack([features(Reading(piece)) for piece in pieces]),
            tokens={name: hear_tokens(net, pieces) for name, net in nets.items()},
            rolls=np.stack([piano_roll(piece).astype(np.float16) for piece in pieces]),
        )

    def __getitem__(self, rows: NDArray[Any]) -> Examples:
        """Return some of them."""
        tokens = {name: heard[rows] for name, heard in self.tokens.items()}
        return Examples(self.quadrants[rows], self.songs[rows], self.table[rows], tokens, self.rolls[rows])


@dataclass(frozen=True)
class School:
    """What it takes to teach listeners.

    Attributes
    ----------
    nets
        Name → network that has learnt from music without labels, and of which only ``leave`` learns now.
    strength, token_strength
        How loose the weights on the features are, and those on what these networks hear.
    steps
        Training steps of the CNN.
    run
        Where its checkpoints go.
    """

    nets: Mapping[str, TokenNet]
    strength: float
    token_strength: float
    steps: int
    run: Run

    def teach(self, examples: Examples, name: str) -> Listeners:
        """Return listeners that learnt from examples; ``name`` is what the CNN is called in checkpoints and logs."""
        labels = [str(quadrant) for quadrant in examples.quadrants]
        torch.manual_seed(self.run.seed)
        listeners = Listeners.blank(fit_linear(examples.table, labels, self.strength))
        draw = _draw_rolls(examples, self.run.seed)
        fit(listeners.nets["roll"], draw, None, self.run, name, steps=self.steps, rate=3e-3, smoothing=0.1)
        taught = {token_net: deepcopy(net).eval() for token_net, net in self.nets.items()}
        for token_net, net in taught.items():
            decide(net.leave, fit_linear(examples.tokens[token_net], labels, self.token_strength))
        return replace(listeners, nets={**listeners.nets, **taught})

    def examine(self, examples: Examples) -> Heard:
        """Return what listeners make of each song's clips that have learnt from other songs alone, in five folds."""
        fold = np.random.default_rng(self.run.seed).permutation(examples.songs.max() + 1)[examples.songs] % _FOLDS
        logs = {name: np.zeros((len(fold), 4)) for name in LISTENERS}
        for number in range(_FOLDS):
            listeners = self.teach(examples[fold != number], f"roll without fold {number}")
            own = examples[fold == number]
            with torch.inference_mode():
                rolls = listeners.nets["roll"].embed(torch.from_numpy(own.rolls.astype(np.float32))).double().numpy()
            for name, judged in listeners.judge(own.table, {**own.tokens, "roll": rolls}).items():
                logs[name][fold == number] = judged
        return logs


@torch.no_grad()
def decide(layer: nn.Linear, classifier: LinearClassifier) -> None:
    """Make a layer give the logits of a classifier for inputs that it does not cut off."""
    weights = classifier.weights[:-1] / classifier.scale[:, None]
    layer.weight.copy_(torch.from_numpy(weights.T))
    layer.bias.copy_(torch.from_numpy(classifier.weights[-1] - classifier.mean @ weights))


def weigh(listeners: Listeners, heard: Heard, truth: NDArray[np.int64]) -> Listeners:
    """Choose the share of the features' vote and the temperature that make the truth most probable."""
    rows = np.arange(len(truth))
    best, chosen = -np.inf, listeners
    for share in _SHARES:
        shares = {name: share if name == "features" else (1 - share) / (len(LISTENERS) - 1) for name in LISTENERS}
        for temperature in _TEMPERATURES.tolist():
            candidate = replace(listeners, shares=shares, temperature=temperature)
            likelihood = float(np.log(candidate.vote(heard)[rows, truth] + 1e-9).mean())
            if likelihood > best:
                best, chosen = likelihood, candidate
    return chosen


def _draw_rolls(examples: Examples, seed: int) -> Callable[[int], Batch]:
    """Draw piano rolls, beginning somewhere, a little slower or faster, softer or louder."""

    def batch(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        chosen = rng.integers(len(examples.rolls), size=_ROLLS)
        inputs = []
        for roll in examples.rolls[chosen]:
            pace = float(np.exp(rng.uniform(-STRETCH, STRETCH)))
            frames = (rng.integers(FRAMES) + np.arange(FRAMES) * pace).astype(np.int64) % FRAMES
            inputs.append(roll[:, :, frames] * rng.uniform(0.8, 1.2))
        return torch.from_numpy(np.stack(inputs).astype(np.float32)), torch.from_numpy(examples.quadrants[chosen])

    return batch
