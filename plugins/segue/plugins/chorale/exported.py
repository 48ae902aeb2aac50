"""The chorale network as one graph from features to logits, to be written for other runtimes; nothing is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from segue.plugins.chorale.data import Chorale, Draw, collate
from segue.plugins.chorale.measure import nats
from segue.plugins.chorale.network import Network
from segue.plugins.exporting import Exportable, Run
from torch import Tensor, nn

NAMES = ("frame", "soprano", "bass", "alto", "tenor", "anchors", "candidates")
_USUAL_FRAMES = 256


class Graph(nn.Module):
    """Features of each frame and voice → logits, shape (B, T, 4, CLASSES)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        soprano: Tensor,
        bass: Tensor,
        alto: Tensor,
        tenor: Tensor,
        anchors: Tensor,
        candidates: Tensor,
    ) -> Tensor:
        """Return the logits; anchors and candidates have the voices' axis last but one, in the order of choosing."""
        batch: dict[str, Any] = {
            "frame": frame,
            "voice": [soprano, bass, alto, tenor],
            "anchors": anchors.unbind(2),
            "candidates": candidates.unbind(2),
            "given": None,
        }
        found: Tensor = self.network(batch)
        return found


def exportable(network: Network, pieces: Sequence[Chorale]) -> Exportable:
    """Describe the network for export; measured on ``pieces``."""
    batches = [collate([piece], [Draw()]) for piece in pieces]
    example = min(batches, key=lambda batch: abs(batch["frame"].shape[1] - _USUAL_FRAMES))

    def measure(run: Run) -> float:
        sums = [(float(nats(run(*_inputs(batch)), batch).sum()), float(batch["weight"].sum())) for batch in batches]
        total, count = np.sum(sums, 0)
        return float(total / count)

    dynamic = ({1: "frames"},) * len(NAMES)
    return Exportable(Graph(network), _inputs(example), NAMES, dynamic, "nats per note", measure)


def _inputs(batch: dict[str, Any]) -> tuple[Tensor, ...]:
    return (batch["frame"], *batch["voice"], torch.stack(batch["anchors"], 2), torch.stack(batch["candidates"], 2))
