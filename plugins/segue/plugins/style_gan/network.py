"""Generator and discriminators, whole.

One generator serves every direction: it hears a piece cell by cell - its accompaniment, its melody, the chord and where
the cell is - and is told the style to write. It is a convolutional network along time, so that a whole piece goes
through at once, without seams. Discriminators hear four bars: one tells real accompaniments of a style from written
ones, the other real ones of any style (mixed domains), so that what is written stays music.

References
----------
J.-Y. Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017.
G. Brunner et al., "Symbolic Music Genre Transfer with CycleGAN", ICTAI 2018: the mixed-domain discriminators.
Y. Choi et al., "StarGAN", CVPR 2018: one generator that is told the domain. T. Miyato and M. Koyama, "cGANs with
Projection Discriminator", ICLR 2018. T. Miyato et al., "Spectral Normalization for GANs", ICLR 2018.
"""

from __future__ import annotations

from typing import Any, Final, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.style_gan.frames import PER_CELL
from segue.plugins.style_gan.roll import DRUMS, PITCHES
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

BAND: Final = PER_CELL * PITCHES * 2
"""Numbers of a cell's accompaniment: steps, pitches, layers."""
BEATEN: Final = PER_CELL * len(DRUMS)
WRITTEN: Final = BAND + BEATEN
"""Numbers of a cell that the generator writes."""
CONTEXT: Final = 12 + 12 + 12 + 12 + 2 + 8 + 4 + 4
"""Numbers that say what chord sounds and where a cell is."""


class NetworkSettings(BaseModel):
    """Sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: int = Field(default=192, ge=8, description="Channels of the generator.")
    dilations: tuple[int, ...] = Field(default=(1, 2, 4, 8, 1), description="Of the generator's blocks, in cells.")
    style: int = Field(default=24, ge=1, description="Embedding of a style.")
    critic: int = Field(default=128, ge=8, description="Channels of the discriminators.")


class _Decide(torch.autograd.Function):
    """A deterministic binary neuron: one where the logit is positive; the gradient is that of the probability."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        probability = torch.sigmoid(logits)
        ctx.save_for_backward(probability)
        return (logits > 0).to(logits.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (probability,) = cast("tuple[Tensor]", ctx.saved_tensors)
        return gradients[0] * probability * (1 - probability)


def decide(logits: Tensor) -> Tensor:
    """Return 0 or 1 for each logit, with a gradient."""
    return cast(Tensor, _Decide.apply(logits))  # type: ignore[no-untyped-call]


class _Block(nn.Module):
    """A residual convolution along time; the style scales and shifts what it hears."""

    def __init__(self, channels: int, style: int, dilation: int) -> None:
        super().__init__()
        self.told = nn.Linear(style, 2 * channels)
        self.hear = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.told.weight)
        nn.init.zeros_(self.told.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Keep the shape (batch, channels, cells)."""
        scale, shift = self.told(style)[..., None].chunk(2, 1)
        heard = functional.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2) * (1 + scale) + shift
        return cast(Tensor, x + self.mix(functional.gelu(self.hear(heard))))


class Generator(nn.Module):
    """An accompaniment, its melody and chords, and a style → the accompaniment in that style."""

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        self.settings = s = settings
        self.style = nn.Embedding(styles, s.style)
        self.read = nn.Conv1d(WRITTEN + BAND + CONTEXT, s.channels, 1)
        self.blocks = nn.ModuleList(_Block(s.channels, s.style, dilation) for dilation in s.dilations)
        self.told = nn.Linear(s.style, s.channels)
        self.write = nn.Conv1d(s.channels, WRITTEN, 1)
        nn.init.constant_(cast(Tensor, self.write.bias), -3.0)  # a roll is nearly empty

    def forward(self, band: Tensor, melody: Tensor, context: Tensor, style: Tensor) -> Tensor:
        """Write accompaniments.

        Parameters
        ----------
        band : Tensor, shape (batch, cells, WRITTEN)
        melody : Tensor, shape (batch, cells, BAND)
        context : Tensor, shape (batch, cells, CONTEXT)
        style : Tensor of int, shape (batch,)

        Returns
        -------
        Tensor, shape (batch, cells, WRITTEN)
            Logits.
        """
        style = self.style(style)
        x = self.read(torch.cat([band, melody, context], 2).transpose(1, 2))
        x = x + self.told(style)[..., None]
        for block in self.blocks:
            x = block(x, style)
        x = functional.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2)
        return cast(Tensor, self.write(x).transpose(1, 2).float())


class Discriminator(nn.Module):
    """How real four bars sound; of one style if it is told one, of any style else."""

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        c = settings.critic
        self.read = spectral_norm(nn.Conv1d(WRITTEN + BAND + CONTEXT, c, 1))
        self.judge = nn.ModuleList(
            spectral_norm(nn.Conv1d(inputs, outputs, 4, 2, padding=1)) for inputs, outputs in ((c, c), (c, 2 * c))
        )
        self.score = spectral_norm(nn.Conv1d(2 * c, 1, 3, padding=1))
        self.belongs = nn.Embedding(styles, 2 * c) if styles else None

    def forward(self, band: Tensor, melody: Tensor, context: Tensor, style: Tensor) -> Tensor:
        """Judge accompaniments with their melody and chords; returns one value for each bar, shape (batch, bars)."""
        x = functional.leaky_relu(self.read(torch.cat([band, melody, context], 2).transpose(1, 2)), 0.2)
        for layer in self.judge:
            x = functional.leaky_relu(layer(x), 0.2)
        found = self.score(x)[:, 0]
        if self.belongs is not None:
            found = found + (self.belongs(style)[..., None] * x).sum(1) / x.shape[1] ** 0.5
        return cast(Tensor, found.float())
