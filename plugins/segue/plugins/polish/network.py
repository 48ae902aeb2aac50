"""The two small networks that judge notes in their context: which pitch was meant, and whether a note is missing.

Each is a multi-layer perceptron over ``Context.features``. They are trained in torch and run in numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from segue.plugins.polish.context import REACH, STEPS

Floats = NDArray[np.float32]

FILE: Final = "polish.safetensors"
NETWORKS: Final[Mapping[str, int]] = {"slip": STEPS, "missing": 1}
"""Name → outputs: a logit for each pitch from ``REACH`` below the note to ``REACH`` above; a logit of being missing."""
SAME: Final = REACH
"""The column of ``slip`` that says that the note is right."""


class Network:
    """Layers of weights, rectified between.

    Parameters
    ----------
    layers
        Weight of shape (outputs, inputs) and bias of shape (outputs,) of each layer.
    prior
        Share of the rows that something was wrong with in training, 0-1.
    """

    def __init__(self, layers: list[tuple[Floats, Floats]], prior: float) -> None:
        self._layers = layers
        self.prior = prior

    def __call__(self, features: Floats) -> Floats:
        """Return the logits, shape (rows, outputs)."""
        x = features
        for number, (weight, bias) in enumerate(self._layers):
            x = (np.maximum(x, 0) if number else x) @ weight.T + bias
        return x


def softmax(logits: Floats) -> Floats:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-1e9))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def sigmoid(logits: Floats) -> Floats:
    """Probability of each logit."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))))


def to_prevalence(
    probability: NDArray[np.float64],
    prior: float,
    expected: float,
    weight: float,
    stands_for: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Adjust probabilities of being wrong to how much is wrong in this piece, which they tell themselves.

    A network expects as much to be wrong as in training. By expectation maximisation the share that is wrong here is
    found, and each probability moved to what it would be had the network expected that share.

    Parameters
    ----------
    probability
        Of each row being wrong, 0-1.
    prior
        Share that was wrong in training.
    expected, weight
        Share that is expected before the piece is seen, and for how many rows that counts.
    stands_for
        How many rows each one stands for, where some were drawn from many; 1 if None.

    References
    ----------
    M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities",
    Neural Computation 14, 2002.
    """
    share, adjusted = prior, probability
    counts = np.ones(len(probability)) if stands_for is None else stands_for
    for _ in range(20):
        wrong = probability * share / prior
        adjusted = wrong / (wrong + (1 - probability) * (1 - share) / (1 - prior))
        share = (adjusted @ counts + weight * expected) / (counts.sum() + weight)
    return adjusted


def save(layers: Mapping[str, list[tuple[Floats, Floats]]], priors: Mapping[str, float], folder: Path) -> None:
    """Write networks in half precision, with their priors."""
    tensors = {
        f"{name}.{number}.{part}": np.ascontiguousarray(value.astype(np.float16))
        for name, found in layers.items()
        for number, layer in enumerate(found)
        for part, value in zip(("weight", "bias"), layer, strict=True)
    }
    tensors |= {f"{name}.prior": np.array([prior], np.float32) for name, prior in priors.items()}
    save_file(tensors, folder / FILE)


def load(folder: Path) -> dict[str, Network]:
    """Read what ``save`` wrote.

    Raises
    ------
    ValueError
        If a network is missing or of another shape than this code's features need.
    """
    tensors = load_file(folder / FILE)
    networks = {}
    for name, outputs in NETWORKS.items():
        count = sum(key.startswith(f"{name}.") and key.endswith(".weight") for key in tensors)
        layers = [
            (tensors[f"{name}.{n}.weight"].astype(np.float32), tensors[f"{name}.{n}.bias"].astype(np.float32))
            for n in range(count)
        ]
        if not layers or len(layers[-1][1]) != outputs:
            raise ValueError(f"{folder / FILE} holds no network {name!r} with {outputs} outputs")
        networks[name] = Network(layers, float(tensors[f"{name}.prior"][0]))
    return networks
