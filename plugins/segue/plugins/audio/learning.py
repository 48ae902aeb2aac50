"""What is learnt from pieces that are made to sound: which candidates are notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import mir_eval
import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugins.audio.corpus import Heard, Played
from segue.plugins.audio.scorer import Scorer
from segue.plugins.audio.transcriber import FRAMES_PER_SECOND, LOWEST, find_candidates, note_features
from torch import Tensor
from torch.nn import functional

_STEPS: Final = 500
_SHORTEST_SECONDS: Final = 0.02


def played_notes(played: Played, seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return start and end, shape (n, 2), and frequencies in hertz of the pitched notes that begin in time."""
    piece = played.piece.without_drums()
    start, end = piece.beats_to_seconds(piece.start), piece.beats_to_seconds(piece.end)
    within = start < seconds - _SHORTEST_SECONDS
    spans = np.stack([start, np.clip(end, start + _SHORTEST_SECONDS, seconds)], axis=1)
    return spans[within], to_hertz(piece.pitch[within])


def to_hertz(pitch: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the frequencies of MIDI numbers."""
    return np.asarray(440 * 2 ** ((pitch - 69) / 12))


def learn_notes(examples: Sequence[tuple[Played, Heard]], seed: int) -> Scorer:
    """Learn which candidates were played: those that mir_eval matches, by onset within 50 ms and pitch."""
    rows: list[NDArray[np.float32]] = []
    right: list[NDArray[np.float32]] = []
    for played, heard in examples:
        candidates = find_candidates(heard.posteriors)
        spans, hertz = played_notes(played, heard.seconds)
        if not len(candidates) or not len(spans):
            continue
        times = candidates[:, :2] / FRAMES_PER_SECOND
        matched = mir_eval.transcription.match_notes(
            spans, hertz, times, to_hertz(candidates[:, 2] + LOWEST), offset_ratio=None
        )
        truth = np.zeros(len(candidates), np.float32)
        truth[[row for _, row in matched]] = 1
        rows.append(note_features(heard.posteriors, candidates))
        right.append(truth)
    target = torch.from_numpy(np.concatenate(right))
    return fit_scorer(
        np.concatenate(rows), 24, 1e-5, seed, lambda scores: functional.binary_cross_entropy_with_logits(scores, target)
    )


def fit_scorer(
    features: NDArray[np.float32] | NDArray[np.float64],
    hidden: int,
    decay: float,
    seed: int,
    loss: Callable[[Tensor], Tensor],
) -> Scorer:
    """Fit a scorer to all rows at once."""
    torch.manual_seed(seed)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    x = torch.from_numpy(((features - mean) / scale).astype(np.float32))
    count = features.shape[1]
    shapes = ((count,), (count, hidden), (hidden,), (hidden,), (1,))
    line, into, into_bias, out, bias = weights = [(torch.randn(shape) * 0.05).requires_grad_() for shape in shapes]
    optimizer = torch.optim.Adam(weights, lr=2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        scores = x @ line + torch.tanh(x @ into + into_bias) @ out + bias
        torch.autograd.backward(loss(scores) + decay * sum((weight**2).sum() for weight in weights))
        optimizer.step()
        schedule.step()
    arrays = [weight.detach().numpy() for weight in weights]
    return Scorer(mean.astype(np.float32), scale.astype(np.float32), *arrays)
