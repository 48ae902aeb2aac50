"""The gateway half of ``chorale``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Options, StreamingGenerator, hookimpl, message_model
from segue.plugins.probes import want_likely_piece
from segue.v1 import generate_pb2, music_pb2

MODEL = "chorale"


class ChoraleOptions(Options):
    """Options of ``chorale``."""

    temperature: float = Field(default=1.0, ge=0.1, le=2.0, description="Below 1 more usual, above 1 more daring.")
    top_p: float = Field(
        default=0.99, ge=0.1, le=1.0, description="Notes are drawn from the likeliest that share this probability."
    )


class Chorale(StreamingGenerator):
    """Four-part chorales: from nothing, after an opening, under a melody, or to fill a gap."""

    name = "chorale"
    version = "1.2.0"
    summary = "Four-part chorales in the style of J. S. Bach: new, continued from an opening, or under a given melody."
    models = (
        message_model(
            MODEL,
            "segue.plugins.chorale.model:ChoraleModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = ChoraleOptions
    limits: ClassVar[Mapping[str, float]] = {"bars": 64, "pieces": 64, "given": 1}
    trainer = "segue.plugins.chorale.train:ChoraleTrainer"

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for one bar in G major."""
        key = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
        return generate_pb2.GenerateRequest(bars=1, key=key, seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that a piece came, of one bar, and that its notes were likely ones."""
        want_likely_piece(response, bars=1, floor=-3)


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Chorale()]
