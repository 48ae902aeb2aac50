"""The gateway half of ``transformer``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Options, StreamingGenerator, hookimpl, message_model
from segue.plugins.probes import want_likely_piece
from segue.v1 import generate_pb2, music_pb2

MODEL = "transformer"


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
    version = "1.4.0"
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

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for one bar of a chorale in G major."""
        key = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
        return generate_pb2.GenerateRequest(bars=1, key=key, style="chorale", seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that a piece came, of one bar, and that its notes were likely ones."""
        want_likely_piece(response, bars=1, floor=-20)


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Transformer()]
