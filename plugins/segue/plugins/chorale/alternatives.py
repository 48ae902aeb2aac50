"""How much likelier four voices get by other notes than they have.

By Bayes' rule a note that is hidden is drawn, given all the others, in proportion to the likelihood of the whole piece
with it. The network gives that likelihood frame by frame from the past, so with another note it is computed anew from
where that note begins until what follows has forgotten it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.bar_lines import Frames
from segue.plugins.chorale.data import Chorale
from segue.plugins.chorale.features import Past, Setting, frame_features, make_past, voice_anchors, voice_features
from segue.plugins.chorale.frames import ORDER, START, shift_of, to_tokens
from segue.plugins.chorale.network import Network, combine
from torch import Tensor
from torch.nn import functional

REMEMBERED: Final = 16
"""Frames after a note in which it is still weighed: four beats."""
_ROWS: Final = 64
Tokens = NDArray[np.int64]


class Alternative(NamedTuple):
    """A note to weigh: voice 0-3, soprano first; its first frame and the one after its last; MIDI number."""

    voice: int
    begin: int
    end: int
    pitch: int


@dataclass(frozen=True)
class _Heard:
    """A piece as it is: what precedes each frame, and the network's states and log likelihood, summed up, there."""

    tokens: Tokens
    past: Past
    setting: Setting
    piece: Chorale
    followed: Tokens
    lower: Tensor
    upper: Tensor
    log_likelihood: NDArray[np.float64]


@torch.inference_mode()
def gains(network: Network, frames: Frames, alternatives: Sequence[Sequence[Alternative]]) -> NDArray[np.float64]:
    """Weigh notes in the place of what sounds there.

    Parameters
    ----------
    network
        The trained network.
    frames
        MIDI numbers or ``REST``, shape (frames, 4).
    alternatives
        Each one note or several together, which begin within ``frames``; one that ends later is cut.

    Returns
    -------
    ndarray, shape (alternatives,)
        Nats by which the log likelihood of the piece rises.
    """
    found = np.zeros(len(alternatives))
    if not alternatives:
        return found
    heard = _hear(network, frames)
    begin = np.array([min(note.begin for note in notes) for notes in alternatives])
    end = np.array([max(note.end for note in notes) + REMEMBERED for notes in alternatives])
    spans = np.minimum(end, len(frames)) - begin
    order = np.argsort(spans, kind="stable")
    for at in range(0, len(order), _ROWS):
        rows = order[at : at + _ROWS]
        found[rows] = _weigh(network, heard, [alternatives[row] for row in rows], begin[rows], spans[rows])
    return found


def _hear(network: Network, frames: Frames) -> _Heard:
    piece = Chorale.of(frames, None)
    shift = shift_of(piece.reference)
    tokens, followed = to_tokens(frames, shift), to_tokens(piece.followed, shift)
    before = np.vstack([np.full((1, 4), START), tokens[:-1]])
    past = make_past(before, piece.hold, piece.lengths, followed)
    setting = _setting(np.arange(len(frames))[None], shift)
    start = torch.zeros(1, 1, network.settings.hidden)
    nats, lower, upper = _run(network, tokens[None], Past(*(x[None] for x in past)), setting, (start, start))
    return _Heard(tokens, past, setting, piece, followed, lower[0], upper[0], np.r_[0.0, np.cumsum(nats[0])])


def _setting(at: NDArray[np.int64], shift: int) -> Setting:
    """Where frames stand; metre, mode and what remains stay unknown, as they do not help here."""
    unknown = np.zeros_like(at)
    return Setting(at, unknown, np.full_like(at, shift), unknown, unknown)


def _weigh(
    network: Network,
    heard: _Heard,
    alternatives: Sequence[Sequence[Alternative]],
    begin: NDArray[np.int64],
    spans: NDArray[np.int64],
) -> NDArray[np.float64]:
    step = np.arange(spans.max())
    at = np.minimum(begin[:, None] + step, len(heard.tokens) - 1)  # (B, T)
    tokens = heard.tokens[at]  # (B, T, 4)
    shift = int(heard.setting.shift[0, 0])
    for row, notes in enumerate(alternatives):
        for note in notes:
            tokens[row, note.begin - begin[row] : note.end - begin[row], note.voice] = to_tokens(
                np.array(note.pitch), shift
            )
    before = np.concatenate([heard.past.tokens[begin][:, None], tokens[:, :-1]], 1)
    hold = heard.piece.hold[at]
    for now in step[1:]:
        hold[:, now] = np.where(before[:, now] == before[:, now - 1], hold[:, now - 1] + 1, 1)
    past = make_past(before, hold, heard.piece.lengths[at], heard.followed[at])
    states = [torch.where(torch.from_numpy(begin == 0)[:, None], 0.0, x[begin - 1]) for x in (heard.lower, heard.upper)]
    nats, _, _ = _run(network, tokens, past, _setting(at, shift), (states[0][None], states[1][None]))
    was = heard.log_likelihood[begin + spans] - heard.log_likelihood[begin]
    return np.asarray((nats * (step < spans[:, None])).sum(1) - was)


def _run(
    network: Network, tokens: Tokens, past: Past, setting: Setting, states: tuple[Tensor, Tensor]
) -> tuple[NDArray[np.float64], Tensor, Tensor]:
    """Return the log likelihood of each frame, shape (B, T), and the states of both GRUs after it, (B, T, H)."""
    lower, _ = network.lower(network.frame(torch.from_numpy(frame_features(past, setting))), states[0])
    upper, _ = network.upper(lower, states[1])
    nats = torch.zeros(tokens.shape[:2])
    for turn, head in enumerate(network.to_head(torch.cat([lower, upper], -1)).chunk(4, -1)):
        features = torch.from_numpy(voice_features(turn, tokens, past, setting))
        z = network.logits[turn](functional.relu(head + network.voices[turn](features)))
        anchors = torch.from_numpy(voice_anchors(turn, tokens, past))
        candidates = torch.from_numpy(np.ascontiguousarray(past.candidates[..., ORDER[turn]]))
        scores = torch.log_softmax(combine(z, anchors, candidates, network.intervals), -1)
        nats += scores.gather(-1, torch.from_numpy(tokens[..., ORDER[turn], None].copy()))[..., 0]
    return nats.double().numpy(), lower, upper
