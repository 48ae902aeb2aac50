"""The gateway half of ``lyrics``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator
from segue.plugin_api import Algorithm, Call, Options, StreamingGenerator, hookimpl, message_model
from segue.v1 import generate_pb2

MODEL = "lyrics"
_SEED_STEP = 0x9E3779B9
"""Odd, so that the seeds of verses that are asked for together differ."""


class LyricsOptions(Options):
    """Options of ``lyrics``."""

    temperature: float = Field(default=0.8, ge=0.1, le=2.0, description="Below 1 more usual, above 1 more daring.")
    top_p: float = Field(
        default=0.92, ge=0.1, le=1.0, description="Words are drawn from the likeliest that share this probability."
    )
    copied_words: int = Field(
        default=4, ge=3, le=12, description="Longest run of words in common with a training text that is let through."
    )
    lines: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Lines of a verse without a melody; 0 means four, or one for each number in syllables.",
    )
    syllables: str = Field(
        default="",
        max_length=200,
        pattern=r"(\d{1,2}( \d{1,2})*)?",
        description="Syllables of its lines, again and again, e.g. '8 6 8 6', the default.",
    )

    @field_validator("syllables", mode="before")
    @classmethod
    def _of_one_length(cls, value: Any) -> Any:
        return f"{value:g}" if isinstance(value, int | float) else value


class Lyrics(StreamingGenerator):
    """English words for a melody or a theme."""

    name = "lyrics"
    version = "1.0.0"
    summary = "English verse for a melody or a theme: a syllable for each note, and the rhyme scheme that is asked for."
    models = (
        message_model(
            MODEL,
            "segue.plugins.lyrics.model:LyricsModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = LyricsOptions
    limits: ClassVar[Mapping[str, float]] = {"lines": 64, "notes": 800, "bars": 512, "pieces": 64, "given": 1}
    trainer = "segue.plugins.lyrics.train:LyricsTrainer"

    async def generate(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        """Write verses side by side; the first is the one that a request for one verse gives."""
        seeds = [(call.seed + index * _SEED_STEP) % 2**32 for index in range(max(request.count, 1))]
        answers = await asyncio.gather(*(self._write(request, replace(call, seed=seed)) for seed in seeds))
        response = answers[0]
        for answer in answers[1:]:
            response.pieces.extend(answer.pieces)
            response.notices.extend(notice for notice in answer.notices if notice not in response.notices)
        return response

    async def generate_stream(
        self, request: generate_pb2.GenerateRequest, call: Call
    ) -> AsyncIterator[generate_pb2.GenerateStreamResponse]:
        """Write one verse and yield the bars of each line with their words as it is complete."""
        async for message in call.messages(MODEL, request, generate_pb2.GenerateStreamResponse):
            yield message

    async def _write(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        response = generate_pb2.GenerateResponse()
        async for message in self.generate_stream(request, call):
            if message.HasField("complete"):
                response = message.complete
        return response

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for two lines that rhyme."""
        wish = generate_pb2.LyricsWish(rhyme_scheme="AA")
        return generate_pb2.GenerateRequest(theme="spring", lyrics=wish, seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that two lines came, of eight and six syllables, and notes for them."""
        if len(response.pieces) != 1 or response.pieces[0].verse.count("\n") != 1:
            raise ValueError(f"asked for one verse of two lines, got {len(response.pieces)} pieces")
        piece = response.pieces[0]
        if len(piece.lyrics) != 14 or not piece.music.midi.startswith(b"MThd"):
            raise ValueError(f"the verse has {len(piece.lyrics)} syllables, must have 14, with a MIDI file")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Lyrics()]
