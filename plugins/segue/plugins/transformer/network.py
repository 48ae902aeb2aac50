"""The network: a decoder-only Transformer over elements, and a chain of small heads over the fields of the next one.

Rotary positions, root-mean-square norms before each part, gated linear units, grouped keys and values. The controls are
told in the first element and again at every bar line, so that they are never far; null embeddings stand for what is not
told. The fields of the next element are drawn one after the other: place, slot, pitch, length, velocity.

References
----------
J. Su et al., "RoFormer", 2021; N. Shazeer, "GLU variants improve Transformer", 2020; J. Ainslie et al., "GQA", 2023.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.transformer.controls import CONTROLS
from segue.plugins.transformer.elements import BAR, DRUMS, FIELD_SIZES, INSTRUMENT, PITCH, PREFIX
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention, silu

REMAINING = 6
"""Values of the bars that remain after a bar: 0 is not told, 1 is none; told near the end alone."""
HYPERMETRE = 8


class NetworkSettings(BaseModel):
    """Sizes of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(default=256, ge=8)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=8, ge=1)
    groups: int = Field(default=2, ge=1, description="Heads of keys and values; each serves several heads of queries.")
    inner: int = Field(default=640, ge=8, description="Width of the gated linear units.")
    head: int = Field(default=256, ge=8, description="Width of the heads of the fields.")
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Inputs(NamedTuple):
    """Elements as the network reads them; integer tensors.

    Attributes
    ----------
    fields
        Shape (B, T, 5), as in ``elements.Elements``.
    family
        Family of each element's slot, from 1; 0 without one; shape (B, T).
    remaining
        At bar lines: 1 plus the bars that remain after this one, 0 if that is not told; shape (B, T).
    bar
        At bar lines: number of the bar, modulo ``HYPERMETRE``; shape (B, T).
    controls
        Shape (B, len(CONTROLS)); 0 is not told.
    """

    fields: Tensor
    family: Tensor
    remaining: Tensor
    bar: Tensor
    controls: Tensor

    def to(self, device: torch.device) -> Inputs:
        """Return them on a device."""
        return Inputs(*(part.to(device) for part in self))


class Network(nn.Module):
    """Logits of the fields of the next element."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.fields = nn.ModuleList(nn.Embedding(size, width) for size in FIELD_SIZES)
        self.family = nn.Embedding(DRUMS + 2, width)
        self.pitch_class = nn.Embedding(13, width)
        self.remaining = nn.Embedding(REMAINING, width)
        self.hypermetre = nn.Embedding(HYPERMETRE, width)
        self.controls = nn.ModuleList(nn.Embedding(size + 1, width) for size in CONTROLS.values())
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.layers))
        self.norm = nn.RMSNorm(width)
        self.heads = Heads(settings)
        self.drop = nn.Dropout(settings.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            for part in (layer.out, layer.down):
                nn.init.normal_(part.weight, std=(part.in_features * 2 * settings.layers) ** -0.5)

    def told(self, controls: Tensor) -> Tensor:
        """Return the embedding of controls, shape (B, len(CONTROLS)) → (B, width)."""
        found: Tensor = sum(table(controls[:, index]) for index, table in enumerate(self.controls))
        return found

    def embed(self, inputs: Inputs, told: Tensor) -> Tensor:
        """Return the embedding of each element, shape (B, T, width); ``told`` is the embedding of the controls."""
        fields = inputs.fields
        pitch = fields[..., PITCH]
        x: Tensor = self.family(inputs.family)
        for index, table in enumerate(self.fields):
            x = x + table(fields[..., index])
        x = x + self.pitch_class(torch.where((pitch > 0) & (pitch < 129), (pitch - 1) % 12 + 1, 0))
        kind = fields[..., 0]
        line = ((kind == BAR) | (kind == PREFIX))[..., None]
        at_line: Tensor = told[:, None] + self.remaining(inputs.remaining) + self.hypermetre(inputs.bar)
        found: Tensor = x + line * at_line
        return found

    def forward(self, inputs: Inputs) -> Tensor:
        """Return the state after each element, shape (B, T, width)."""
        x = self.drop(self.embed(inputs, self.told(inputs.controls)))
        turn = rotation(torch.arange(x.shape[1], device=x.device), self.settings.width // self.settings.heads)
        for layer in self.layers:
            x = layer(x, turn, self.drop)
        found: Tensor = self.norm(x)
        return found


class Layer(nn.Module):
    """Attention, then a gated linear unit."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, self.count, self.groups = settings.width, settings.heads, settings.groups
        self.size = width // settings.heads
        self.attention_norm, self.inner_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.project = nn.Linear(width, (self.count + 2 * self.groups) * self.size, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 2 * settings.inner, bias=False)
        self.down = nn.Linear(settings.inner, width, bias=False)

    def parts(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (..., heads, size), of a projection."""
        heads = projected.view(*projected.shape[:-1], -1, self.size)
        first = self.count + self.groups
        return heads[..., : self.count, :], heads[..., self.count : first, :], heads[..., first:, :]

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], drop: nn.Dropout) -> Tensor:
        """Return the sequence after this layer, shape (B, T, width)."""
        query, key, value = self.parts(self.project(self.attention_norm(x)))
        query, key = rotate(query, turn), rotate(key, turn)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        with torch.autocast("cpu", enabled=False):  # where it is slower in bfloat16
            seen = scaled_dot_product_attention(query, key, value.to(query.dtype), is_causal=True, enable_gqa=True)
        x = x + drop(self.out(seen.transpose(1, 2).flatten(2)))
        gate, value = self.up(self.inner_norm(x)).chunk(2, -1)
        found: Tensor = x + drop(self.down(silu(gate) * value))
        return found


class Heads(nn.Module):
    """Logits of each field of the next element given the fields chosen before it."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.head
        self.start = nn.Linear(settings.width, width, bias=False)
        self.chosen = nn.ModuleList(nn.Embedding(size, width) for size in FIELD_SIZES[:-1])
        self.family = nn.Embedding(DRUMS + 2, width)
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in FIELD_SIZES)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in FIELD_SIZES)
        self.logits = nn.ModuleList(nn.Linear(width, size) for size in FIELD_SIZES)

    def field(self, index: int, x: Tensor) -> Tensor:
        """Return the logits of a field; ``x`` is the running sum of the state and what was chosen."""
        hidden: Tensor = self.logits[index](silu(self.hidden[index](self.norms[index](x))))
        return hidden

    def forward(self, state: Tensor, fields: Tensor, family: Tensor) -> list[Tensor]:
        """Return the logits of every field, teacher-forced; states (N, width), next elements (N, 5) and families."""
        x = self.start(state).to(state.dtype)
        found = [self.field(0, x)]
        for index in range(len(FIELD_SIZES) - 1):
            x = x + self.chosen[index](fields[:, index])
            if index == 1:
                x = x + self.family(family)
            found.append(self.field(index + 1, x))
        return found


def rotation(places: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of rotary positions, shape (..., 1, size / 2)."""
    pace = 10_000 ** (-torch.arange(0, size, 2, device=places.device) / size)
    angle = places[..., None, None] * pace
    return angle.cos(), angle.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn queries or keys (..., heads, size) by their positions."""
    cosine, sine = turn
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


def nats(network: Network, inputs: Inputs, targets: Tensor, family: Tensor) -> dict[str, Tensor]:
    """Return minus the log-probability of the next elements, by field, shape (elements,).

    Parameters
    ----------
    targets
        The element after each, shape (B, T, 5); PLACE 0 where there is none or it is not to be predicted.
    family
        Of the targets' slots, shape (B, T).

    Returns
    -------
    dict
        Field → nats of each target that is a note or a bar line (``place``), or a note (the others).
    """
    told = (targets[..., 0] >= BAR) & (targets[..., 0] != INSTRUMENT)
    state, wanted, family = network(inputs)[told], targets[told], family[told]
    logits = network.heads(state, wanted, family)
    note = wanted[:, 0] > BAR
    found: dict[str, Any] = {"place": cross_entropy(logits[0], wanted[:, 0], reduction="none")}
    for index, name in enumerate(("slot", "pitch", "length", "velocity"), 1):
        found[name] = cross_entropy(logits[index][note], wanted[note, index], reduction="none")
    return found
