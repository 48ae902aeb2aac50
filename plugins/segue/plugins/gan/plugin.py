"""The gateway half of ``gan``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Call, Generator, Options, hookimpl, message_model
from segue.v1 import generate_pb2, music_pb2

MODEL = "gan"


class GanOptions(Options):
    """Options of ``gan``."""

    spread: float = Field(
        default=1.0, ge=0.1, le=1.5, description="Of the noise: below 1 more usual, above 1 more daring."
    )
    variety: float = Field(
        default=0.5, ge=0.0, le=1.0, description="How far each further phrase of four bars differs from the first."
    )


class Gan(Generator):
    """Phrases of a band of five: drums, bass, chords, melody and pad, drawn at once."""

    name = "gan"
    version = "1.3.0"
    summary = (
        "Pieces for a band - drums, bass, chords, melody, pad - in one of seventeen styles, drawn four bars at once."
    )
    models = (
        message_model(MODEL, "segue.plugins.gan.model:GanModel", shipped=Path(__file__).parent / "weights" / MODEL),
    )
    Options = GanOptions
    limits: ClassVar[Mapping[str, float]] = {"bars": 64, "pieces": 64, "given": 0}
    trainer = "segue.plugins.gan.train:GanTrainer"

    async def generate(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        """Compose; the model half reads the request."""
        return await call.message(MODEL, request, generate_pb2.GenerateResponse)

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for four bars of rock in G major."""
        key = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
        return generate_pb2.GenerateRequest(bars=4, key=key, style="rock", seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that a piece of four bars came, and that it has chords."""
        if len(response.pieces) != 1 or response.pieces[0].bars != 4:
            raise ValueError(f"asked for one piece of four bars, got {len(response.pieces)} pieces")
        piece = response.pieces[0]
        if not piece.music.midi.startswith(b"MThd") or not piece.chords:
            raise ValueError("the piece is no MIDI file or has no chords")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Gan()]
