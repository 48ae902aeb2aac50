"""The listener: convolutions over time with the bands as channels, and the statistics of what they find.

It learns to name the style of a recording; its texture is what its layers find on average and together, wherever in
time. Two recordings of the same statistics sound alike in texture without being the same music.

References
----------
D. Ulyanov, V. Lebedev, "Audio texture synthesis and style transfer", 2016: bands as channels, one wide layer.
L. Gatys, A. Ecker, M. Bethge, "Image style transfer using convolutional neural networks", CVPR 2016.
E. Grinstein et al., "Audio style transfer", ICASSP 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from pydantic import BaseModel, ConfigDict, Field
from segue.plugins.style_audio.spectrum import BANDS
from torch import Tensor, nn
from torch.nn import functional


class NetworkSettings(BaseModel):
    """Sizes of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kernels: tuple[int, ...] = Field(default=(3, 9, 27), description="Frames that the first layer's filters see; odd.")
    first: int = Field(default=32, ge=1, description="Filters of each length.")
    deeper: tuple[int, ...] = Field(default=(64, 64), description="Filters of the layers above, each at half the rate.")
    reach: int = Field(default=9, ge=1, description="Frames that theirs see; odd.")


@dataclass(frozen=True)
class Texture:
    """Statistics of a stretch of music, one entry for the bands and for each layer.

    Attributes
    ----------
    means : tuple of Tensor, shape (channels,)
        What is found on average.
    together : tuple of Tensor, shape (channels, channels)
        How what is found varies together: covariance over time.
    """

    means: tuple[Tensor, ...]
    together: tuple[Tensor, ...]

    @staticmethod
    def mean(textures: Sequence[Texture]) -> Texture:
        """Return the mean of textures."""
        means, together = zip(*((texture.means, texture.together) for texture in textures), strict=True)
        return Texture(
            tuple(torch.stack(layer).mean(0) for layer in zip(*means, strict=True)),
            tuple(torch.stack(layer).mean(0) for layer in zip(*together, strict=True)),
        )


class Listener(nn.Module):
    """Hears bands over time.

    Parameters
    ----------
    settings
        Sizes.
    styles
        How many styles it tells apart.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, settings: NetworkSettings, styles: int) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("scale", torch.ones(BANDS))
        self.first = nn.ModuleList(
            nn.Conv1d(BANDS, settings.first, kernel, padding=kernel // 2) for kernel in settings.kernels
        )
        sizes = (settings.first * len(settings.kernels), *settings.deeper)
        self.deeper = nn.ModuleList(
            nn.Conv1d(below, above, settings.reach, padding=settings.reach // 2) for below, above in pairwise(sizes)
        )
        self.names = nn.Linear(2 * sum(sizes), styles)

    @torch.no_grad()
    def reset(self, mean: Tensor, scale: Tensor) -> None:
        """Draw the weights anew, for bands of this mean and standard deviation, shape (BANDS,)."""
        for part in self.modules():
            if isinstance(part, nn.Conv1d | nn.Linear):
                part.reset_parameters()
        self.mean.copy_(mean)
        self.scale.copy_(scale.clamp(min=0.1))

    def layers(self, bands: Tensor) -> list[Tensor]:
        """Return the bands, standardised, and what each layer finds, shapes (batch, channels, frames)."""
        standard = (bands - self.mean[:, None]) / self.scale[:, None]
        found = [standard, torch.cat([functional.relu(part(standard)) for part in self.first], 1)]
        for layer in self.deeper:
            found.append(functional.relu(layer(functional.avg_pool1d(found[-1], 2))))
        return found

    def forward(self, bands: Tensor) -> Tensor:
        """Return the logits of the styles of bands, shape (batch, BANDS, frames)."""
        found = self.layers(bands)[1:]
        told = [part for layer in found for part in (layer.mean(2), layer.std(2))]
        logits: Tensor = self.names(functional.dropout(torch.cat(told, 1), 0.3, self.training))
        return logits

    def texture(self, bands: Tensor) -> Texture:
        """Return the texture of bands, shape (BANDS, frames)."""
        layers = [layer[0] for layer in self.layers(bands[None])]
        means = tuple(layer.mean(1) for layer in layers)
        away = [layer - mean[:, None] for layer, mean in zip(layers, means, strict=True)]
        return Texture(means, tuple(part @ part.T / part.shape[1] for part in away))


def distance(one: Texture, other: Texture) -> Tensor:
    """Return how far a texture is from another: 0 for the same, about 1 for what has nothing of the other."""
    total = torch.zeros(())
    for mean, together, wanted_mean, wanted in zip(one.means, one.together, other.means, other.together, strict=True):
        variance = wanted.diagonal().sum()
        total = total + (mean - wanted_mean).square().sum() / variance
        total = total + (together - wanted).square().sum() / wanted.square().sum()
    return total / (2 * len(one.means))
