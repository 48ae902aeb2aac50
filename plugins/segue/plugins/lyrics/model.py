"""The model half of ``lyrics``: verses that are written together, a line at a time.

Runs in Triton's Python backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from google.protobuf.message import Message
from segue.plugin_api import SegueError
from segue.plugin_api.python_model import Item, Step, StreamModel, to_segue_error
from segue.plugins.lyrics.artifacts import Artifacts
from segue.plugins.lyrics.commission import Commission, read_request
from segue.plugins.lyrics.poet import Poet, Verse
from segue.plugins.lyrics.present import bar_messages, complete_message, lines_of, with_words
from segue.plugins.lyrics.topics import Topics
from segue.v1 import generate_pb2


@dataclass
class Session:
    """A verse under way: what was commissioned, how far it is, the next bar to send, and when it had its last turn."""

    commission: Commission
    verse: Verse | None
    next_bar: int = 1
    last_turn: int = 0


class LyricsModel(StreamModel[generate_pb2.GenerateRequest, Session]):
    """Writes words for melodies and themes."""

    request_type: ClassVar[type[Message]] = generate_pb2.GenerateRequest
    max_sessions: ClassVar[int] = 8

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights; they stay on the CPU, where a line takes some 20 ms."""
        torch.set_num_threads(1)
        loaded = Artifacts.load(artifacts)
        self._poet = Poet(loaded)
        self._topics = Topics(loaded.topics, loaded.vocabulary)
        self._turn = 0

    def start(self, item: Item[generate_pb2.GenerateRequest]) -> Session:
        """Check the request and plan the verse."""
        commission = read_request(item.request, item.options, self._topics)
        if commission.order is None:
            return Session(commission, None)
        self._poet.check(commission.order)
        return Session(commission, Verse(commission.order, np.random.default_rng(item.seed)))

    def step(self, sessions: Sequence[Session]) -> Sequence[Step | SegueError]:
        """Write the next line of the verse whose turn is longest ago; send the bars that now have their words.

        Lines are written one after the other whoever they are for; a step of one line lets who gave up leave at once.
        """
        self._turn += 1
        first = min(sessions, key=lambda session: session.last_turn)
        first.last_turn = self._turn
        return [self._advance(session) if session is first else Step() for session in sessions]

    def _advance(self, session: Session) -> Step | SegueError:
        try:
            commission, verse = session.commission, session.verse
            if verse is not None:
                self._poet.write_line(verse)
            lines = commission.given_lines if verse is None else lines_of(verse, self._poet)
            piece = with_words(commission, lines)
            done = verse is None or verse.done
            beyond = float("inf") if done else float(piece.start[len(piece.lyrics)])
            messages, session.next_bar = bar_messages(piece, session.next_bar, beyond)
            if done:
                messages.append(complete_message(commission, piece, lines, verse, self._poet))
            return Step(messages, done)
        except Exception as error:  # each verse is written alone: its failure is its own
            return to_segue_error(error)
