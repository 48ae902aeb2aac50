"""Draws from the scores of an autoregressive model, the same for a row alone and among others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_tokens(
    scores: NDArray[np.float64],
    permitted: NDArray[np.bool_],
    temperature: NDArray[np.float64],
    top_p: NDArray[np.float64],
    draws: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw one token a row from the likeliest permitted ones that together hold the share ``top_p`` [1]_.

    Parameters
    ----------
    scores, permitted
        Shape (rows, tokens); each row permits at least one.
    temperature, top_p
        Shape (rows, 1).
    draws
        Numbers in [0, 1), shape (rows,).

    References
    ----------
    .. [1] A. Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020.
    """
    scaled = np.where(permitted, scores, -np.inf) / temperature
    p = np.exp(scaled - scaled.max(1, keepdims=True))
    rows, order = np.arange(len(p)), np.argsort(-p, 1, kind="stable")
    p = p[rows[:, None], order]
    total = np.cumsum(p, 1)
    before = (total - p) / total[:, -1:]
    p = np.where(before < top_p, p, 0.0)
    total = np.cumsum(p, 1)
    index = (total <= draws[:, None] * total[:, -1:]).sum(1)
    index = np.minimum(index, (p > 0).sum(1) - 1)
    found: NDArray[np.int64] = order[rows, index]
    return found
