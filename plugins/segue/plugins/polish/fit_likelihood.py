"""Fitting the likelihood of pitches to clean pieces, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music import Piece
from segue.plugins.polish import likelihood
from segue.plugins.polish.context import queries_of
from segue.plugins.polish.evidence import PROFILES, TABLES, Surroundings
from torch import nn

SHARES: Final = {"jsb_chorales": 1.0, "pop909": 0.12, "openewld": 1.0, "style_parallel_synth": 0.03}
"""Share of the pieces of each pack that is used."""
MOST: Final = 600
"""Notes of a piece that are used, drawn at random: long pieces say the same again."""
HIDDEN, EPOCHS, BATCH, RATE = 32, 4, 512, 4e-3


class _Net(nn.Module):
    """The same sum of experts as ``Likelihood.pitches``."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(12 * PROFILES, HIDDEN)
        self.out = nn.Linear(HIDDEN, 1, bias=False)
        self.tables = nn.ParameterList([nn.Parameter(torch.zeros(size)) for size in TABLES])

    def forward(self, profiles: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        turn = (torch.arange(12)[:, None] + torch.arange(12)) % 12
        turned = profiles[:, :, turn].transpose(1, 2).flatten(2)  # (B, 12, 12 PROFILES)
        logits = self.out(torch.relu(self.hidden(turned)))[..., 0][:, torch.arange(128) % 12]
        for number, table in enumerate(self.tables):
            logits = logits + table[indices[:, :, number].long()]
        return torch.as_tensor(logits)


def fit(pieces: Mapping[str, Sequence[Piece]], seed: int, console: Console) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a ``Likelihood``.

    Parameters
    ----------
    pieces
        Clean pieces by pack.
    """
    random = np.random.default_rng((seed, 77))
    torch.manual_seed(seed)
    chosen = [
        found[i]
        for name, found in pieces.items()
        for i in random.permutation(len(found))[: max(round(SHARES.get(name, 1.0) * len(found)), 1)]
    ]
    profiles, indices, pitch = _gather(chosen, random, console)
    net = _Net()
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    steps = EPOCHS * -(-len(pitch) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in track(range(EPOCHS), "likelihood, training", console=console):
        for rows in torch.split(torch.randperm(len(pitch)), BATCH):
            loss = nn.functional.cross_entropy(net(profiles[rows].float(), indices[rows]), pitch[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    weights = {
        "hidden.weight": net.hidden.weight,
        "hidden.bias": net.hidden.bias,
        "out.weight": net.out.weight[0],
        **{f"table.{number}": table for number, table in enumerate(net.tables)},
    }
    return {name: value.detach().numpy() for name, value in weights.items()} | likelihood.usual(chosen)


def _gather(
    pieces: Sequence[Piece], random: np.random.Generator, console: Console
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    profiles, indices, pitch = [], [], []
    for whole in track(pieces, "likelihood, reading", console=console):
        piece = whole.without_drums()
        if not len(piece):
            continue
        notes = np.sort(random.permutation(len(piece))[:MOST])
        for _, evidence in Surroundings(piece).at(queries_of(piece, notes)):
            profiles.append(evidence.profiles.astype(np.float16))
            indices.append(evidence.indices)
        pitch.append(piece.pitch[notes])
    return tuple(torch.from_numpy(np.concatenate(part)) for part in (profiles, indices, pitch))  # type: ignore[return-value]
