"""The network, whole: a variational autoencoder of one block of accompaniment.

The encoder reads a block into a latent vector. The decoder knows for each sixteenth the chord, the place in the bar and
the melody; the latent vector, the three figures asked for and the style are told it again at every layer
(in-attention). It says all at once where notes begin, how long each would be and how loud the sixteenth is.

References
----------
S.-L. Wu and Y.-H. Yang, "MuseMorphose: Full-Song and Fine-Grained Piano Music Style Transfer With One Transformer VAE",
2021: in-attention, classes of attributes per bar. G. Brunner et al., "MIDI-VAE", ISMIR 2018: style and velocity.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.style_vae.bars import NO_ROW, ROWS, SLOTS
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

FIGURES = 3
"""Attributes the decoder is told: rhythmic intensity, polyphony, register."""
CLASSES = 8
"""Classes of each; between two, their embeddings are mixed."""
UNKNOWN = 0
"""The style of music whose style is not known."""
_SIZES = 4
_FOLLOWING = 13


class NetworkSettings(BaseModel):
    """Sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latent: int = Field(default=48, ge=4, description="Latent vector of a block.")
    width: int = Field(default=128, ge=8, description="Width of all layers.")
    inner: int = Field(default=256, ge=8, description="Inner width of the gated units.")
    heads: int = Field(default=4, ge=1, description="Heads of attention.")
    encoder: int = Field(default=2, ge=1, description="Layers of the encoder.")
    decoder: int = Field(default=3, ge=1, description="Layers of the decoder.")


class Surroundings(NamedTuple):
    """What the accompaniment goes with, as tensors; shapes as in ``bars.Blocks``, ``tones`` as 12 numbers of 0 or 1."""

    slots: Tensor
    place: Tensor
    size: Tensor
    tones: Tensor
    following: Tensor
    tune: Tensor
    struck: Tensor


class Answer(NamedTuple):
    """What the decoder says.

    Attributes
    ----------
    begins : Tensor, shape (B, 16, 72)
        Logit of a note beginning.
    length : Tensor, shape (B, 16, 72)
        Logarithm to base 2 of its length in sixteenths.
    velocity : Tensor, shape (B, 16)
        Velocity over 127.
    """

    begins: Tensor
    length: Tensor
    velocity: Tensor


class Layer(nn.Module):
    """Attention between the slots of a block, then a gated linear unit; a condition is added before both."""

    def __init__(self, s: NetworkSettings) -> None:
        super().__init__()
        self.heads = s.heads
        self.norms = nn.ModuleList([nn.RMSNorm(s.width), nn.RMSNorm(s.width)])
        self.project = nn.Linear(s.width, 3 * s.width, bias=False)
        self.out = nn.Linear(s.width, s.width, bias=False)
        self.up = nn.Linear(s.width, 2 * s.inner, bias=False)
        self.down = nn.Linear(s.inner, s.width, bias=False)

    def forward(self, x: Tensor, told: Tensor, seen: Tensor) -> Tensor:
        """Take (B, 16, width) on; ``told`` is (B, 1, width) and ``seen`` (B, 1, 1, 16), true where there is a slot."""
        size = len(x)
        x = x + told
        parts = self.project(self.norms[0](x)).view(size, SLOTS, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=seen)
        x = x + self.out(mixed.transpose(1, 2).reshape(size, SLOTS, -1))
        gate, value = self.up(self.norms[1](x)).chunk(2, -1)
        return cast(Tensor, x + self.down(silu(gate) * value))


class Around(nn.Module):
    """Embeds what the accompaniment goes with, slot by slot."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.place = nn.Embedding(SLOTS, width)
        self.size = nn.Embedding(_SIZES, width)
        self.following = nn.Embedding(_FOLLOWING, width)
        self.tune = nn.Embedding(NO_ROW + 1, width)
        self.struck = nn.Embedding(2, width)
        self.tones = nn.Linear(12, width, bias=False)
        for table in (self.place, self.size, self.following, self.tune, self.struck):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, around: Surroundings) -> Tensor:
        """Return shape (B, 16, width)."""
        whole = self.size(around.size) + self.following(around.following)
        each = self.place(around.place) + self.tune(around.tune) + self.struck(around.struck)
        return cast(Tensor, each + self.tones(around.tones) + whole[:, None])


class Network(nn.Module):
    """A block to its latent vector and back."""

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        self.settings = s = settings
        self.cells = nn.Linear(2 * ROWS, s.width)
        self.heard_around = Around(s.width)
        self.encoder = nn.ModuleList(Layer(s) for _ in range(s.encoder))
        self.to_latent = nn.Linear(s.width, 2 * s.latent)
        self.around = Around(s.width)
        self.figures = nn.Parameter(torch.randn(FIGURES, CLASSES, s.width) * 0.3)
        self.style = nn.Embedding(styles + 1, s.width)
        self.latent = nn.Linear(s.latent, s.width)
        self.tell = nn.ModuleList(nn.Linear(s.width, s.width) for _ in range(s.decoder))
        self.decoder = nn.ModuleList(Layer(s) for _ in range(s.decoder))
        self.norm = nn.RMSNorm(s.width)
        self.head = nn.Linear(s.width, 2 * ROWS + 1)
        nn.init.normal_(self.style.weight, std=0.3)
        with torch.no_grad():
            self.head.bias[:ROWS] = -4.0  # few cells begin a note

    def encode(self, begins: Tensor, sounds: Tensor, around: Surroundings) -> tuple[Tensor, Tensor]:
        """Read blocks.

        Parameters
        ----------
        begins, sounds : Tensor, shape (B, 16, 72)
            0 or 1.
        around
            What they go with.

        Returns
        -------
        mean, log_variance : Tensor, shape (B, latent)
        """
        x = self.cells(torch.cat([begins, sounds], -1)) + self.heard_around(around)
        there = torch.arange(SLOTS) < around.slots[:, None]  # (B, 16)
        for layer in self.encoder:
            x = layer(x, x.new_zeros(()), there[:, None, None])
        x = (x * there[..., None]).sum(1) / around.slots[:, None]
        mean, log_variance = self.to_latent(x).float().chunk(2, -1)
        return mean, log_variance.clamp(-8, 2)

    def decode(self, z: Tensor, figures: Tensor, style: Tensor, around: Surroundings) -> Answer:
        """Write blocks.

        Parameters
        ----------
        z : Tensor, shape (B, latent)
        figures : Tensor, shape (B, 3)
            Quantiles that are asked for, 0-1.
        style : Tensor of int, shape (B,)
            ``UNKNOWN``, or from 1.
        around
            What they go with.
        """
        at = figures.clamp(0, 1) * (CLASSES - 1)
        weight = (1 - (at[..., None] - torch.arange(CLASSES)).abs()).clamp(min=0)  # (B, 3, 8)
        asked = torch.einsum("bfc,fcw->bw", weight, self.figures) + self.style(style) + self.latent(z)
        x = self.around(around)
        there = (torch.arange(SLOTS) < around.slots[:, None])[:, None, None]
        for tell, layer in zip(self.tell, self.decoder, strict=True):
            x = layer(x, tell(silu(asked))[:, None], there)
        begins, length, velocity = self.head(self.norm(x)).float().split([ROWS, ROWS, 1], -1)
        return Answer(begins, length, velocity[..., 0])
