"""A judge of styles that has no part in the transfer: a logistic regression on the embedding of musicnn.

That network learnt from the Million Song Dataset; it sees other bands by other layers and was not made for this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from segue.music import Piece
from segue.plugins.audio.onnx import open_network
from segue.plugins.audio.plugin import AudioAnalyzer
from segue.plugins.audio.scorer import Scorer
from segue.plugins.audio.sound import resampled
from segue.plugins.audio.tagger import RATE as MEL_RATE
from segue.plugins.audio.tagger import cut_patches, mel_power
from segue.plugins.audio.transcriber import RATE as NOTE_RATE
from segue.plugins.audio.transcriber import Transcriber, cut_windows, find_notes, join
from segue.plugins.style_audio.spectrum import RATE
from torch import Tensor
from torch.nn import functional

_DECAY: Final = 1e-2
"""Least loss on the validation part among 0.01, 0.1, 0.5 and 2."""
_NEAR: Final = 0.1
_RMS: Final = 0.1


class Ear:
    """Two published networks that ``audio`` ships: musicnn hears what a recording is like, basic-pitch its notes."""

    def __init__(self) -> None:
        shipped = AudioAnalyzer.models[0].shipped
        assert shipped is not None
        self._likeness = open_network(shipped / "1" / "MSD_musicnn.onnx")
        self._transcriber = Transcriber(shipped / "1" / "nmp.onnx")
        self._notes = Scorer.of(load_file(shipped / "1" / "learnt.safetensors"), "notes")

    def embed(self, samples: Tensor) -> NDArray[np.float32]:
        """Return the mean embedding of samples, shape (channels, n) at 44.1 kHz: shape (200,)."""
        patches = cut_patches(mel_power(_mono(samples, MEL_RATE)))
        found: NDArray[np.float32] = self._likeness.run(["embedding"], {"mel": patches})[0]
        return np.asarray(found.mean(0))

    def share_heard(self, notes: Piece, samples: Tensor) -> float:
        """Return which share of notes is heard in samples: the pitch, and its beginning within a tenth of a second."""
        mono = _mono(samples, NOTE_RATE)
        heard = find_notes(join(self._transcriber.hear(cut_windows(mono)), len(mono)), self._notes)
        start = notes.beats_to_seconds(notes.start)
        within = start < samples.shape[1] / RATE - _NEAR
        near = np.abs(start[within, None] - heard.start) <= _NEAR
        return float((near & (notes.pitch[within, None] == heard.pitch)).any(1).mean())


def _mono(samples: Tensor, rate: int) -> NDArray[np.float32]:
    mono = samples.mean(0).numpy() * (_RMS / max(float(samples.square().mean().sqrt()), 1e-9))
    return resampled(np.asarray(mono, np.float32), RATE, rate)


class Judge:
    """A logistic regression on embeddings.

    Parameters
    ----------
    embeddings : sequence of ndarray, shape (200,)
        What it learns from.
    styles
        The style of each.
    """

    def __init__(self, embeddings: Sequence[NDArray[np.float32]], styles: Sequence[str]) -> None:
        self.styles = sorted(set(styles))
        x = torch.from_numpy(np.stack(embeddings))
        y = torch.tensor([self.styles.index(style) for style in styles])
        self._mean, self._scale = x.mean(0), x.std(0).clamp(min=0.05)
        standard = (x - self._mean) / self._scale
        self._centres = torch.stack([standard[y == number].mean(0) for number in range(len(self.styles))])
        self._weight = torch.zeros(x.shape[1] + 1, len(self.styles), requires_grad=True)
        optimiser = torch.optim.LBFGS([self._weight], max_iter=200, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            found = functional.cross_entropy(self._logits(x), y) + _DECAY * self._weight.square().sum() / 2
            found.backward()  # type: ignore[no-untyped-call]
            return found

        optimiser.step(loss)  # type: ignore[no-untyped-call]
        self._weight.requires_grad_(False)

    def _logits(self, embeddings: Tensor) -> Tensor:
        standard = (embeddings - self._mean) / self._scale
        return functional.pad(standard, (0, 1), value=1.0) @ self._weight

    def far(self, embedding: NDArray[np.float32], style: str) -> float:
        """Return how far an embedding is from the mean of a style's, per dimension, in standard deviations."""
        standard = (torch.from_numpy(embedding) - self._mean) / self._scale
        return float((standard - self._centres[self.styles.index(style)]).square().mean().sqrt())

    def probabilities(self, embedding: NDArray[np.float32]) -> dict[str, float]:
        """Return the probability of each style."""
        found = self._logits(torch.from_numpy(embedding)[None])[0].softmax(0)
        return dict(zip(self.styles, found.tolist(), strict=True))
