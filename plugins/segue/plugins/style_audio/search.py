"""The search for the bands of a stretch in another texture, by L-BFGS from the stretch as it is.

The texture is to become the wanted one; what is loud in the stretch is to stay, and where it stays, melody and chords do.
A lasting change of a band, as by an equaliser, costs nothing.
"""

from __future__ import annotations

from typing import Final

import torch
from segue.plugins.style_audio.network import Listener, Texture, distance
from torch import Tensor

_HISTORY: Final = 8
_LOUD: Final = 5.0
"""Bands above this are heard: 20 dB above the floor."""


class Search:
    """One stretch on its way to another texture.

    Parameters
    ----------
    listener
        What hears textures.
    bands
        The stretch, shape (BANDS, frames).
    wanted
        The texture to take on.
    keep
        Weight of what is to stay, above 0.
    """

    def __init__(self, listener: Listener, bands: Tensor, wanted: Texture, keep: float) -> None:
        self._listener = listener
        self._bands = bands
        self._wanted = wanted
        self._keep = keep
        self._loud = (bands / _LOUD).square()
        self._loud /= self._loud.mean() + 1e-6
        self._change = torch.zeros_like(bands, requires_grad=True)
        self._optimiser = torch.optim.LBFGS([self._change], history_size=_HISTORY, line_search_fn="strong_wolfe")

    def go_on(self, iterations: int) -> float:
        """Take some steps and return the distance of the texture before them; each hears the stretch at most twice."""
        group = self._optimiser.param_groups[0]
        group["max_iter"], group["max_eval"] = iterations, 2 * iterations
        return float(self._optimiser.step(self._loss))

    def _loss(self) -> Tensor:
        self._optimiser.zero_grad()
        far = distance(self._listener.texture(self._changed()), self._wanted)
        in_time = self._change - self._change.mean(1, keepdim=True)
        loss = far + self._keep * (self._loud * in_time.square()).mean()
        loss.backward()
        return loss

    def _changed(self) -> Tensor:
        return (self._bands + self._change * self._listener.scale[:, None]).clamp(min=0)

    @torch.no_grad()
    def change(self) -> Tensor:
        """Return how the bands change, shape (BANDS, frames)."""
        return self._changed() - self._bands
