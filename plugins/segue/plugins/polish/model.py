"""Polish a piece: the model half."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from google.protobuf.message import Message
from segue.music import music_to_piece, piece_to_midi
from segue.music.midi import counts_frames
from segue.plugin_api.errors import InvalidField, InvalidMusic, SegueError, Unsupported
from segue.plugin_api.python_model import Item, Step, StreamModel, to_segue_error
from segue.plugins.polish import models, plan, summary
from segue.plugins.polish.changes import Change, apply, to_edits
from segue.plugins.polish.models import Models
from segue.plugins.polish.plan import Stage
from segue.plugins.polish.plugin import MAX_BARS, MAX_NOTES
from segue.v1 import music_pb2 as pb
from segue.v1.transfer_pb2 import TransferProgress, TransferRequest, TransferResponse, TransferStreamResponse


class PolishModel(StreamModel[TransferRequest, Iterator[Stage | TransferResponse]]):
    """Polishes pieces, in turn by stages, so that a short piece need not wait for a long one."""

    request_type: ClassVar[type[Message]] = TransferRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read what was trained; it is small and runs on the CPU."""
        self._models = models.load(artifacts)

    def start(self, item: Item[TransferRequest]) -> Iterator[Stage | TransferResponse]:
        """Open a polish; what is wrong with the request shows at its first step."""
        return polish(item.request, item.options, self._models)

    def step(self, sessions: Sequence[Iterator[Stage | TransferResponse]]) -> Sequence[Step | SegueError]:
        """Go to the next stage of every piece, and say which it is."""
        return [_step(session) for session in sessions]


def _step(session: Iterator[Stage | TransferResponse]) -> Step | SegueError:
    try:
        told = next(session)
    except Exception as error:  # its own failure, not that of the sessions beside it
        return to_segue_error(error)
    if isinstance(told, TransferResponse):
        return Step([TransferStreamResponse(complete=told)], done=True)
    progress = TransferProgress(fraction=told.fraction, stage=told.name)
    return Step([TransferStreamResponse(progress=progress)])


def polish(request: TransferRequest, options: Mapping[str, Any], models: Models) -> Iterator[Stage | TransferResponse]:
    """Polish one piece; yield each stage before it begins, and last the answer.

    Raises
    ------
    Unsupported
        If the target is another than ``polish``.
    InvalidMusic
        If the music can't be read, or holds no note, or more than ``MAX_NOTES`` or ``MAX_BARS``.
    InvalidField
        If a kind of edit or the number of one does not exist.
    """
    if request.WhichOneof("target") != "polish":
        raise Unsupported("The algorithm 'polish' makes a better version of a piece; its target is polish: {}.")
    kinds = _kinds(request.polish.kinds)
    piece, notices = music_to_piece(request.music)
    if len(piece) > MAX_NOTES:
        raise InvalidMusic("music", f"has {len(piece):,} notes, must have at most {MAX_NOTES:,} to be polished")
    if len(piece.bar_starts) > MAX_BARS:
        raise InvalidMusic(
            "music", f"has {len(piece.bar_starts):,} bars, must have at most {MAX_BARS:,} to be polished"
        )
    strength = request.strength if request.HasField("strength") else 1.0
    beats = not counts_frames(request.music.midi)
    for found in plan.steps(piece, models, options, strength, kinds, beats=beats):
        if isinstance(found, Stage):
            yield found
        else:
            proposal = found
    numbered = list(enumerate(proposal.changes, 1))
    if request.polish.edit_ids:
        numbered = _chosen(numbered, request.polish.edit_ids)
    yield Stage(0.73, "comparing before and after")
    changes = [change for _, change in numbered]
    polished = apply(piece, changes)
    notices.extend(pb.Notice(subject=subject, text=text) for subject, text in proposal.notices)
    music = pb.Music(midi=piece_to_midi(polished))
    if not changes and request.music.WhichOneof("content") == "midi":
        music = request.music  # as it came, with what reading it would lose
        notices = [notice for notice in notices if notice.subject != "music.midi"]
    yield TransferResponse(
        music=music,
        edits=to_edits(piece, changes, [number for number, _ in numbered]),
        figures=summary.figures(piece, polished, proposal, changes, models),
        kept=summary.kept(piece, proposal),
        notices=notices,
    )


def _kinds(asked: Sequence[int]) -> frozenset[int]:
    for index, kind in enumerate(asked):
        if kind not in pb.EditKind.values() or kind == pb.EDIT_KIND_UNSPECIFIED:
            raise InvalidField(f"polish.kinds[{index}]", f"is {kind}, must be a kind of edit, e.g. EDIT_KIND_TIMING")
    return frozenset(asked)


def _chosen(numbered: Sequence[tuple[int, Change]], ids: Sequence[int]) -> list[tuple[int, Change]]:
    for index, number in enumerate(ids):
        if not 1 <= number <= len(numbered):
            there = (
                f"1 to {len(numbered)}, the edits that this request makes" if numbered else "left out: there is no edit"
            )
            raise InvalidField(f"polish.edit_ids[{index}]", f"is {number}, must be {there}")
    wanted = set(ids)
    return [pair for pair in numbered if pair[0] in wanted]
