"""The model half of ``style-seq``: pieces that are rewritten side by side. Runs in Triton's Python backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from google.protobuf.message import Message
from segue.music import music_to_piece, piece_to_midi
from segue.music.theory import key_name
from segue.plugin_api.errors import SegueError, Unsupported
from segue.plugin_api.python_model import Item, Step, StreamModel, to_segue_error
from segue.plugins.style.arrangement import Arrangement, read_arrangement
from segue.plugins.style.controls import lost_controls
from segue.plugins.style.measure import figures
from segue.plugins.style.styles import style_to_write
from segue.plugins.style_seq.artifacts import load
from segue.plugins.style_seq.composer import Composer
from segue.plugins.style_seq.elements import BEATS
from segue.plugins.style_seq.ensemble import MADE_UP, Ensemble, by_example, by_name, known_styles
from segue.plugins.style_seq.rewrite import Manner, Rewritten, rewrite
from segue.v1 import analyze_pb2, music_pb2
from segue.v1.transfer_pb2 import TransferProgress, TransferRequest, TransferResponse, TransferStreamResponse


@dataclass
class Session:
    """A piece that is being rewritten."""

    request: TransferRequest
    arrangement: Arrangement
    ensemble: Ensemble
    style: str
    strength: float
    notices: list[music_pb2.Notice]
    parts: Iterator[float | Rewritten]


class StyleSeqModel(StreamModel[TransferRequest, Session]):
    """Rewrites pieces in other styles."""

    request_type: ClassVar[type[Message]] = TransferRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the weights. One thread: the products are too small to share out."""
        torch.set_num_threads(1)
        self._made = load(artifacts)
        self._composer = Composer(self._made.network)

    def start(self, item: Item[TransferRequest]) -> Session:
        """Read the piece, what was heard of it, and who is to play."""
        request = item.request
        target = request.WhichOneof("target")
        if target not in ("style", "example"):
            raise Unsupported(f"The algorithm 'style-seq' follows a style or an example; the target is {target}.")
        piece, notices = music_to_piece(request.music)
        heard = read_arrangement(piece, analyze_pb2.AnalyzeResponse.FromString(item.context))
        arrangement = heard if piece.symbols else self._made.ear.listen(heard)
        if target == "style":
            style = style_to_write(request.style, known_styles(self._made))
            ensemble = by_name(self._made, style)
        else:
            style = "that of the example"
            example, read = music_to_piece(request.example, "example")
            notices.extend(read)
            ensemble = by_example(self._made, example)
        strength = request.strength if request.HasField("strength") else 1.0
        manner = Manner(strength, item.options["temperature"], item.options["drafts"], item.seed)
        parts = rewrite(arrangement, ensemble, self._composer, manner) if strength > 0 else iter([_as_it_is(piece)])
        return Session(request, arrangement, ensemble, style, strength, notices, parts)

    def step(self, sessions: Sequence[Session]) -> Sequence[Step | SegueError]:
        """Compose some elements of every piece."""
        return [_step(session) for session in sessions]


def _as_it_is(piece: object) -> Rewritten:
    return Rewritten(piece, (0.0, 0.0, 0.0))  # type: ignore[arg-type]


def _step(session: Session) -> Step | SegueError:
    try:
        part = next(session.parts)
        if isinstance(part, float):
            progress = TransferProgress(fraction=min(part, 1.0), stage="rewriting")
            return Step([TransferStreamResponse(progress=progress)])
        return Step([TransferStreamResponse(complete=_answer(session, part))], done=True)
    except Exception as error:  # its own failure, not that of the sessions beside it
        return to_segue_error(error)


def _answer(session: Session, made: Rewritten) -> TransferResponse:
    return TransferResponse(
        music=music_pb2.Music(midi=piece_to_midi(made.piece)),
        figures=[*figures(session.arrangement, made.piece), *_replaced(made)],
        kept=_kept(session),
        notices=[*session.notices, *_notices(session, made)],
    )


def _replaced(made: Rewritten) -> list[music_pb2.Figure]:
    names = ("drums replaced", "bass replaced", "chords replaced")
    return [
        music_pb2.Figure(name=name, before=0, after=share, unit="0-1")
        for name, share in zip(names, made.replaced, strict=True)
    ]


def _kept(session: Session) -> list[str]:
    arrangement = session.arrangement
    piece, tune = arrangement.piece, int(arrangement.melody.sum())
    said = [f"{tune} notes of the melody, each with its onset, pitch and length"] if tune else []
    if (~piece.is_drum).any():
        which = f"the {len(piece.symbols)} chord symbols" if piece.symbols else "chords"
        said.append(f"{which} and key ({key_name(arrangement.tonic + 12 * arrangement.minor)})")
    said.append(f"form ({len(arrangement.bars) - 1} bars), tempo, metre")
    said += [text for text, there in (("lyrics", piece.lyrics), ("key signatures", piece.keys)) if there]
    return said


def _notices(session: Session, made: Rewritten) -> list[music_pb2.Notice]:
    if session.strength == 0:
        return []
    arrangement, roles = session.arrangement, session.ensemble.roles
    piece = arrangement.piece
    found = []
    if made.piece is piece:
        found.append(("music", "Nothing was composed for it: the piece is as it was."))
    if not (~piece.is_drum).any():
        kept = "re-written" if any(role.drums for role in roles) else "kept: the style has no drums"
        found.append(("music", f"The piece has drums alone; they are {kept}."))
    elif not arrangement.melody.any():
        found.append(("music", "No melody was heard in the piece: all of it counts as accompaniment."))
    elif not (arrangement.accompaniment.any() or piece.is_drum.any() or piece.symbols):
        found.append(("music", "The piece is a melody alone; its chords are guessed from it."))
    if session.style in MADE_UP:
        parts = ", ".join(f"{track} of {source}" for source, track, _ in MADE_UP[session.style])
        found.append(("style", f"No music in the style {session.style} was learnt from; it is made up of {parts}."))
    lengths = np.round(np.diff(arrangement.bars), 2)[1:-1]
    odd = [f"{length:g}" for length in np.unique(lengths[lengths != BEATS])]
    if odd:
        text = f"Patterns are learnt in 4/4; bars of {', '.join(odd)} beats take a part of them, compound ones swing."
        found.append(("music", text))
    found += [("music", sentence) for sentence in lost_controls(piece, made.piece)]
    if session.request.HasField("example"):
        text = "The style of an example is heard in rhythm, register, intervals and instruments of each of its tracks."
        found.append(("example", text))
    return [music_pb2.Notice(subject=subject, text=text) for subject, text in found]
