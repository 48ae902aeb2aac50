"""The model half of ``chorale``: compositions that advance together, a beat at a time.

Runs in Triton's Python backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from google.protobuf.message import Message
from segue.music import Piece
from segue.music.bar_lines import PER_BEAT
from segue.music.originality import OriginalityIndex
from segue.plugin_api.python_model import Item, Step, StreamModel
from segue.plugins.attempts import is_tried_again
from segue.plugins.chorale.artifacts import INDEX, load
from segue.plugins.chorale.commission import Commission, read_request
from segue.plugins.chorale.composer import Composer
from segue.plugins.chorale.present import Finished, complete_message, to_piece
from segue.plugins.chorale.state import State
from segue.plugins.streamed import bar_message
from segue.v1 import generate_pb2


@dataclass(frozen=True)
class Progress:
    """What was commissioned, how far it is, how many bars were sent, and earlier attempts."""

    commission: Commission
    state: State
    sent: int = 0
    attempts: int = 1
    best: Finished | None = None


@dataclass
class Session:
    """A composition under way; each step that goes well puts new progress in the place of the old."""

    now: Progress


class ChoraleModel(StreamModel[generate_pb2.GenerateRequest, Session]):
    """Composes chorales."""

    request_type: ClassVar[type[Message]] = generate_pb2.GenerateRequest
    max_sessions: ClassVar[int] = 32

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. On a CPU one thread steps the batch: frames are too small to share out."""
        torch.set_num_threads(1)
        network, self._reference_counts = load(artifacts)
        self._composer = Composer(network, device)
        self._known = OriginalityIndex.load(artifacts / INDEX)

    def start(self, item: Item[generate_pb2.GenerateRequest]) -> Session:
        """Check the request and plan the piece."""
        commission = read_request(item.request, item.options, item.seed, self._reference_counts)
        return Session(Progress(commission, self._composer.begin(commission.plan)))

    def step(self, sessions: Sequence[Session]) -> Sequence[Step]:
        """Compose a beat of every piece; send the bars that are now complete."""
        states = self._composer.advance([session.now.state for session in sessions])
        later = [
            self._at_end(session.now, state) if state.done else _under_way(session.now, state)
            for session, state in zip(sessions, states, strict=True)
        ]
        for session, (_, after) in zip(sessions, later, strict=True):
            session.now = after
        return [step for step, _ in later]

    def _at_end(self, now: Progress, state: State) -> tuple[Step, Progress]:
        """Send what is left of a piece, or begin it again if it copies more than it may."""
        commission, best, attempts = now.commission, now.best, now.attempts
        piece = to_piece(commission, state)
        likeness = self._known.compare(piece)
        if best is None or likeness.copied_fraction < best.likeness.copied_fraction:
            best = Finished(piece, state, likeness)
        if is_tried_again(commission.finish, best.likeness.copied_fraction, attempts):
            begun = self._composer.begin(commission.again(attempts).plan)
            return Step(), replace(now, state=begun, attempts=attempts + 1, best=best)
        messages = _bars(commission, best.piece, now.sent, commission.bars, ends=True)
        messages.append(complete_message(commission, best, self._known, attempts))
        return Step(messages, done=True), replace(now, state=state, sent=commission.bars)


def _under_way(now: Progress, state: State) -> tuple[Step, Progress]:
    """Send the bars that are complete, unless the piece may have to be composed again.

    A bar is complete once the beat after it is settled: only then is it known which of its notes end with it.
    """
    commission = now.commission
    complete = (state.settled - PER_BEAT + commission.offset) // commission.bar_frames
    if complete <= now.sent or commission.finish.HasField("copied_fraction_limit"):
        return Step(), replace(now, state=state)
    messages = _bars(commission, to_piece(commission, state), now.sent, complete, ends=False)
    return Step(messages), replace(now, state=state, sent=complete)


def _bars(
    commission: Commission, piece: Piece, sent: int, complete: int, *, ends: bool
) -> list[generate_pb2.GenerateStreamResponse]:
    beats, total = commission.bar_frames / PER_BEAT, commission.bars
    return [bar_message(piece, beats, n, total, last=ends and n == complete) for n in range(sent + 1, complete + 1)]
