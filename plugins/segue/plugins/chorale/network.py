"""The network: a GRU over frames and, in every frame, four voices chosen one after another.

    frame features ─► GRU ─► GRU ─► for soprano, bass, alto, tenor: features of those chosen ─► logits

A voice's logits are absolute plus relative: one score for each pitch, and one for each interval from four anchors (its
own last note and the other voices' notes), so that what is learnt at one pitch holds at all. Two more scores go to the
notes with which an earlier, matching passage went on. A second GRU, from the end to the start, reads what is given (a
melody to harmonise, the rest of a piece to fill in); where nothing is given it adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.chorale.features import FRAME_SIZES, GIVEN_SIZES, voice_sizes
from segue.plugins.chorale.frames import PITCHES, TOKENS
from torch import Tensor, nn
from torch.nn import functional

CLASSES = PITCHES + 1
REACH = 28
SPAN = 2 * REACH + 1
ANCHORS = 4
CANDIDATES = 2
SCORES = CLASSES + ANCHORS * SPAN + CANDIDATES


class NetworkSettings(BaseModel):
    """Sizes of the network and how it is regularised, its recurrent weights among others [1]_.

    References
    ----------
    .. [1] S. Merity et al., "Regularizing and Optimizing LSTM Language Models", ICLR 2018.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedding: int = Field(default=192, ge=1, description="Vector of a frame.")
    hidden: int = Field(default=256, ge=1, description="State of each of the two recurrent layers.")
    head: int = Field(default=192, ge=1, description="State from which a voice is told.")
    context: int = Field(default=128, ge=1, description="State of the layer that reads ahead in what is given.")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="Dropout of the recurrent layers.")
    embedding_dropout: float = Field(default=0.3, ge=0, lt=1, description="Dropout of frames.")
    head_dropout: float = Field(default=0.3, ge=0, lt=1, description="Dropout before a voice is told.")
    feature_dropout: float = Field(default=0.15, ge=0, lt=1, description="Share of features hidden from a frame.")
    recurrent_dropout: float = Field(
        default=0.4, ge=0, lt=1, description="Share of recurrent weights left out of a step."
    )


class FeatureSum(nn.Module):
    """Sum of one embedding for each feature.

    Parameters
    ----------
    sizes
        Number of classes of each feature.
    width
        Width of the embeddings.
    """

    offsets: Tensor

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("offsets", starts, persistent=False)
        self.weight = nn.Parameter(torch.randn(sum(sizes), width) * len(sizes) ** -0.5)

    def forward(self, features: Tensor, dropout: float = 0.0) -> Tensor:
        """Embed features of shape (..., len(sizes)), hiding a share of them."""
        index = (features + self.offsets).reshape(-1, features.shape[-1])
        kept = (torch.rand(index.shape, device=index.device) >= dropout).float() if dropout else None
        embedded = functional.embedding_bag(index, self.weight, mode="sum", per_sample_weights=kept)
        return embedded.reshape(*features.shape[:-1], -1)


class Network(nn.Module):
    """The network, as it is trained; ``composer`` runs the same weights frame by frame."""

    intervals: Tensor

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        width, hidden, head, context = settings.embedding, settings.hidden, settings.head, settings.context
        self.frame = FeatureSum(FRAME_SIZES, width)
        self.lower = nn.GRU(width, hidden, batch_first=True)
        self.upper = nn.GRU(hidden, hidden, batch_first=True)
        self.to_head = nn.Linear(2 * hidden, 4 * head)
        self.voices = nn.ModuleList([FeatureSum(voice_sizes(turn), head) for turn in range(4)])
        self.logits = nn.ModuleList([nn.Linear(head, SCORES) for _ in range(4)])
        self.given = FeatureSum(GIVEN_SIZES, context)
        self.look_ahead = nn.GRU(context, context, batch_first=True)
        self.given_to_frame = nn.Linear(context, width)
        self.given_to_head = nn.Linear(context, 4 * head)
        self.register_buffer("intervals", interval_table(), persistent=False)

    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Score every frame.

        Parameters
        ----------
        batch
            As ``data.collate`` makes it.

        Returns
        -------
        Tensor, shape (batch, frames, 4, CLASSES)
            Logits in the order in which voices are chosen.
        """
        rate = self.settings if self.training else _NO_DROPOUT
        x = self.frame(batch["frame"], rate.feature_dropout)  # (B, T, E)
        ahead = self.context(batch)
        if ahead is not None:
            ahead = functional.dropout(ahead, rate.dropout)
            x = x + self.given_to_frame(ahead) * batch["any_given"]
        x = functional.dropout(x, rate.embedding_dropout)
        lower = functional.dropout(_run(self.lower, x, rate.recurrent_dropout), rate.dropout)  # (B, T, H)
        upper = functional.dropout(_run(self.upper, lower, rate.recurrent_dropout), rate.dropout)
        heads = self.to_head(torch.cat([lower, upper], -1))  # (B, T, 4 D)
        if ahead is not None:
            heads = heads + self.given_to_head(ahead) * batch["any_given"]
        scores = []
        for turn, head in enumerate(heads.chunk(4, -1)):
            z = functional.relu(head + self.voices[turn](batch["voice"][turn], rate.feature_dropout))
            z = self.logits[turn](functional.dropout(z, rate.head_dropout))
            scores.append(combine(z, batch["anchors"][turn], batch["candidates"][turn], self.intervals))
        return torch.stack(scores, 2)

    def context(self, batch: dict[str, Any]) -> Tensor | None:
        """Read what is given from the end to the start; None if nothing is."""
        if batch["given"] is None:
            return None
        x = self.given(batch["given"])  # (B, T, C)
        backward = batch["backward"][..., None].expand_as(x)
        return cast(Tensor, self.look_ahead(x.gather(1, backward))[0].gather(1, backward))


_NO_DROPOUT = NetworkSettings(dropout=0, embedding_dropout=0, head_dropout=0, feature_dropout=0, recurrent_dropout=0)


def _run(gru: nn.GRU, x: Tensor, dropout: float) -> Tensor:
    weight = functional.dropout(cast(Tensor, gru.weight_hh_l0), dropout)
    return cast(Tensor, torch.func.functional_call(gru, {"weight_hh_l0": weight}, (x,))[0])


def interval_table() -> Tensor:
    """Return where a voice's scores hold that of each pitch against an anchor, shape (ANCHORS, TOKENS, PITCHES).

    An anchor that is no pitch points behind the last score.
    """
    anchor = torch.arange(TOKENS)[:, None]
    interval = (torch.arange(1, PITCHES + 1) - anchor).clamp(-REACH, REACH) + REACH
    place = CLASSES + SPAN * torch.arange(ANCHORS)[:, None, None] + interval
    return torch.where((anchor > 0) & (anchor <= PITCHES), place, SCORES)


def combine(z: Tensor, anchors: Tensor, candidates: Tensor, intervals: Tensor) -> Tensor:
    """Add absolute, relative and repeating scores up.

    Parameters
    ----------
    z
        Scores, shape (..., SCORES).
    anchors
        Tokens, shape (..., ANCHORS). One that is no pitch adds nothing.
    candidates
        Tokens, shape (..., CANDIDATES); ``NO_CANDIDATE`` for none.
    intervals
        ``interval_table()``.

    Returns
    -------
    Tensor, shape (..., CLASSES)
        Logits of a rest and of each pitch.
    """
    places = intervals[torch.arange(ANCHORS, device=z.device), anchors].flatten(-2)
    relative = functional.pad(z, (0, 1)).gather(-1, places).view(*anchors.shape, PITCHES)
    logits = functional.pad(z[..., :CLASSES], (0, 1))  # the last takes what is meant for no candidate
    logits[..., 1:CLASSES] += relative.sum(-2)
    logits.scatter_add_(-1, candidates, z[..., SCORES - CANDIDATES :])
    return logits[..., :CLASSES]
