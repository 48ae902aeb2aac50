"""One recording on its way to another texture, a few iterations at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from segue.plugins.style_audio.network import Listener, Texture, distance
from segue.plugins.style_audio.recording import Recording
from segue.plugins.style_audio.search import Search
from segue.plugins.style_audio.spectrum import to_bands, to_spectrum
from segue.plugins.style_audio.synthesis import resound
from torch import Tensor


@dataclass
class Transfer:
    """A recording that is being transferred.

    Attributes
    ----------
    listener
        What hears textures.
    recording
        The recording.
    wanted
        The texture to take on.
    strength
        How far to go, above 0 to 1: the share of the change of the bands, in decibels, that is made.
    iterations
        Iterations of the search for each stretch.
    keep
        Weight of what is to stay.
    seed
        Seed of the noise.
    """

    listener: Listener
    recording: Recording
    wanted: Texture
    strength: float
    iterations: int
    keep: float
    seed: int
    _stretches: list[slice] = field(init=False)
    _samples: Tensor = field(init=False)
    _search: Search | None = field(init=False, default=None)
    _at: int = field(init=False, default=0)
    _done: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._stretches = self.recording.stretches()
        self._samples = torch.zeros_like(self.recording.samples)

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0-1."""
        return (self._at + self._done / self.iterations) / len(self._stretches)

    def go_on(self, iterations: int) -> bool:
        """Take some iterations, at most; return True when the last stretch is done and sounds."""
        place = self._stretches[self._at]
        if self._search is None:
            bands = to_bands(to_spectrum(self.recording.samples[:, place]))
            self._search = Search(self.listener, bands, self.wanted, self.keep)
        count = min(iterations, self.iterations - self._done)
        self._search.go_on(count)
        self._done += count
        if self._done < self.iterations:
            return False
        self._add(resound(self.recording.samples[:, place], self.strength * self._search.change(), self.seed + self._at))
        self._search, self._done, self._at = None, 0, self._at + 1
        return self._at == len(self._stretches)

    def _add(self, part: Tensor) -> None:
        """Put the sound of the present stretch in its place; what it shares with the one before fades into it."""
        place = self._stretches[self._at]
        if self._at:
            shared = self._stretches[self._at - 1].stop - place.start
            fade = torch.linspace(0, 1, shared)
            part[:, :shared] = part[:, :shared] * fade + self._samples[:, place.start : place.start + shared] * (1 - fade)
        self._samples[:, place] = part

    def result(self) -> Tensor:
        """Return the samples, shape (channels, n), as loud as the recording was, at most full scale."""
        loud = self._samples.square().mean().sqrt().clamp(min=1e-6)
        samples = self._samples * (self.recording.samples.square().mean().sqrt() / loud) * self.recording.level
        return samples / max(float(samples.abs().max()), 1.0)


def texture_of(listener: Listener, recording: Recording) -> Texture:
    """Return the texture of a recording: the mean of its stretches."""
    return Texture.mean(
        [
            listener.texture(to_bands(to_spectrum(recording.samples[:, place])))
            for place in recording.stretches()
        ]
    )


def how_far(listener: Listener, recording: Recording, wanted: Texture) -> float:
    """Return how far the texture of a recording is from another."""
    return float(distance(texture_of(listener, recording), wanted))
