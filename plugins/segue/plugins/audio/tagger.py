"""Tags such as "jazz" or "female vocalists": musicnn over patches of three seconds.

References
----------
J. Pons, X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", ISMIR 2019.
M. Slaney, *Auditory Toolbox*, Interval Research 1998-010: the mel scale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import get_window
from segue.plugins.audio.onnx import open_network

RATE: Final = 16_000
_SIZE: Final = 512
HOP: Final = 256
_BANDS: Final = 96
_PATCH: Final = 187
_MOST_PATCHES: Final = 60
_CHUNK: Final = 4096


def mel_filters() -> NDArray[np.float64]:
    """Return triangular filters of equal area on Slaney's mel scale from 0 to 8 kHz, shape (96, 257).

    Slaney's scale is linear below 1 kHz (15 mels) and logarithmic above (27 mels for each factor of 6.4).
    """
    step = np.log(6.4) / 27
    mels = np.linspace(0, 15 + np.log(RATE / 2 / 1000) / step, _BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.arange(_SIZE // 2 + 1) * RATE / _SIZE
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.maximum(np.minimum(rising, falling), 0) * (2 / (edges[2:] - edges[:-2]))[:, None])


def mel_power(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mel spectrogram of sound at 16 kHz: a frame each 16 ms, its middle there; shape (frames, 96)."""
    window = get_window("hann", _SIZE).astype(np.float32)
    padded = np.pad(samples, _SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::HOP]
    filters = mel_filters().T.astype(np.float32)
    chunks = [frames[at : at + _CHUNK] * window for at in range(0, len(frames), _CHUNK)]
    return np.concatenate([(np.abs(rfft(chunk, axis=1)) ** 2).astype(np.float32) @ filters for chunk in chunks])


def cut_patches(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut a mel spectrogram into patches as the network takes them, at most 60 spread over it: (patches, 187, 96)."""
    if len(mel) < _PATCH:
        mel = np.tile(mel, (-(-_PATCH // len(mel)), 1))
    count = len(mel) // _PATCH
    starts = np.linspace(0, len(mel) - _PATCH, min(count, _MOST_PATCHES)).astype(np.int64)
    compressed = np.log10(10_000 * mel + 1).astype(np.float32)
    return np.stack([compressed[start : start + _PATCH] for start in starts])


class Tagger:
    """The network.

    Parameters
    ----------
    artifacts
        Folder that holds ``MSD_musicnn.onnx`` and the names of its tags, ``MSD_musicnn.labels.json``.
    """

    def __init__(self, artifacts: Path) -> None:
        self._session = open_network(artifacts / "MSD_musicnn.onnx")
        self.names: list[str] = json.loads((artifacts / "MSD_musicnn.labels.json").read_text())

    def tag(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each tag for each patch, shape (patches, 50)."""
        found: NDArray[np.float32] = self._session.run(["tags"], {"mel": patches})[0]
        return found
