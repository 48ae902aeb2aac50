"""The model half of ``vae``. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import torch
from google.protobuf.message import Message
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.vae.artifacts import load
from segue.plugins.vae.commission import Commission, read_request
from segue.plugins.vae.composer import Composer
from segue.plugins.vae.present import piece_message, to_piece, understood
from segue.v1 import generate_pb2, music_pb2

_MOST_TRIES: Final = 6
"""How often a piece that copies more than is allowed is composed."""


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
        wanted = [(row, index) for row, commission in enumerate(commissions) for index in range(commission.count)]
        pieces: dict[tuple[int, int], generate_pb2.Piece] = {}
        for tried in range(_MOST_TRIES):
            drafts = self._composer.compose([(commissions[row], index, tried) for row, index in wanted])
            for (row, index), draft in zip(wanted, drafts, strict=True):
                finished = to_piece(commissions[row], draft)
                like = self._made.index.compare(finished[0])
                pieces[row, index] = piece_message(commissions[row], draft, finished, like, self._made.index)
            wanted = [place for place in wanted if _copies(commissions[place[0]], pieces[place])]
            if not wanted:
                break
        return [
            _response(commission, [pieces[row, index] for index in range(commission.count)])
            for row, commission in enumerate(commissions)
        ]


def _copies(commission: Commission, piece: generate_pb2.Piece) -> bool:
    return piece.originality.copied_fraction > commission.copied_limit


def _response(commission: Commission, pieces: list[generate_pb2.Piece]) -> generate_pb2.GenerateResponse:
    notices = [notice for given in commission.given for notice in given.notices]
    for number, piece in enumerate(pieces):
        if _copies(commission, piece):
            text = f"still copies {piece.originality.copied_fraction:.0%} of its notes after {_MOST_TRIES} attempts"
            notices.append(music_pb2.Notice(subject=f"pieces[{number}]", text=text))
    return generate_pb2.GenerateResponse(pieces=pieces, understood=understood(commission), notices=notices)
