"""What the sequence networks share: training on ordered plays, scoring the next track, resuming. A network is one file.

A network turns the embeddings of the last ``length`` tracks into one vector a position, each from the tracks up to it
alone. Their mean is added, and training starts from the mean alone, so that the network learns only what the order
tells beyond the listener's lasting taste. The score of a track as the next one is that vector times the track's
embedding, trained by softmax over tracks of the batch and others drawn at random. Embeddings start from iALS factors
of the same plays. Plays of the same time have no order: they are shuffled anew in every epoch.

A score is not a sum over plays. Contributions are gradient times embedding: what the score would change by, to first
order, if a track's embedding vanished; stated as approximate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from segue.plugins.recommend.algorithms import base
from segue.plugins.recommend.algorithms.ials import Ials, IalsSettings
from segue.plugins.recommend.dataset import Dataset, History, ordered_tracks
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its name everywhere


class SequenceSettings(base.Settings):
    """Settings of every sequence network."""

    width: int = Field(default=64, ge=8, le=1024, description="Length of the embeddings.")
    length: int = Field(default=50, ge=2, le=1000, description="Latest tracks that count.")
    dropout: float = Field(default=0.4, ge=0, lt=1, description="Part of the inputs dropped in training.")
    epochs: int = Field(default=4, ge=1, le=10000, description="Passes over the plays.")
    batch: int = Field(default=32, ge=1, description="Sequences in a step.")
    negatives: int = Field(
        default=2048, ge=1, description="Tracks drawn at random into each softmax, beside those of the batch."
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Peak of the cosine schedule of AdamW.")
    weight_decay: float = Field(default=0.01, ge=0, description="Weight decay of AdamW.")


class SequenceModel(nn.Module):
    """Embeddings around a network; (B, L) track rows → (B, L, d) vectors of what comes next."""

    def __init__(self, network: nn.Module, tracks: int, settings: SequenceSettings) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tracks, settings.width)
        self.network = network
        self.drop = nn.Dropout(settings.dropout)
        self.gate = nn.Parameter(torch.zeros(settings.width))
        self.norm = nn.LayerNorm(settings.width)
        self.bias = nn.Parameter(torch.zeros(tracks))

    def forward(self, embedded: Tensor) -> Tensor:
        """Return what comes after each position, (B, L, d), for embeddings of the same shape."""
        x = self.drop(embedded)  # (B, L, d)
        steps = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        out: Tensor = self.norm(self.gate * self.network(x) + x.cumsum(dim=1) / steps)
        return out


class SequenceScorer(base.Scorer):
    """Score = network(embeddings of the last tracks) . embedding of the track + bias of the track."""

    Settings = SequenceSettings
    grid: ClassVar = [{"epochs": epochs} for epochs in (2, 4, 8, 16)]
    exact = False
    settings: SequenceSettings

    network: ClassVar[type[nn.Module]]
    """Makes the untrained network: (B, L, d) to (B, L, d), position t from positions 0 to t only."""

    def fit(self, data: Dataset, seed: int) -> None:
        """Train; an interrupted training goes on after its last whole epoch."""
        s = self.settings
        torch.manual_seed(seed)
        self.model = SequenceModel(self.network(s), len(data.catalogue), s).to(self.device)
        factors = Ials(IalsSettings(factors=s.width))
        factors.fit(data, seed)
        start = torch.from_numpy(factors.tracks)
        self.model.embedding.weight.data.copy_(start / start.std().clamp(min=1e-6) * 0.05)
        optimiser = torch.optim.AdamW(self.model.parameters(), s.learning_rate, weight_decay=s.weight_decay)
        state = {"model": self.model, "optimiser": optimiser}
        for epoch in self.watch.epochs(self.name, s.epochs, state):
            # Seeded anew, so that a training that was interrupted ends as one that was not.
            rng = np.random.default_rng([seed, epoch])
            torch.manual_seed(seed + epoch)
            for group in optimiser.param_groups:
                group["lr"] = s.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / s.epochs))
            self.model.train()
            losses = []
            for rows in _batches(_windows(data, s.length + 1, rng), s.batch, rng):
                loss = self.loss(rows.to(self.device), rng)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimiser.step()
                losses.append(loss.item())
            self.watch.log("training/nats per track", float(np.mean(losses)), epoch)
        self.model.eval()

    def loss(self, rows: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the mean cross-entropy of each next track, in nats; rows is (B, L + 1), -1 where there is none."""
        inputs, targets = rows[:, :-1].clamp(min=0), rows[:, 1:]
        hidden = self.model(self.model.embedding(inputs))[targets >= 0]  # (N, d)
        targets = targets[targets >= 0]  # (N,)
        tracks = self.model.embedding.num_embeddings
        if tracks <= self.settings.negatives:
            return F.cross_entropy(hidden @ self.model.embedding.weight.T + self.model.bias, targets)
        drawn = torch.from_numpy(rng.integers(0, tracks, self.settings.negatives)).to(targets)
        among, place = torch.unique(torch.cat([targets, drawn]), return_inverse=True)
        return F.cross_entropy(hidden @ self.model.embedding(among).T + self.model.bias[among], place[: len(targets)])

    def embed(self, histories: Sequence[History]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of the last tracks, (B, L, d), padded at the end, and how many there are, (B,)."""
        latest = [history.tracks[-self.settings.length :] for history in histories]
        lengths = torch.tensor([len(tracks) for tracks in latest], device=self.device)
        rows = np.zeros((len(latest), max(len(tracks) for tracks in latest)), dtype=np.int64)
        for row, tracks in zip(rows, latest, strict=True):
            row[: len(tracks)] = tracks
        return self.model.embedding(torch.from_numpy(rows).to(self.device)), lengths

    def scores(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Return the logits of the next track."""
        with torch.no_grad():
            embedded, lengths = self.embed(histories)
            last = self.model(embedded)[torch.arange(len(lengths)), lengths - 1]  # (B, d)
            logits = last @ self.model.embedding.weight.T + self.model.bias
        return np.asarray(logits.cpu().numpy(), dtype=np.float32)

    def contributions(self, history: History, tracks: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return gradient times embedding for each track and each played one; 0 for those that no longer count."""
        rows = torch.from_numpy(tracks.astype(np.int64)).to(self.device)
        with torch.no_grad():
            embedded, _ = self.embed([history])
            wanted = self.model.embedding(rows)  # (n, d)
        copies = embedded.detach().expand(len(tracks), -1, -1).clone().requires_grad_()
        (gradient,) = torch.autograd.grad((self.model(copies)[:, -1] * wanted).sum(), copies)
        parts = (gradient * copies).sum(dim=-1).detach().cpu().numpy()  # (n, L)
        result = np.zeros((len(tracks), len(history)), dtype=np.float32)
        result[:, len(history) - parts.shape[1] :] = parts
        return result

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return the parameters, in half precision."""
        return {name: value.cpu().numpy().astype(np.float16) for name, value in self.model.state_dict().items()}

    def restore(self, weights: Mapping[str, NDArray[Any]], data: Dataset) -> None:
        """Take the parameters."""
        self.model = (
            SequenceModel(self.network(self.settings), len(data.catalogue), self.settings).to(self.device).eval()
        )
        self.model.load_state_dict(
            {name: torch.from_numpy(value.astype(np.float32)) for name, value in weights.items()}
        )


def _windows(data: Dataset, length: int, rng: np.random.Generator) -> list[NDArray[np.int32]]:
    """Cut every listener's tracks into windows that overlap by one; the latest is a whole one, as in an answer."""
    return [
        tracks[max(stop - length, 0) : stop]
        for tracks in ordered_tracks(data, rng)
        for stop in range(len(tracks), 1, 1 - length)
    ]


def _batches(windows: Sequence[NDArray[np.int32]], size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    order = rng.permutation(len(windows))
    for start in range(0, len(order), size):
        batch = [windows[place] for place in order[start : start + size]]
        rows = np.full((len(batch), max(map(len, batch))), -1, dtype=np.int64)
        for row, window in zip(rows, batch, strict=True):
            row[: len(window)] = window
        yield torch.from_numpy(rows)
