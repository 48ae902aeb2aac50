"""One recording on its way to another texture, a few iterations at a time, within the time there is.

Every stretch gets an equal share of the time that is left when it begins; a search that has used up its part of that
ends before its iterations do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from segue.plugins.style_audio.network import Listener, Texture, distance
from segue.plugins.style_audio.recording import Recording, stretches
from segue.plugins.style_audio.rhythm import Meter, with_rhythm
from segue.plugins.style_audio.search import Aim, Search
from segue.plugins.style_audio.spectrum import RATE, loudest, to_bands
from segue.plugins.style_audio.synthesis import resound
from torch import Tensor

_AMONG_BANDS: Final = 0.15
"""Share of a stretch's time that the search among bands takes: it makes half as many iterations, each a third as dear.

Half as many of them bring the sound nearer than all: what they find beyond that is no sound's.
"""

_AFTER: Final = 0.6
"""What comes after the searches, figures and the file, takes that much of a step's time for each stretch."""

Clock = Callable[[], float]
"""Seconds that only ever grow."""


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
        Iterations of the search among samples for a stretch; that among bands makes half as many.
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
    at
        Second of the recording at which it begins.
    wanted, meter
        What it is to become, and where its bars begin, if any were heard.
    seed
        Seed of the noise.
    seconds, clock
        How long it may take, each search at least one step, and what measures it.

    Attributes
    ----------
    asked, made
        Iterations of the search among bands, and of that among samples: all, and those made so far.
    """

    def __init__(
        self,
        listener: Listener,
        samples: Tensor,
        at: float,
        wanted: Wanted,
        meter: Meter | None,
        seed: int,
        seconds: float = math.inf,
        clock: Clock = time.monotonic,
    ) -> None:
        self._samples, self._wanted, self._seed, self._clock = samples, wanted, seed, clock
        self._begun = self._last = clock()
        self.asked = _asked(wanted)
        self._ends = (self._begun + _AMONG_BANDS * seconds, self._begun + seconds)
        self._before = start = to_bands(samples)
        if wanted.rhythm is not None and meter is not None:
            start = with_rhythm(start, wanted.rhythm, meter.place(start.shape[1], at))
        self._aim = Aim(listener, start, wanted.texture, wanted.keep)
        self._search: Search = self._aim.search_bands()
        self._sound: Tensor | None = None
        self.made = [0, 0]

    @property
    def progress(self) -> float:
        """Share of the work, or of its time, that is done, 0-1."""
        which = 0 if self._sound is None else 1
        done = self.made[which] / self.asked[which]
        gone = (self._last - self._begun) / max(self._ends[which] - self._begun, 1e-9)
        part = min(max(done, gone), 1.0)
        return _AMONG_BANDS * part if which == 0 else _AMONG_BANDS + (1 - _AMONG_BANDS) * part

    def go_on(self, iterations: int) -> Tensor | None:
        """Take some iterations, at most; return the sound of the stretch when there is no time for more, or need."""
        which = 0 if self._sound is None else 1
        count = min(iterations, self.asked[which] - self.made[which])
        self._search.go_on(count)
        self.made[which] += count
        now = self._clock()
        step, self._last = now - self._last, now
        if self.made[which] < self.asked[which] and now + step <= self._ends[which]:
            return None
        if self._sound is not None:
            new = self._sound + (self._search.found - self._sound.mean(0, keepdim=True))
            return self._samples + self._wanted.strength * (new - self._samples)
        change = self._aim.limited(self._search.found) - self._before
        self._sound = resound(self._samples, change, self._seed)
        self._search = self._aim.search_samples(self._sound.mean(0, keepdim=True))
        self._begun = self._last = self._clock()
        return None


class Transfer:
    """A recording that is being transferred, stretch by stretch.

    Parameters
    ----------
    listener, recording, wanted, meter, seed
        As for ``Stretch``.
    seconds, clock
        How long all of it may take, what comes after the searches included, and what measures it.

    Attributes
    ----------
    asked, made
        Iterations of both searches together that are asked for each stretch, and those that each had time for.
    """

    def __init__(
        self,
        listener: Listener,
        recording: Recording,
        wanted: Wanted,
        meter: Meter | None,
        seed: int,
        seconds: float = math.inf,
        clock: Clock = time.monotonic,
    ) -> None:
        self.recording, self.wanted = recording, wanted
        self.asked, self.made = sum(_asked(wanted)), list[int]()
        self._listener, self._meter, self._seed = listener, meter, seed
        self._clock, self._begun = clock, clock()
        self._until, self._steps = self._begun + seconds, 0
        self._places = stretches(recording.samples.shape[1])
        self._samples = torch.zeros_like(recording.samples)
        self._number = 0
        self._stretch: Stretch | None = None

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0-1."""
        return (self._number + (self._stretch.progress if self._stretch else 0)) / len(self._places)

    def go_on(self, iterations: int) -> bool:
        """Take some iterations, at most; return True when the last stretch is done."""
        place = self._places[self._number]
        if self._stretch is None:
            self._stretch = self._next(place)
        part = self._stretch.go_on(iterations)
        self._steps += 1
        if part is None:
            return False
        self._add(part, place)
        self.made.append(sum(self._stretch.made))
        self._stretch, self._number = None, self._number + 1
        return self._number == len(self._places)

    def _next(self, place: slice) -> Stretch:
        samples, seed = self.recording.samples[:, place], self._seed + self._number
        now = self._clock()
        after = _AFTER * len(self._places) * (now - self._begun) / max(self._steps, 1)
        seconds = max(self._until - after - now, 0.0) / (len(self._places) - self._number)
        at = place.start / RATE
        return Stretch(self._listener, samples, at, self.wanted, self._meter, seed, seconds, self._clock)

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


def _asked(wanted: Wanted) -> tuple[int, int]:
    """Return the iterations of the search among bands and of that among samples."""
    return -(-wanted.iterations // 2), wanted.iterations


def texture_of(listener: Listener, samples: Tensor) -> Texture:
    """Return the texture of samples, shape (channels, n), of any level: the mean of its stretches."""
    level = loudest(samples)
    parts = (samples[:, place] / level for place in stretches(samples.shape[1]))
    return Texture.mean([listener.texture(to_bands(part)) for part in parts])


def far(listener: Listener, samples: Tensor, wanted: Texture) -> float:
    """Return how far the texture of samples, shape (channels, n), of any level is from another."""
    return float(distance(texture_of(listener, samples), wanted))
