"""Measuring a network on held-out chorales, beside simple baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.bar_lines import Frames
from segue.plugin_api.training import Report
from segue.plugins.chorale.data import Chorale, Draw, collate
from segue.plugins.chorale.frames import ORDER, VOICES
from segue.plugins.chorale.network import CLASSES, Network
from torch import Tensor
from torch.nn import functional

PROTOCOL = (
    "JSB chorales, test part of the Boulanger-Lewandowski split (77 pieces), sixteenth frames; nats per note: mean of "
    "-log p over frames and voices, each voice given all earlier frames and the voices before it in its frame; nothing "
    "of the future is known, and the key by which a piece is normalised is paid for. Row 'given the melody': alto, "
    "tenor and bass only, the whole soprano known beforehand."
)
_MIDI = 128


def nats(logits: Tensor, batch: dict[str, Any]) -> Tensor:
    """Nats of every token, shape (batch, frames, 4); 0 where it does not count."""
    each = functional.cross_entropy(logits.float().reshape(-1, CLASSES), batch["target"].reshape(-1), reduction="none")
    return each.view(batch["target"].shape) * cast(Tensor, batch["weight"])


@torch.no_grad()
def _by_voice(
    network: Network, pieces: Sequence[Chorale], how: Callable[[Chorale], Draw]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of nats and number of tokens of each voice, in score order."""
    network.eval()
    total, count = np.zeros((2, 4))
    device = next(network.parameters()).device
    ordered = sorted(pieces, key=lambda piece: len(piece.frames))
    for start in range(0, len(ordered), 16):
        part = ordered[start : start + 16]
        batch = collate(part, [how(piece) for piece in part], device)
        total[list(ORDER)] += nats(network(batch), batch).double().sum((0, 1)).cpu().numpy()
        count[list(ORDER)] += batch["weight"].double().sum((0, 1)).cpu().numpy()
    return total, count


def nats_per_note(network: Network, pieces: Sequence[Chorale], counts: list[list[int]]) -> float:
    """Joint nats per note, the reference pitch class of each piece included."""
    total, count = _by_voice(network, pieces, lambda _: Draw())
    return float((total.sum() + _reference_nats(pieces, counts)) / count.sum())


def _reference_nats(pieces: Sequence[Chorale], counts: list[list[int]]) -> float:
    """Nats of the pieces' reference pitch classes under the training part's distribution."""
    smooth = np.sum(counts, 0) + 1.0
    return float(-np.log(smooth / smooth.sum())[[piece.reference for piece in pieces]].sum())


def measure(network: Network, data: dict[str, list[Chorale]], counts: list[list[int]]) -> Report:
    """Report a network and the baselines on the test part."""
    test = data["test"]
    total, count = _by_voice(network, test, lambda _: Draw())
    row = {"nats_per_note": float((total.sum() + _reference_nats(test, counts)) / count.sum())}
    row |= {name.lower(): float(t / c) for name, t, c in zip(VOICES, total, count, strict=True)}

    def melody(piece: Chorale) -> Draw:
        given = np.zeros((len(piece.frames), 4), bool)
        given[:, 0] = True
        return Draw(given=given)

    given, given_count = _by_voice(network, test, melody)
    rows = {
        "chorale": row,
        "chorale, validation part": {"nats_per_note": nats_per_note(network, data["valid"], counts)},
        "chorale, given the melody": {"nats_per_note": float(given.sum() / given_count.sum())},
    }
    train, held_out = [piece.frames for piece in data["train"]], [piece.frames for piece in test]
    rows["repeat or unigram"] = {"nats_per_note": _repeat_or_unigram(train, held_out)}
    rows["unigram"] = {"nats_per_note": _unigram(train, held_out)}
    return Report(PROTOCOL, rows)


def _pitch_log_probability(train: Sequence[Frames]) -> NDArray[np.float64]:
    """Log-probability of each pitch (and, last, a rest) in each voice; shape (4, 129)."""
    counts = np.ones((4, _MIDI + 1))
    for frames in train:
        for voice in range(4):
            np.add.at(counts[voice], frames[:, voice], 1)  # REST is -1, the last
    return np.asarray(np.log(counts / counts.sum(1, keepdims=True)))


def _unigram(train: Sequence[Frames], test: Sequence[Frames]) -> float:
    log_p = _pitch_log_probability(train)
    return float(-np.concatenate([log_p[np.arange(4), frames] for frames in test]).mean())


def _repeat_or_unigram(train: Sequence[Frames], test: Sequence[Frames]) -> float:
    """Each voice repeats its last note with one probability, else draws from its unigram distribution."""
    log_p = _pitch_log_probability(train)
    repeat = np.mean(np.concatenate([frames[1:] == frames[:-1] for frames in train]), 0)
    values = []
    for frames in test:
        fresh = np.exp(log_p[np.arange(4), frames])
        again = np.vstack([np.zeros((1, 4), bool), frames[1:] == frames[:-1]])
        mixed = repeat * again + (1 - repeat) * fresh
        mixed[0] = fresh[0]
        values.append(-np.log(mixed))
    return float(np.concatenate(values).mean())
