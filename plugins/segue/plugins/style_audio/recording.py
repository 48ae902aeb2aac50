"""A recording as it is transferred: both channels, one rate, one level, cut into stretches that overlap."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
import torch
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.audio.sound import Sound, read_sound, resampled
from segue.plugins.style_audio.spectrum import RATE, loudest
from segue.v1 import music_pb2
from torch import Tensor

MAX_SECONDS: Final = 120.0
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
    sound
        The recording as it was read.
    """

    samples: Tensor
    level: float
    sound: Sound

    def stretches(self) -> list[slice]:
        """Return equal stretches of at most 10 seconds, half a second of each shared with the next."""
        length = self.samples.shape[1]
        count = max(-(-(length - _OVERLAP) // (_STRETCH - _OVERLAP)), 1)
        step = -(-(length - _OVERLAP) // count)
        return [slice(n * step, min(n * step + step + _OVERLAP, length)) for n in range(count)]


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
        If it is no audio, can't be read, is silent, or too short or long.
    """
    if music.WhichOneof("content") != "audio":
        raise InvalidMusic(field, f"holds {music.WhichOneof('content') or 'nothing'}, must hold audio")
    try:
        sound = read_sound(music.audio.data)
    except InvalidMusic as error:
        raise InvalidMusic(f"{field}.audio.data", error.violations[0][1]) from None
    if sound.seconds > MAX_SECONDS:
        text = f"lasts {sound.seconds:.1f} seconds, must last at most {MAX_SECONDS:g} to be transferred"
        raise InvalidMusic(f"{field}.audio.data", text)
    channels, _ = soundfile.read(io.BytesIO(music.audio.data), dtype="float32", always_2d=True)
    samples = torch.from_numpy(np.stack([resampled(channel, sound.rate, RATE) for channel in channels.T]))
    level = max(loudest(samples), 1e-6)
    return Recording(samples / level, level, sound)

