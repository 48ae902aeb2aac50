"""A linear classifier with calibrated probabilities: what few labels and good features call for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

_FARTHEST: Final = 4.0


@dataclass(frozen=True)
class LinearClassifier:
    """Multinomial logistic regression on standardised features.

    Attributes
    ----------
    labels
        Names of the classes.
    mean, scale : ndarray, shape (features,)
        What the features are standardised by; beyond four scales they are cut off.
    weights : ndarray, shape (features + 1, classes)
        The last row is the bias.
    """

    labels: Sequence[str]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]

    def standardise(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return features with mean 0 and scale 1 on the training data, cut off at 4."""
        return np.asarray(np.clip((features - self.mean) / self.scale, -_FARTHEST, _FARTHEST))

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of each class, shape (..., classes), of features (..., features)."""
        logits = self.standardise(features) @ self.weights[:-1] + self.weights[-1]
        share = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(share / share.sum(axis=-1, keepdims=True))

    def save(self, path: Path) -> None:
        """Write the classifier as one safetensors file."""
        arrays = {name: getattr(self, name).astype(np.float32) for name in ("mean", "scale", "weights")}
        path.write_bytes(save(arrays, {"labels": json.dumps(list(self.labels))}))

    @classmethod
    def load(cls, path: Path) -> LinearClassifier:
        """Read what ``save`` wrote."""
        with safe_open(path, "np") as file:
            arrays = [file.get_tensor(name).astype(np.float64) for name in ("mean", "scale", "weights")]
            return cls(json.loads(file.metadata()["labels"]), *arrays)


def fit_linear(features: NDArray[np.float64], labels: Sequence[str], strength: float) -> LinearClassifier:
    """Fit a classifier; classes weigh alike however many examples they have.

    Parameters
    ----------
    features : ndarray, shape (examples, features)
    labels
        Class of each example.
    strength
        How loose the weights are: the inverse of the quadratic penalty.
    """
    from scipy.optimize import minimize

    names = sorted(set(labels))
    truth = (np.array(labels)[:, None] == np.array(names)).astype(np.float64)
    blank = LinearClassifier(
        names, features.mean(axis=0), features.std(axis=0) + 1e-6, np.zeros((features.shape[1] + 1, len(names)))
    )
    inputs = blank.standardise(features)
    weight = (truth / truth.sum(axis=0)).sum(axis=1, keepdims=True) * len(truth) / len(names)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(blank.weights.shape)
        logits = inputs @ weights[:-1] + weights[-1]
        logits -= logits.max(axis=1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        value = -(weight * truth * logs).sum() + (weights[:-1] ** 2).sum() / (2 * strength)
        error = weight * (np.exp(logs) - truth)
        slope = np.concatenate([inputs.T @ error + weights[:-1] / strength, error.sum(axis=0, keepdims=True)])
        return float(value), slope.ravel()

    found = minimize(loss, blank.weights.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return LinearClassifier(names, blank.mean, blank.scale, found.x.reshape(blank.weights.shape))
