"""The transformer's network as one graph from elements to logits, to be written for other runtimes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from segue.plugins.exporting import Exportable, Graph, Run
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, INSTRUMENT
from segue.plugins.transformer.likelihood import held_out_segments
from segue.plugins.transformer.network import Inputs, Network
from segue.plugins.transformer.segments import collate
from torch import Tensor
from torch.nn.functional import cross_entropy

NAMES = ("fields", "family", "remaining", "bar", "controls", "next_fields", "next_family")


def side_by_side(network: Network, *inputs: Tensor) -> Tensor:
    """Return the logits of the fields of the element after each, side by side, shape (B, T, sum(FIELD_SIZES)).

    Inputs are in the order of ``NAMES``; each field's logits are given the fields before it in ``next_fields``.
    """
    *read, next_fields, next_family = inputs
    state = network(Inputs(*read))
    found = network.heads(state.flatten(0, 1), next_fields.flatten(0, 1), next_family.flatten(0, 1))
    return torch.cat(found, -1).view(state.shape[0], state.shape[1], -1)


def exportable(network: Network, songs: Sequence[Song]) -> Exportable:
    """Describe the network for export; measured on segments of ``songs``."""
    segments = held_out_segments(songs)
    batches = [[_inputs(*collate([segment], segment.controls[None])) for segment in own] for own in segments.values()]
    example = max((inputs for own in batches for inputs in own), key=lambda inputs: inputs[0].shape[1])
    sequence = {1: "elements"}

    def measure(run: Run) -> float:
        return float(np.mean([_nats(run, own) for own in batches]))

    return Exportable(
        Graph(network, side_by_side),
        example,
        NAMES,
        (sequence,) * 4 + ({},) + (sequence,) * 2,
        "nats per element",
        measure,
    )


def _inputs(inputs: Inputs, targets: Tensor, family: Tensor) -> tuple[Tensor, ...]:
    return (*inputs, targets, family)


def _nats(run: Run, batches: Sequence[tuple[Tensor, ...]]) -> float:
    """Return the nats per element over some segments, as ``network.nats`` counts them."""
    total, count = 0.0, 0
    for inputs in batches:
        logits, wanted = run(*inputs).float()[0], inputs[5][0]
        told = (wanted[:, 0] >= BAR) & (wanted[:, 0] != INSTRUMENT)
        note = told & (wanted[:, 0] > BAR)
        for index, part in enumerate(torch.split(logits, list(FIELD_SIZES), -1)):
            counts = told if index == 0 else note
            total += float(cross_entropy(part[counts], wanted[counts, index], reduction="sum"))
        count += int(told.sum())
    return total / count
