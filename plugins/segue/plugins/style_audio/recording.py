"""A recording as it is transferred: all its channels, one rate, one level, in stretches that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.audio.sound import SILENCE, check_length, read_sound, resampled
from segue.plugins.style_audio.plugin import MAX_SECONDS
from segue.plugins.style_audio.spectrum import RATE, loudest
from segue.v1 import music_pb2
from torch import Tensor

_STRETCH: Final = 10 * RATE
_OVERLAP: Final = RATE // 2


@dataclass(frozen=True)
class Recording:
    """A recording.

    Attributes
    ----------
    samples : Tensor, shape (channels, n)
        At 44.1 kHz; its louder half has an RMS of 1.
    level
        The RMS that the louder half had.
    seconds
        Length.
    missing
        Seconds that the file's header promises beyond those it holds; 0 if it is whole.
    """

    samples: Tensor
    level: float
    seconds: float
    missing: float


def stretches(length: int) -> list[slice]:
    """Return equal stretches of at most 10 seconds of so many samples, half a second of each shared with the next."""
    count = max(-(-(length - _OVERLAP) // (_STRETCH - _OVERLAP)), 1)
    step = -(-(length - _OVERLAP) // count)
    return [slice(n * step, min(n * step + step + _OVERLAP, length)) for n in range(count)]


def check_recording(music: music_pb2.Music, field: str) -> None:
    """Refuse what its first bytes show to be no recording, or a longer one than can be transferred."""
    with _named(music, field):
        check_length(music.audio.data, MAX_SECONDS)


@contextmanager
def _named(music: music_pb2.Music, field: str) -> Iterator[None]:
    """Name the field of the request in what is wrong with its audio."""
    if music.WhichOneof("content") != "audio":
        raise InvalidMusic(field, f"holds {music.WhichOneof('content') or 'nothing'}, must hold audio")
    try:
        yield
    except InvalidMusic as error:
        raise InvalidMusic(f"{field}.audio.data", error.violations[0][1]) from None


def read_recording(music: music_pb2.Music, field: str) -> Recording:
    """Read the audio of a request.

    Parameters
    ----------
    music
        Audio: WAV, FLAC, OGG or MP3, 1 to 120 seconds.
    field
        Name of the request's field, for errors.

    Raises
    ------
    InvalidMusic
        If it is no audio, can't be read, is silent alone or mixed, or too short or long.
    """
    with _named(music, field):
        sound = read_sound(music.audio.data, MAX_SECONDS, mixed=False)
    samples = torch.from_numpy(np.stack([resampled(channel, sound.rate, RATE) for channel in sound.samples.T]))
    level = loudest(samples)
    if level < SILENCE:
        text = f"is silent where its channels are mixed: their louder half has {level:.1g} of full scale"
        raise InvalidMusic(f"{field}.audio.data", text)
    return Recording(samples / level, level, sound.seconds, sound.missing)
