"""The model half of ``gan``. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import torch
from google.protobuf.message import Message
from segue.music.theory import key_name
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.gan.artifacts import load
from segue.plugins.gan.commission import Commission, read_request
from segue.plugins.gan.composer import Composer
from segue.plugins.gan.present import melody_of, piece_message, to_piece
from segue.v1 import generate_pb2, music_pb2

_MOST_TRIES: Final = 6
"""How often a piece that copies more than is allowed is composed."""


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
        made = self._made
        commissions = [read_request(item.request, item.options, item.seed, made.styles) for item in items]
        wanted = [(row, index) for row, commission in enumerate(commissions) for index in range(commission.count)]
        pieces: dict[tuple[int, int], generate_pb2.Piece] = {}
        for tried in range(_MOST_TRIES):
            drawn = self._composer.compose([(commissions[row], index, tried) for row, index in wanted])
            for (row, index), notes in zip(wanted, drawn, strict=True):
                finished = to_piece(commissions[row], notes)
                like = made.index.compare(melody_of(finished[0]))
                pieces[row, index] = piece_message(commissions[row], finished, like, made.index)
            wanted = [place for place in wanted if _copies(commissions[place[0]], pieces[place])]
            if not wanted:
                break
        return [
            self._response(commission, [pieces[row, index] for index in range(commission.count)])
            for row, commission in enumerate(commissions)
        ]

    def _response(self, c: Commission, pieces: list[generate_pb2.Piece]) -> generate_pb2.GenerateResponse:
        key, style = key_name(c.tonic + 12 * c.minor), self._made.styles[c.style]
        text = f"{c.bars} bars of 4/4 in {key} at {c.tempo:g} quarter notes per minute, style {style}"
        response = generate_pb2.GenerateResponse(pieces=pieces, understood=[text])
        for number, piece in enumerate(pieces):
            if _copies(c, piece):
                share = f"{piece.originality.copied_fraction:.0%}"
                text = f"still copies {share} of its notes after {_MOST_TRIES} attempts"
                response.notices.append(music_pb2.Notice(subject=f"pieces[{number}]", text=text))
        return response


def _copies(commission: Commission, piece: generate_pb2.Piece) -> bool:
    return piece.originality.copied_fraction > commission.copied_limit
