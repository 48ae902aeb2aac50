"""The model half of ``transformer``: compositions that advance together, a few notes at a time.

Runs in Triton's Python backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from google.protobuf.message import Message
from segue.plugin_api.python_model import Item, Step, StreamModel
from segue.plugins.attempts import is_tried_again
from segue.plugins.streamed import bar_message
from segue.plugins.transformer.artifacts import PROGRESSIONS, load_melodies, load_network, load_profiles
from segue.plugins.transformer.commission import Commission, read_request
from segue.plugins.transformer.composer import Composer
from segue.plugins.transformer.present import Finished, complete_message, finish, so_far
from segue.plugins.transformer.progressions import Progressions
from segue.plugins.transformer.state import State
from segue.v1 import generate_pb2


@dataclass(frozen=True)
class Progress:
    """What was commissioned, how far it is, how many bars were sent, and earlier attempts."""

    commission: Commission
    state: State
    sent: int = 0
    attempts: int = 1
    best: tuple[State, Finished] | None = None


@dataclass
class Session:
    """A composition under way; each step that goes well puts new progress in the place of the old."""

    now: Progress


class TransformerModel(StreamModel[generate_pb2.GenerateRequest, Session]):
    """Composes pieces for any instruments."""

    request_type: ClassVar[type[Message]] = generate_pb2.GenerateRequest
    max_sessions: ClassVar[int] = 32

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. On a CPU one thread steps the batch: notes are too small to share out."""
        torch.set_num_threads(1)
        self._composer = Composer(load_network(artifacts), device)
        self._profiles = load_profiles(artifacts)
        self._progressions = Progressions.load(artifacts / PROGRESSIONS)
        self.melodies = load_melodies(artifacts)

    def start(self, item: Item[generate_pb2.GenerateRequest]) -> Session:
        """Check the request and plan the piece."""
        commission = read_request(item.request, item.options, item.seed, self._profiles, self._progressions)
        return Session(Progress(commission, self._composer.begin(commission.plan)))

    def step(self, sessions: Sequence[Session]) -> Sequence[Step]:
        """Compose a few notes of every piece; send the bars that are now complete."""
        states = self._composer.advance([session.now.state for session in sessions])
        later = [self._after(session.now, state) for session, state in zip(sessions, states, strict=True)]
        for session, (_, after) in zip(sessions, later, strict=True):
            session.now = after
        return [step for step, _ in later]

    def _after(self, now: Progress, state: State) -> tuple[Step, Progress]:
        """Return what can be sent, and how far the composition then is."""
        commission, best, attempts = now.commission, now.best, now.attempts
        beats, total = commission.bar_beats, commission.bars
        waits = commission.finish.HasField("copied_fraction_limit")
        if not state.done:
            if waits or state.at.bar == now.sent:
                return Step(), replace(now, state=state)
            piece, _ = so_far(commission, state)
            bars = range(now.sent + 1, state.at.bar + 1)
            messages = [bar_message(piece, beats, number, total, last=False) for number in bars]
            return Step(messages), replace(now, state=state, sent=state.at.bar)
        finished = finish(commission, state, self.melodies)
        if best is None or finished.likeness.copied_fraction < best[1].likeness.copied_fraction:
            best = (state, finished)
        if is_tried_again(commission.finish, best[1].likeness.copied_fraction, attempts):
            begun = self._composer.begin(commission.again(attempts).plan)
            return Step(), Progress(commission, begun, attempts=attempts + 1, best=best)
        bars = range(now.sent + 1, total + 1)
        piece = best[1].piece
        messages = [bar_message(piece, beats, number, total, last=number == total) for number in bars]
        messages.append(complete_message(commission, best[0], best[1], self.melodies, attempts))
        return Step(messages, done=True), replace(now, state=state, sent=commission.bars)
