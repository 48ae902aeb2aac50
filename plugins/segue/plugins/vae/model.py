"""The model half of ``vae``. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from google.protobuf.message import Message
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.attempts import compose_originals, copying_notices
from segue.plugins.vae.artifacts import load
from segue.plugins.vae.commission import Commission, read_request
from segue.plugins.vae.composer import Composer
from segue.plugins.vae.present import piece_message, to_piece, understood
from segue.v1 import generate_pb2


class VaeModel(MessageModel[generate_pb2.GenerateRequest]):
    """Composes melodies, all pieces of all requests of a batch side by side."""

    request_type: ClassVar[type[Message]] = generate_pb2.GenerateRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. One thread: windows are too small to share out."""
        torch.set_num_threads(1)
        self._made = load(artifacts)
        self._composer = Composer(self._made)

    def answer(self, items: Sequence[Item[generate_pb2.GenerateRequest]]) -> Sequence[generate_pb2.GenerateResponse]:
        """Compose; what copies more than its request allows is composed again with other draws."""
        commissions = [read_request(item.request, item.options, item.seed) for item in items]
        found = compose_originals(commissions, self._compose)
        return [_response(commission, pieces) for commission, pieces in zip(commissions, found, strict=True)]

    def _compose(self, wanted: Sequence[tuple[Commission, int, int]]) -> list[generate_pb2.Piece]:
        index, pieces = self._made.index, []
        for (commission, _, _), draft in zip(wanted, self._composer.compose(wanted), strict=True):
            finished = to_piece(commission, draft)
            pieces.append(piece_message(commission, draft, finished, index.compare(finished[0]), index))
        return pieces


def _response(commission: Commission, pieces: list[generate_pb2.Piece]) -> generate_pb2.GenerateResponse:
    notices = [*commission.notices, *(notice for given in commission.given for notice in given.notices)]
    notices += copying_notices(commission, pieces)
    return generate_pb2.GenerateResponse(pieces=pieces, understood=understood(commission), notices=notices)
