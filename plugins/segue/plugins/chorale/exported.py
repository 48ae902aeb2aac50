"""The chorale network as one graph from features to logits, to be written for other runtimes; nothing is given.

The exporter fixes the length of a recurrent network's sequence, so the graph takes pieces padded to the longest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from segue.plugins.chorale.data import Chorale, Draw, collate
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.network import Network
from segue.plugins.exporting import Exportable, Graph, Run
from torch import Tensor

NAMES = ("frame", "soprano", "bass", "alto", "tenor", "anchors", "candidates")


def logits(network: Network, frame: Tensor, *others: Tensor) -> Tensor:
    """Return the logits, shape (B, T, 4, CLASSES), of features of each frame and voice, in the order of ``NAMES``.

    Anchors and candidates have the voices' axis last but one, in the order of choosing.
    """
    *voices, anchors, candidates = others
    batch: dict[str, Any] = {
        "frame": frame,
        "voice": voices,
        "anchors": anchors.unbind(2),
        "candidates": candidates.unbind(2),
        "given": None,
    }
    found: Tensor = network(batch)
    return found


def exportable(network: Network, pieces: Sequence[Chorale]) -> Exportable:
    """Describe the network for export; measured on ``pieces``."""
    longest = max(pieces, key=lambda piece: len(piece.frames))
    batches = [_first(collate([piece, longest], [Draw(), Draw()])) for piece in pieces]

    def measure(run: Run) -> float:
        sums = [(float(nats(run(*_inputs(batch)), batch).sum()), float(batch["weight"].sum())) for batch in batches]
        total, count = np.sum(sums, 0)
        return float(total / count)

    return Exportable(Graph(network, logits), _inputs(batches[0]), NAMES, ({},) * len(NAMES), "nats per note", measure)


def _first(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the first piece of a batch of two, padded to the other's length."""
    return {
        name: [part[:1] for part in value] if isinstance(value, list) else None if value is None else value[:1]
        for name, value in batch.items()
    }


def _inputs(batch: dict[str, Any]) -> tuple[Tensor, ...]:
    return (batch["frame"], *batch["voice"], torch.stack(batch["anchors"], 2), torch.stack(batch["candidates"], 2))
