"""The model half of ``chorale``: compositions that advance together, a beat at a time.

Runs in Triton's Python backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from google.protobuf.message import Message
from segue.music.bar_lines import PER_BEAT
from segue.plugin_api.python_model import Item, Step, StreamModel
from segue.plugins.chorale.artifacts import load
from segue.plugins.chorale.commission import Commission, read_request
from segue.plugins.chorale.composer import Composer, State
from segue.plugins.chorale.present import bar_message, complete_message, to_piece
from segue.v1 import generate_pb2


@dataclass
class Session:
    """A composition under way: what was commissioned, how far it is, and how many bars were sent."""

    commission: Commission
    state: State
    sent: int = 0


class ChoraleModel(StreamModel[generate_pb2.GenerateRequest, Session]):
    """Composes chorales."""

    request_type: ClassVar[type[Message]] = generate_pb2.GenerateRequest
    max_sessions: ClassVar[int] = 32

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. On a CPU one thread steps the batch: frames are too small to share out."""
        torch.set_num_threads(1)
        network, self._reference_counts = load(artifacts)
        self._composer = Composer(network, device)

    def start(self, item: Item[generate_pb2.GenerateRequest]) -> Session:
        """Check the request and plan the piece."""
        commission = read_request(item.request, item.options, item.seed, self._reference_counts)
        return Session(commission, self._composer.begin(commission.plan))

    def step(self, sessions: Sequence[Session]) -> Sequence[Step]:
        """Compose a beat of every piece; send the bars that are now complete."""
        states = self._composer.advance([session.state for session in sessions])
        events = [_events(session, state) for session, state in zip(sessions, states, strict=True)]
        for session, state, (_, bars) in zip(sessions, states, events, strict=True):
            session.state, session.sent = state, bars
        return [Step(messages, state.done) for state, (messages, _) in zip(states, events, strict=True)]


def _events(session: Session, state: State) -> tuple[list[generate_pb2.GenerateStreamResponse], int]:
    """Return what can be sent, and the number of bars sent with it.

    A bar is complete once the beat after it is composed: only then is it known which of its notes end with it.
    """
    commission = session.commission
    written = commission.frames if state.done else state.now - PER_BEAT
    complete = commission.bars if state.done else (written + commission.offset) // commission.bar_frames
    if complete <= session.sent:
        return [], session.sent
    piece = to_piece(commission, state)
    messages = [
        bar_message(commission, piece, number, last=state.done and number == complete)
        for number in range(session.sent + 1, complete + 1)
    ]
    if state.done:
        messages.append(complete_message(commission, piece, state))
    return messages, complete
