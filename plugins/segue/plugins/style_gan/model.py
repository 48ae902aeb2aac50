"""The model half of ``style-gan``. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from google.protobuf.message import Message
from segue.music import music_to_piece, piece_to_midi
from segue.plugin_api.errors import InvalidField, SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.controls import lost_controls
from segue.plugins.style.measure import figures
from segue.plugins.style.styles import style_to_write
from segue.plugins.style_gan.artifacts import Artifacts, load
from segue.plugins.style_gan.rewriter import Rewritten, rewrite, with_melody
from segue.v1 import analyze_pb2, music_pb2, transfer_pb2

_REFUSED = {
    "example": "this algorithm takes no example; name a style",
    "attributes": "this algorithm has no sliders; name a style",
    "polish": "this algorithm does not polish; name a style",
}


class StyleGanModel(MessageModel[transfer_pb2.TransferRequest]):
    """Rewrites pieces one by one: each goes through the network whole."""

    request_type: ClassVar[type[Message]] = transfer_pb2.TransferRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. One thread: a piece takes milliseconds."""
        torch.set_num_threads(1)
        self._made = load(artifacts)

    def answer(self, items: Sequence[Item[transfer_pb2.TransferRequest]]) -> Sequence[Message | SegueError]:
        """Rewrite each piece."""
        return [self._answer(item) for item in items]

    def _answer(self, item: Item[transfer_pb2.TransferRequest]) -> Message | SegueError:
        try:
            return transfer(self._made, item)
        except SegueError as error:
            return error


def transfer(made: Artifacts, item: Item[transfer_pb2.TransferRequest]) -> transfer_pb2.TransferResponse:
    """Answer one request.

    Raises
    ------
    InvalidField
        If the target is not a style that is known.
    InvalidMusic
        If the piece can't be read or is too long.
    """
    request = item.request
    target = request.WhichOneof("target")
    if target in _REFUSED:
        raise InvalidField(target, _REFUSED[target])
    style = style_to_write(request.style, made.styles)
    piece, notices = music_to_piece(request.music)
    arrangement = read_arrangement(piece, analyze_pb2.AnalyzeResponse.FromString(item.context))
    if not arrangement.melody.any() and len(piece.without_drums()):
        arrangement = with_melody(arrangement)
        text = "No melody was heard in the piece; its highest voice was kept instead."
        notices.append(music_pb2.Notice(subject="music", text=text))
    strength = request.strength if request.HasField("strength") else 1.0
    done = rewrite(made, arrangement, style, strength=strength, seed=item.seed, **item.options)
    return transfer_pb2.TransferResponse(
        music=music_pb2.Music(midi=piece_to_midi(done.piece)),
        figures=figures(arrangement, done.piece),
        kept=_kept(arrangement),
        notices=[*notices, *_notices(arrangement, done, style)],
    )


def _kept(arrangement: Arrangement) -> list[str]:
    melody = int(arrangement.melody.sum())
    said = ["Tempo, metre, bars and chords are those of the piece."]
    return [f"The melody stays as it is, note for note: {melody:,} notes.", *said] if melody else said


def _notices(arrangement: Arrangement, done: Rewritten, style: str) -> list[music_pb2.Notice]:
    bars = len(arrangement.bars) - 1
    found = [("style", f"{done.bars} of {bars} bars were written anew as {style}.")]
    if not len(arrangement.piece.without_drums()):
        found = [("music", "The piece has drums alone: there is nothing to write anew.")]
    found += [("music", sentence) for sentence in lost_controls(arrangement.piece, done.piece)]
    if done.fitted:
        shown = ", ".join(map(str, done.fitted[:5])) + (", ..." if len(done.fitted) > 5 else "")
        text = f"Styles are learnt in 4/4; where bars have other lengths ({shown}), their patterns are cut to fit."
        found.append(("meter", text))
    return [music_pb2.Notice(subject=subject, text=text) for subject, text in found]
