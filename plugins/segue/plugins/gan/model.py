"""The model half of ``gan``. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from google.protobuf.message import Message
from segue.music.theory import key_name
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.attempts import compose_originals, copying_notices
from segue.plugins.gan.artifacts import load
from segue.plugins.gan.commission import Commission, read_request
from segue.plugins.gan.composer import Composer
from segue.plugins.gan.present import melody_of, piece_message, to_piece
from segue.v1 import generate_pb2


class GanModel(MessageModel[generate_pb2.GenerateRequest]):
    """Composes for a band, all pieces of all requests of a batch side by side."""

    request_type: ClassVar[type[Message]] = generate_pb2.GenerateRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. One thread: phrases are too small to share out."""
        torch.set_num_threads(1)
        self._made = load(artifacts)
        self._composer = Composer(self._made)

    def answer(self, items: Sequence[Item[generate_pb2.GenerateRequest]]) -> Sequence[generate_pb2.GenerateResponse]:
        """Compose; what copies more than its request allows is composed again from other noise."""
        commissions = [read_request(item.request, item.options, item.seed, self._made.styles) for item in items]
        found = compose_originals(commissions, self._compose)
        return [self._response(commission, pieces) for commission, pieces in zip(commissions, found, strict=True)]

    def _compose(self, wanted: Sequence[tuple[Commission, int, int]]) -> list[generate_pb2.Piece]:
        index, pieces = self._made.index, []
        for (commission, _, _), drawn in zip(wanted, self._composer.compose(wanted), strict=True):
            finished = to_piece(commission, drawn)
            pieces.append(piece_message(commission, finished, index.compare(melody_of(finished[0])), index))
        return pieces

    def _response(self, c: Commission, pieces: list[generate_pb2.Piece]) -> generate_pb2.GenerateResponse:
        key, style = key_name(c.tonic + 12 * c.minor), self._made.styles[c.style]
        text = f"{c.bars} bars of 4/4 in {key} at {c.tempo:g} quarter notes per minute, style {style}"
        moved = [f"drawn in {key_name(c.tonic)} and moved to the parallel minor"] if c.minor and not c.chords else []
        return generate_pb2.GenerateResponse(
            pieces=pieces, understood=[text, *moved, *c.understood], notices=[*c.notices, *copying_notices(c, pieces)]
        )
