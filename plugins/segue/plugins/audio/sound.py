"""Sound out of a file: decoded, checked, and measured while it is read. Times in seconds, full scale is 1."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.audio.loudness import Loudness, LoudnessMeter

FIELD: Final = "music.audio.data"
FORMATS: Final = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
MIN_SECONDS: Final = 1.0
MAX_SECONDS: Final = 600.0
MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_SAMPLES: Final = 600 * 96_000
"""Samples of a channel that are kept: ten minutes up to 96 kHz, five at 192."""
MAX_CHANNELS: Final = 8
MAX_PEAK: Final = 100.0
SILENCE: Final = 1e-4
"""Peak under which there is nothing to hear: -80 dB of full scale."""
_MISSING_SECONDS: Final = 0.5
_UNKNOWN: Final = 2**62
"""Frames that no file has: what is told of one that does not say how many it has."""


@dataclass(frozen=True)
class Sound:
    """A recording.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,) or (n, channels)
        The mean of its channels, or each of them.
    rate
        Samples per second.
    loudness
        How loud it is.
    missing
        Seconds that the file's header promises beyond those it holds; 0 if it is whole.
    """

    samples: NDArray[np.float32]
    rate: int
    loudness: Loudness
    missing: float

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate

    def at(self, rate: int) -> NDArray[np.float32]:
        """Return the samples at another rate."""
        return resampled(self.samples, self.rate, rate)


def resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Return samples, shape (n,), at another rate."""
    if rate == wanted:
        return samples
    common = math.gcd(rate, wanted)
    return np.asarray(resample_poly(samples, wanted // common, rate // common), np.float32)


def read_sound(data: bytes, longest: float = MAX_SECONDS, *, mixed: bool = True) -> Sound:
    """Decode a WAV, FLAC, OGG or MP3 file.

    Parameters
    ----------
    data
        The file. It is read a second at a time, so that a small file can't unpack to a huge one.
    longest
        Seconds that it may last, at most 600.
    mixed
        Whether the mean of its channels is wanted, or each of them.

    Raises
    ------
    InvalidMusic
        If it can't be decoded, is no such file, holds something other than finite numbers, is silent, or is out of
        bounds: 1 to 600 seconds (fewer above 96 kHz), 1 to 8 channels, 8 to 192 kHz.
    """
    with _opened(data) as file:
        meter = LoudnessMeter(file.samplerate, file.channels)
        blocks = [_heard(block, meter, mixed) for block in _blocks(file, longest)]
        rate, promised = file.samplerate, file.frames / file.samplerate
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    seconds = len(samples) / rate
    if seconds < MIN_SECONDS:
        raise InvalidMusic(FIELD, f"lasts {seconds:.2f} seconds, must last {MIN_SECONDS:g} to {longest:g}")
    if meter.peak < SILENCE:
        raise InvalidMusic(FIELD, f"is silent: its peak is {meter.peak:.1g} of full scale, must be {SILENCE:g} or more")
    missing = promised - seconds
    return Sound(samples, rate, meter.result(), missing if missing > _MISSING_SECONDS else 0.0)


def check_length(data: bytes, longest: float) -> None:
    """Refuse a file whose header, which alone is read here, promises more than so many seconds."""
    with _opened(data) as file:
        if longest * file.samplerate < file.frames < _UNKNOWN:
            seconds = file.frames / file.samplerate
            raise InvalidMusic(FIELD, f"lasts {seconds:.1f} seconds, must last {MIN_SECONDS:g} to {longest:g}")


@contextmanager
def _opened(data: bytes) -> Iterator[soundfile.SoundFile]:
    if not data:
        raise InvalidMusic(FIELD, "is empty, must be a WAV, FLAC, OGG or MP3 file")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(file)
            yield file
    except soundfile.SoundFileError as error:
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise InvalidMusic(FIELD, f"can't be decoded: {reason}; must be a whole WAV, FLAC, OGG or MP3 file") from None


def _check_header(file: soundfile.SoundFile) -> None:
    if file.format not in FORMATS:
        raise InvalidMusic(FIELD, f"is a file of format {file.format}, must be WAV, FLAC, OGG or MP3")
    if not 1 <= file.channels <= MAX_CHANNELS:
        raise InvalidMusic(FIELD, f"has {file.channels} channels, must have 1 to {MAX_CHANNELS}")
    if not MIN_RATE <= file.samplerate <= MAX_RATE:
        raise InvalidMusic(FIELD, f"has {file.samplerate} samples a second, must have {MIN_RATE} to {MAX_RATE}")


def _blocks(file: soundfile.SoundFile, longest: float) -> Iterator[NDArray[np.float32]]:
    """Yield the file a second at a time, shape (n, channels)."""
    seconds, most = 0, min(longest, MAX_SAMPLES / file.samplerate)
    while len(block := file.read(file.samplerate, dtype="float32", always_2d=True)):
        if seconds >= most:
            length = f"{file.frames / file.samplerate:.1f}" if file.frames < _UNKNOWN else f"over {most:g}"
            at = f" at {file.samplerate} samples a second" if most < longest else ""
            raise InvalidMusic(FIELD, f"lasts {length} seconds, must last {MIN_SECONDS:g} to {most:g}{at}")
        peak = float(np.abs(block).max())
        if not peak <= MAX_PEAK:
            found = (
                f"a sample of {peak:.3g} of full scale" if np.isfinite(peak) else "samples that are no finite numbers"
            )
            raise InvalidMusic(FIELD, f"holds {found} in second {seconds + 1}, must stay within {MAX_PEAK:g}")
        yield block
        seconds += 1


def _heard(block: NDArray[np.float32], meter: LoudnessMeter, mixed: bool) -> NDArray[np.float32]:
    meter.hear(block)
    return np.asarray(block.mean(axis=1), np.float32) if mixed else block
