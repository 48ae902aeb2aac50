"""The gateway half of ``transformer``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Call, Options, StreamingGenerator, hookimpl, message_model
from segue.v1 import generate_pb2, music_pb2

MODEL = "transformer"
_SEED_STEP = 0x9E3779B9
"""Odd, so that the seeds of pieces that are asked for together differ."""


class TransformerOptions(Options):
    """Options of ``transformer``."""

    temperature: float = Field(default=1.0, ge=0.1, le=2.0, description="Below 1 more usual, above 1 more daring.")
    top_p: float = Field(
        default=0.95,
        ge=0.1,
        le=1.0,
        description="Each field is drawn from the likeliest values that share this probability.",
    )
    guidance: float = Field(
        default=1.0, ge=1.0, le=4.0, description="Above 1 the controls weigh more; it costs twice the time."
    )


class Transformer(StreamingGenerator):
    """Pieces for any instruments in nineteen styles, new or continued, that follow controls."""

    name = "transformer"
    version = "1.0.0"
    summary = "Pieces for several instruments in nineteen styles that follow style, emotion, key, tempo and sliders."
    models = (
        message_model(
            MODEL,
            "segue.plugins.transformer.model:TransformerModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = TransformerOptions
    limits: ClassVar[Mapping[str, float]] = {"bars": 64, "pieces": 64, "given": 1}
    trainer = "segue.plugins.transformer.train:TransformerTrainer"

    async def generate(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        """Compose pieces side by side; the first is the one that a request for one piece gives."""
        seeds = [(call.seed + index * _SEED_STEP) % 2**32 for index in range(max(request.count, 1))]
        answers = await asyncio.gather(*(self._compose(request, replace(call, seed=seed)) for seed in seeds))
        response = answers[0]
        for answer in answers[1:]:
            response.pieces.extend(answer.pieces)
            response.understood.extend(text for text in answer.understood if text not in response.understood)
        return response

    async def generate_stream(
        self, request: generate_pb2.GenerateRequest, call: Call
    ) -> AsyncIterator[generate_pb2.GenerateStreamResponse]:
        """Compose one piece and yield each bar as it is complete."""
        async for message in call.messages(MODEL, request, generate_pb2.GenerateStreamResponse):
            yield message

    async def _compose(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        response = generate_pb2.GenerateResponse()
        async for message in self.generate_stream(request, call):
            if message.HasField("complete"):
                response = message.complete
        return response

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for one bar of a chorale in G major."""
        key = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
        return generate_pb2.GenerateRequest(bars=1, key=key, style="chorale", seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that a piece came, of one bar, and that its notes were likely ones."""
        if len(response.pieces) != 1 or response.pieces[0].bars != 1:
            raise ValueError(f"asked for one piece of one bar, got {len(response.pieces)} pieces")
        piece = response.pieces[0]
        if not piece.music.midi.startswith(b"MThd") or not -20 < piece.log_likelihood < 0:
            raise ValueError(f"the piece is no MIDI file or unlikely: log-likelihood {piece.log_likelihood:.3f} a note")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Transformer()]
