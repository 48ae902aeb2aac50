"""The search for a stretch of music in another texture, by L-BFGS: first among its bands, then among its samples.

Bands are quick to search but not every table of bands is that of a sound; what is lost when they are made to sound, the
second search wins back. Both weigh two things: the texture is to become the wanted one, and what is loud is to stay, as
it carries melody and chords. A lasting change of a band, as by an equaliser, costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from segue.plugins.style_audio.network import Listener, Texture, distance
from segue.plugins.style_audio.spectrum import to_bands
from torch import Tensor

_HISTORY: Final = 8
_LOUD: Final = 5.0
"""Bands above this are heard: 20 dB above the floor."""
_REACH: Final = 2.5
"""Standard deviations above its mean that a band of the wanted texture may be pushed to."""
_SOUND_KEEP: Final = 0.03
"""Weight of what is to stay in the search among samples, as a share of that among bands."""


class Search:
    """A search under way.

    Parameters
    ----------
    start
        Where it begins.
    loss
        What is to become small.
    """

    def __init__(self, start: Tensor, loss: Callable[[Tensor], Tensor]) -> None:
        self._variable = start.clone().requires_grad_(True)
        self._loss = loss
        self._optimiser = torch.optim.LBFGS([self._variable], history_size=_HISTORY, line_search_fn="strong_wolfe")

    def go_on(self, iterations: int) -> None:
        """Take some steps; each looks at the loss at most twice."""
        group = self._optimiser.param_groups[0]
        group["max_iter"], group["max_eval"] = iterations, 2 * iterations
        self._optimiser.step(self._look)  # type: ignore[no-untyped-call]

    def _look(self) -> float:
        self._optimiser.zero_grad()
        loss = self._loss(self._variable)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    @property
    def found(self) -> Tensor:
        """What has been found by now."""
        return self._variable.detach()


class Aim:
    """What is aimed at for one stretch.

    Parameters
    ----------
    listener
        What hears textures.
    bands
        Bands that are to stay where they are loud, shape (BANDS, frames).
    wanted
        The texture to take on.
    keep
        Weight of what is to stay.
    """

    def __init__(self, listener: Listener, bands: Tensor, wanted: Texture, keep: float) -> None:
        self._listener, self._bands, self._wanted, self._keep = listener, bands, wanted, keep
        loud = (bands / _LOUD).square()
        self._loud = loud / (loud.mean() + 1e-6)
        spread = wanted.together[0].diagonal().clamp(min=0).sqrt()
        highest = listener.mean + listener.scale * (wanted.means[0] + _REACH * spread)
        self._highest = torch.maximum(bands, highest[:, None])

    def search_bands(self) -> Search:
        """Return a search that begins at no change of the bands; what it finds is for ``limited``."""

        def loss(change: Tensor) -> Tensor:
            return self._loss(self.limited(change), self._keep)

        return Search(torch.zeros_like(self._bands), loss)

    def search_samples(self, start: Tensor) -> Search:
        """Return a search that begins at samples, shape (1, n)."""

        def loss(samples: Tensor) -> Tensor:
            return self._loss(to_bands(samples), _SOUND_KEEP * self._keep)

        return Search(start, loss)

    def limited(self, change: Tensor) -> Tensor:
        """Return the bands after a change: not below silence, nor louder than is usual in the wanted texture."""
        return torch.minimum((self._bands + change * self._listener.scale[:, None]).clamp(min=0), self._highest)

    def _loss(self, bands: Tensor, keep: float) -> Tensor:
        change = bands - self._bands
        in_time = change - change.mean(1, keepdim=True)
        stays = (self._loud * in_time.square()).mean()
        return distance(self._listener.texture(bands), self._wanted) + keep * stays
