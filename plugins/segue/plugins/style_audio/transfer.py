"""One recording on its way to another texture, a few iterations at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from segue.plugins.style_audio.network import Listener, Texture, distance
from segue.plugins.style_audio.recording import Recording, stretches
from segue.plugins.style_audio.rhythm import Meter, with_rhythm
from segue.plugins.style_audio.search import Aim, Search
from segue.plugins.style_audio.spectrum import RATE, loudest, to_bands
from segue.plugins.style_audio.synthesis import resound
from torch import Tensor


@dataclass(frozen=True)
class Wanted:
    """What a recording is to become.

    Attributes
    ----------
    texture
        The texture to take on.
    rhythm : Tensor, shape (BANDS, PLACES), or None
        A bar of its drums; None lays no rhythm on.
    strength
        Share of the new sound in the mixture, above 0 to 1.
    keep
        Weight of what is to stay.
    iterations
        Iterations of each of the two searches for a stretch.
    """

    texture: Texture
    rhythm: Tensor | None
    strength: float
    keep: float
    iterations: int


class Stretch:
    """A stretch of a recording that is being transferred.

    Parameters
    ----------
    listener
        What hears textures.
    samples : Tensor, shape (channels, n)
        The stretch.
    seconds
        When it begins in the recording.
    wanted, meter
        What it is to become, and where its bars begin, if any were heard.
    seed
        Seed of the noise.
    """

    def __init__(
        self, listener: Listener, samples: Tensor, seconds: float, wanted: Wanted, meter: Meter | None, seed: int
    ) -> None:
        self._samples, self._wanted, self._seed = samples, wanted, seed
        self._before = start = to_bands(samples)
        if wanted.rhythm is not None and meter is not None:
            start = with_rhythm(start, wanted.rhythm, meter.place(start.shape[1], seconds))
        self._aim = Aim(listener, start, wanted.texture, wanted.keep)
        self._search: Search = self._aim.search_bands()
        self._sound: Tensor | None = None
        self.done = 0

    def go_on(self, iterations: int) -> Tensor | None:
        """Take some iterations, at most; return the sound of the stretch when the last is done."""
        count = min(iterations, (1 if self._sound is None else 2) * self._wanted.iterations - self.done)
        self._search.go_on(count)
        self.done += count
        if self._sound is None and self.done == self._wanted.iterations:
            change = self._aim.limited(self._search.found) - self._before
            self._sound = resound(self._samples, change, self._seed)
            self._search = self._aim.search_samples(self._sound.mean(0, keepdim=True))
        if self._sound is None or self.done < 2 * self._wanted.iterations:
            return None
        new = self._sound + (self._search.found - self._sound.mean(0, keepdim=True))
        return self._samples + self._wanted.strength * (new - self._samples)


class Transfer:
    """A recording that is being transferred, stretch by stretch.

    Parameters
    ----------
    listener, recording, wanted, meter, seed
        As for ``Stretch``.
    """

    def __init__(
        self, listener: Listener, recording: Recording, wanted: Wanted, meter: Meter | None, seed: int
    ) -> None:
        self.recording, self.wanted = recording, wanted
        self._listener, self._meter, self._seed = listener, meter, seed
        self._places = stretches(recording.samples.shape[1])
        self._samples = torch.zeros_like(recording.samples)
        self._number = 0
        self._stretch: Stretch | None = None

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0-1."""
        done = self._stretch.done if self._stretch else 0
        return (self._number + done / (2 * self.wanted.iterations)) / len(self._places)

    def go_on(self, iterations: int) -> bool:
        """Take some iterations, at most; return True when the last stretch is done."""
        place = self._places[self._number]
        if self._stretch is None:
            samples = self.recording.samples[:, place]
            seed = self._seed + self._number
            self._stretch = Stretch(self._listener, samples, place.start / RATE, self.wanted, self._meter, seed)
        part = self._stretch.go_on(iterations)
        if part is None:
            return False
        self._add(part, place)
        self._stretch, self._number = None, self._number + 1
        return self._number == len(self._places)

    def _add(self, part: Tensor, place: slice) -> None:
        """Put the sound of a stretch in its place; what it shares with the one before fades into it."""
        if self._number:
            shared = self._places[self._number - 1].stop - place.start
            fade = torch.linspace(0, 1, shared)
            before = self._samples[:, place.start : place.start + shared]
            part = torch.cat([part[:, :shared] * fade + before * (1 - fade), part[:, shared:]], 1)
        self._samples[:, place] = part

    def result(self) -> Tensor:
        """Return the samples, shape (channels, n), as loud as the recording was; some may be beyond full scale."""
        return self._samples / loudest(self._samples) * self.recording.level


def texture_of(listener: Listener, samples: Tensor) -> Texture:
    """Return the texture of samples, shape (channels, n), of any level: the mean of its stretches."""
    level = loudest(samples)
    parts = (samples[:, place] / level for place in stretches(samples.shape[1]))
    return Texture.mean([listener.texture(to_bands(part)) for part in parts])


def far(listener: Listener, samples: Tensor, wanted: Texture) -> float:
    """Return how far the texture of samples, shape (channels, n), of any level is from another."""
    return float(distance(texture_of(listener, samples), wanted))
