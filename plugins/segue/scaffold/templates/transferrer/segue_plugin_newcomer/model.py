"""The model half: runs inside Triton, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from segue.music import Piece, music_to_piece, piece_to_midi, place
from segue.plugin_api import InvalidField, InvalidMusic, SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.v1 import music_pb2, transfer_pb2

from segue_plugin_newcomer.dynamics import Dynamics
from segue_plugin_newcomer.plugin import MAX_NOTES, STYLE


class PlayedModel(MessageModel[transfer_pb2.TransferRequest]):
    """Applies fitted dynamics."""

    request_type = transfer_pb2.TransferRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the version's file."""
        self._dynamics = Dynamics.load(artifacts)

    def answer(self, items: Sequence[Item[transfer_pb2.TransferRequest]]) -> Sequence[Any]:
        """Answer each item: a response, or the error that it alone gets."""
        answers: list[transfer_pb2.TransferResponse | SegueError] = []
        for item in items:
            try:
                answers.append(self._transfer(item.request, item.options["depth"]))
            except SegueError as error:
                answers.append(error)
        return answers

    def _transfer(self, request: transfer_pb2.TransferRequest, depth: float) -> transfer_pb2.TransferResponse:
        if request.style != STYLE:
            raise InvalidField("style", f"is {request.style!r}, must be {STYLE!r}")
        piece, notices = music_to_piece(request.music)
        if len(piece) > MAX_NOTES:
            raise InvalidMusic("music", f"has {len(piece):,} notes, must have at most {MAX_NOTES:,}")
        strength = request.strength if request.HasField("strength") else 1.0
        moved = piece.velocity + depth * strength * self._dynamics.expected(piece)
        played = piece.with_notes(velocity=np.clip(np.rint(moved), 1, 127).astype(np.int64))
        edits = _edits(piece, played)
        return transfer_pb2.TransferResponse(
            music=music_pb2.Music(midi=piece_to_midi(played)),
            edits=edits,
            figures=[
                music_pb2.Figure(
                    name="spread of loudness",
                    before=float(piece.velocity.std()),
                    after=float(played.velocity.std()),
                    unit="velocity, standard deviation",
                )
            ],
            kept=[f"All {len(piece)} notes stay where and what they are."],
            notices=notices,
        )


def _edits(piece: Piece, played: Piece) -> list[music_pb2.Edit]:
    """Return every change of loudness; both pieces hold the same notes in the same order."""
    edits: list[music_pb2.Edit] = []
    for note in np.flatnonzero(piece.velocity != played.velocity).tolist():
        start, end = float(piece.start[note]), float(piece.end[note])
        before = music_pb2.Note(
            start=start,
            duration=end - start,
            pitch=int(piece.pitch[note]),
            velocity=int(piece.velocity[note]),
        )
        after = music_pb2.Note()
        after.CopyFrom(before)
        after.velocity = int(played.velocity[note])
        louder = "louder" if after.velocity > before.velocity else "softer"
        edits.append(
            music_pb2.Edit(
                id=len(edits) + 1,
                kind=music_pb2.EDIT_KIND_VELOCITY,
                place=place(piece, start, end, int(piece.track[note])),
                before=before,
                after=after,
                reason=f"A note that stands here is usually played {louder}.",
            )
        )
    return edits
