"""The model half: runs inside Triton. All open requests advance together, a bar at a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from segue.music import KeySignature, Meter, Piece, Tempo, TrackInfo, piece_to_midi, piece_to_score
from segue.plugin_api import InvalidField
from segue.plugin_api.python_model import Item, Step, StreamModel
from segue.v1 import generate_pb2, music_pb2

from segue_plugin_newcomer.chains import SLOTS, VALUES, Chains, degree_to_pitch, draw
from segue_plugin_newcomer.plugin import MAX_BARS

_BAR: Final = 4.0
_NOT_FOLLOWED: Final[tuple[str, ...]] = (
    "theme",
    "style",
    "emotion",
    "attributes",
    "chords",
    "form",
    "given",
    "image",
    "lyrics",
    "finish",
)
_FIRST_DEGREE: Final = 14


@dataclass
class Session:
    """A melody that is being composed."""

    request: generate_pb2.GenerateRequest
    bars: int
    temperature: float
    rng: np.random.Generator
    degree: int = _FIRST_DEGREE
    bar: int = 0
    log_likelihood: float = 0.0
    notes: list[tuple[float, float, int]] = field(default_factory=list)


class ChainModel(StreamModel[generate_pb2.GenerateRequest, Session]):
    """Composes from fitted chains."""

    request_type = generate_pb2.GenerateRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the version's file."""
        self._chains = Chains.load(artifacts)

    def start(self, item: Item[generate_pb2.GenerateRequest]) -> Session:
        """Open a session, or refuse what is not followed."""
        request = item.request
        asked = {descriptor.name for descriptor, _ in request.ListFields()}
        wrong = [(name, "is not followed by this algorithm; leave it out") for name in _NOT_FOLLOWED if name in asked]
        if request.bars > MAX_BARS:
            wrong.append(("bars", f"is {request.bars}, must be at most {MAX_BARS}"))
        metre = request.time_signature
        if "time_signature" in asked and (metre.numerator, metre.denominator) != (4, 4):
            wrong.append(("time_signature", f"is {metre.numerator}/{metre.denominator}, must be 4/4"))
        if len(request.instruments) > 1 or 128 in request.instruments:
            wrong.append(("instruments", f"is {list(request.instruments)}, must be one program of 0 to 127"))
        if wrong:
            raise InvalidField(*wrong[0], wrong[1:])
        rng = np.random.default_rng(item.seed)
        return Session(request, request.bars or 8, item.options["temperature"], rng)

    def step(self, sessions: Sequence[Session]) -> Sequence[Step]:
        """Compose the next bar of each; the last one brings the whole piece."""
        return [self._step(session) for session in sessions]

    def _step(self, session: Session) -> Step:
        key = session.request.key
        mode = int(key.mode == music_pb2.MODE_MINOR)
        at, end = _BAR * session.bar, _BAR * (session.bar + 1)
        begun = len(session.notes)
        while at < end:
            odds = self._chains.steps[mode, session.degree]
            degree = draw(odds, session.temperature, session.rng)
            slot = int(2 * at) % SLOTS
            value = min(VALUES[draw(self._chains.values[slot], session.temperature, session.rng)], end - at)
            session.log_likelihood += math.log(float(odds[degree]))
            session.notes.append((at, value, degree_to_pitch(degree, key.tonic, mode)))
            session.degree, at = degree, at + value
        session.bar += 1
        bar = _piece(session, session.notes[begun:])
        message = generate_pb2.Bar(number=session.bar, total=session.bars, score=piece_to_score(bar))
        responses = [generate_pb2.GenerateStreamResponse(bar=message)]
        if session.bar == session.bars:
            responses.append(generate_pb2.GenerateStreamResponse(complete=_complete(session)))
        return Step(responses, done=session.bar == session.bars)


def _piece(session: Session, notes: Sequence[tuple[float, float, int]]) -> Piece:
    request = session.request
    start, duration, pitch = zip(*notes, strict=True)
    return Piece.of(
        start,
        duration,
        pitch,
        80,
        tracks=(TrackInfo("Melody", request.instruments[0] if request.instruments else 0),),
        tempos=(Tempo(0.0, request.tempo or 100.0),),
        meters=(Meter(0.0, 4, 4),),
        keys=(KeySignature(0.0, request.key.tonic, request.key.mode == music_pb2.MODE_MINOR),),
    )


def _complete(session: Session) -> generate_pb2.GenerateResponse:
    request = session.request
    piece = generate_pb2.Piece(
        music=music_pb2.Music(midi=piece_to_midi(_piece(session, session.notes))),
        key=music_pb2.Key(tonic=request.key.tonic, mode=request.key.mode or music_pb2.MODE_MAJOR),
        tempo=request.tempo or 100.0,
        time_signature=music_pb2.TimeSignature(numerator=4, denominator=4),
        bars=session.bars,
        log_likelihood=session.log_likelihood / len(session.notes),
    )
    return generate_pb2.GenerateResponse(pieces=[piece])
