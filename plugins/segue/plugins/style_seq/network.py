"""The network: a decoder-only Transformer over the elements of a part, with the style at every layer.

The content of a bar - chords, melody, what the source sounds - is told at its bar line, and that of a note's own half
beat again where its pitch is drawn. The style of the part is a vector, from a table of names or from an encoder that
hears an example; it scales and shifts the norms of all layers (adaptive normalisation), and the heads. The fields of
the next element are drawn one after the other.

References
----------
O. Cifka, U. Simsekli and G. Richard, "Groove2Groove: One-Shot Music Style Transfer with Supervision from Synthetic
Data", IEEE/ACM TASLP 28, 2020: the aligned pairs and the style encoder. S.-L. Wu and Y.-H. Yang, "MuseMorphose", 2021:
the style at every layer. X. Huang and S. Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization", ICCV 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.style_seq.content import HALVES, LIVELY, MELODY, SILENT, UNTOLD_BASS
from segue.plugins.style_seq.elements import BAR, FIELD_SIZES, FIRST_PLACE, PITCH, PLACE
from segue.plugins.style_seq.profile import PROFILE
from segue.plugins.transformer.elements import DRUMS
from segue.plugins.transformer.network import rotate, rotation
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, silu

PHASES = 16
"""Where a bar is: its number modulo four, whether it is the first, and whether it is the last."""
PER_BEAT = 6


class NetworkSettings(BaseModel):
    """Sizes of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(default=192, ge=8, description="Width of the layers.")
    layers: int = Field(default=3, ge=1, description="Number of layers.")
    heads: int = Field(default=6, ge=1, description="Heads of queries in a layer.")
    groups: int = Field(default=2, ge=1, description="Heads of keys and values; each serves several heads of queries.")
    inner: int = Field(default=384, ge=8, description="Width of the gated linear units.")
    head: int = Field(default=128, ge=8, description="Width of the heads of the fields.")
    style: int = Field(default=96, ge=4, description="Width of the vector of a part's style.")
    half: int = Field(default=48, ge=4, description="Width of the content of a half beat.")


class Bars(NamedTuple):
    """Content of the bars of each sequence; integer tensors but for ``chroma``.

    Attributes
    ----------
    table
        Shape (B, bars, HALVES + 1, 4): root, quality, bass, melody.
    chroma
        Pitch classes above the root that the source sounds, shape (B, bars, HALVES + 1, 12).
    phase, lively
        Shape (B, bars).
    """

    table: Tensor
    chroma: Tensor
    phase: Tensor
    lively: Tensor


class Network(nn.Module):
    """Logits of the fields of the next element.

    Parameters
    ----------
    settings
        Sizes.
    names
        How many parts the table of styles names.
    """

    def __init__(self, settings: NetworkSettings, names: int) -> None:
        super().__init__()
        self.settings = settings
        width, half, style = settings.width, settings.half, settings.style
        self.names = nn.Embedding(names, style)
        self.families = nn.Embedding(DRUMS + 1, style)
        self.encoder = nn.Sequential(nn.Linear(PROFILE, 192), nn.SiLU(), nn.Linear(192, style))
        sizes = (12, SILENT + 1, UNTOLD_BASS + 1, MELODY)
        self.halves = nn.ModuleList(nn.Embedding(size, half) for size in sizes)
        self.chroma = nn.Linear(12, half, bias=False)
        self.bars = nn.Linear((HALVES + 1) * half, width)
        self.phase = nn.Embedding(PHASES, width)
        self.lively = nn.Embedding(LIVELY, width)
        self.fields = nn.ModuleList(nn.Embedding(size, width) for size in FIELD_SIZES)
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.layers))
        self.norm = nn.RMSNorm(width)
        self.heads = Heads(settings)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.3)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            nn.init.zeros_(layer.style.weight)
            for part in (layer.out, layer.down):
                nn.init.normal_(part.weight, std=(part.in_features * 2 * settings.layers) ** -0.5)

    def style_of(self, name: Tensor, profile: Tensor, family: Tensor) -> Tensor:
        """Return the style of parts, shape (B, style): of their names, or where the name is -1 of their profiles."""
        heard = self.encoder(profile)
        named = self.names(name.clamp(min=0))
        found: Tensor = torch.where((name >= 0)[:, None], named, heard) + self.families(family)
        return found

    def read_bars(self, bars: Bars) -> tuple[Tensor, Tensor]:
        """Return the content of each half beat, (B, bars, HALVES + 1, half), and of each bar, (B, bars, width)."""
        halves: Tensor = self.chroma(bars.chroma)
        for index, table in enumerate(self.halves):
            halves = halves + table(bars.table[..., index])
        whole: Tensor = self.bars(halves.flatten(2)) + self.phase(bars.phase) + self.lively(bars.lively)
        return halves, whole

    def embed(self, fields: Tensor, whole: Tensor) -> Tensor:
        """Return the embedding of elements (..., 5); ``whole`` is the content of the bar of each, (..., width)."""
        x = (fields[..., PLACE] == BAR)[..., None] * whole
        for index, table in enumerate(self.fields):
            x = x + table(fields[..., index])
        return x

    def forward(self, fields: Tensor, whole: Tensor, style: Tensor) -> Tensor:
        """Return the state after each element, shape (B, T, width)."""
        x = self.embed(fields, whole)
        turn = rotation(torch.arange(x.shape[1], device=x.device), self.settings.width // self.settings.heads)
        for layer in self.layers:
            x = layer(x, style[:, None], turn)
        found: Tensor = self.norm(x)
        return found


class Layer(nn.Module):
    """Attention, then a gated linear unit; the style scales and shifts what they read."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width, self.groups = settings.width, settings.groups
        self.count, self.size = settings.heads, settings.width // settings.heads
        self.norms = nn.ModuleList(nn.RMSNorm(width, elementwise_affine=False) for _ in range(2))
        self.style = nn.Linear(settings.style, 4 * width)
        self.project = nn.Linear(width, (self.count + 2 * self.groups) * self.size, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 2 * settings.inner, bias=False)
        self.down = nn.Linear(settings.inner, width, bias=False)

    def tuning(self, style: Tensor) -> tuple[Tensor, ...]:
        """Return scale and shift of both norms that a style means."""
        return self.style(style).chunk(4, -1)  # type: ignore[no-any-return]

    def parts(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (..., heads, size), of a projection."""
        heads = projected.view(*projected.shape[:-1], -1, self.size)
        first = self.count + self.groups
        return heads[..., : self.count, :], heads[..., self.count : first, :], heads[..., first:, :]

    def forward(self, x: Tensor, style: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        """Return the sequence after this layer, shape (B, T, width)."""
        scale, shift, inner_scale, inner_shift = self.tuning(style)
        query, key, value = self.parts(self.project(self.norms[0](x) * (1 + scale) + shift))
        query, key = rotate(query, turn), rotate(key, turn)
        x = x + self.out(attend(query, key, value, causal(x.shape[1], x.device)))
        gate, value = self.up(self.norms[1](x) * (1 + inner_scale) + inner_shift).chunk(2, -1)
        found: Tensor = x + self.down(silu(gate) * value)
        return found


def causal(length: int, device: torch.device) -> Tensor:
    """Return what hides from each element those after it, shape (length, length)."""
    return torch.full((length, length), -1e9, device=device).triu(1)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Attend, the heads of queries by groups: on short sequences much faster on a CPU than torch's own function.

    Parameters
    ----------
    query, key, value
        Shape (B, T, heads, size) and (B, S, groups, size).
    mask
        What is added to the scores, of a shape that broadcasts to (B, 1, 1, T, S).

    Returns
    -------
    Tensor, shape (B, T, heads * size)
    """
    B, T, _, size = query.shape  # noqa: N806  # the papers' letters
    groups = key.shape[2]
    rows = (
        query.view(B, T, groups, -1, size).permute(0, 2, 3, 1, 4).flatten(2, 3)
    )  # B, groups, heads / groups * T, size
    scores = (rows @ key.permute(0, 2, 3, 1)).view(B, groups, -1, T, key.shape[1]) * size**-0.5
    weights = (scores + mask).softmax(-1).to(value.dtype).flatten(2, 3)
    seen: Tensor = (weights @ value.transpose(1, 2)).view(B, groups, -1, T, size)
    return seen.permute(0, 3, 1, 2, 4).flatten(2)


class Heads(nn.Module):
    """Logits of each field of the next element given the fields chosen before it."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.head
        self.start = nn.Linear(settings.width, width, bias=False)
        self.style = nn.Linear(settings.style, width, bias=False)
        self.beat = nn.Linear(settings.half, width, bias=False)
        self.chosen = nn.ModuleList(nn.Embedding(size, width) for size in FIELD_SIZES[:-1])
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in FIELD_SIZES)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in FIELD_SIZES)
        self.logits = nn.ModuleList(nn.Linear(width, size) for size in FIELD_SIZES)

    def field(self, index: int, x: Tensor) -> Tensor:
        """Return the logits of a field; ``x`` is the running sum of the state and what was chosen."""
        found: Tensor = self.logits[index](silu(self.hidden[index](self.norms[index](x))))
        return found

    def forward(self, state: Tensor, style: Tensor, half: Tensor, fields: Tensor) -> list[Tensor]:
        """Return the logits of every field, teacher-forced.

        Parameters
        ----------
        state, style, half
            Shape (N, width), (N, style), and the content of the half beat of the next element (N, half).
        fields
            The next elements, shape (N, 5).
        """
        x = (self.start(state) + self.style(style)).float()
        found = [self.field(0, x)]
        for index in range(len(FIELD_SIZES) - 1):
            x = x + self.chosen[index](fields[:, index])
            if index == PLACE:
                x = x + self.beat(half)
            found.append(self.field(index + 1, x))
        return found


def half_of(place: Tensor) -> Tensor:
    """Return the half beat of the bar in which a value of the field PLACE lies; 0 for a bar line."""
    place = (place - FIRST_PLACE).clamp(min=0)
    return 2 * (place // PER_BEAT) + (place % PER_BEAT >= PER_BEAT // 2)


def nats(network: Network, fields: Tensor, bar: Tensor, bars: Bars, style: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Return minus the log-probability of every element but the first, by field.

    Parameters
    ----------
    fields
        Elements, shape (B, T, 5); PLACE 0 is padding.
    bar
        Index into ``bars`` of the bar that each element is in, shape (B, T).
    style
        Shape (B, style).

    Returns
    -------
    dict
        Field → nats of each element that is a note or a bar line (``place``), or a note (the others).
    Tensor
        For each of the former, the row of the batch it belongs to.
    """
    halves, whole = network.read_bars(bars)
    row = torch.arange(len(fields))[:, None]
    state = network(fields[:, :-1], whole[row, bar[:, :-1]], style)
    told = fields[:, 1:, PLACE] != 0
    wanted = fields[:, 1:][told]
    owner = row.expand_as(told)[told]
    half = halves[owner, bar[:, :-1][told], half_of(wanted[:, PLACE])]
    logits = network.heads(state[told], style[owner], half, wanted)
    note = wanted[:, PLACE] != BAR
    found = {"place": cross_entropy(logits[PLACE].float(), wanted[:, PLACE], reduction="none")}
    for index, name in enumerate(("pitch", "length", "velocity", "nudge"), PITCH):
        found[name] = cross_entropy(logits[index][note].float(), wanted[note, index], reduction="none")
    return found, owner
