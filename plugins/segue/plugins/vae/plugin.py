"""The gateway half of ``vae``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Call, Generator, Options, hookimpl, message_model
from segue.plugins.probes import want_likely_piece
from segue.v1 import generate_pb2, music_pb2

MODEL = "vae"


class VaeOptions(Options):
    """Options of ``vae``."""

    strength: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="How far a given melody is varied: 0 renders it, 1 leaves little of it.",
    )
    temperature: float = Field(
        default=0.5, ge=0.0, le=1.5, description="Of each event: 0 takes the likeliest, above it is more daring."
    )
    spread: float = Field(
        default=0.8, ge=0.1, le=1.5, description="Of new latent vectors: below 1 more usual, above 1 more daring."
    )
    syncopation: float | None = Field(
        default=None, ge=0.0, le=1.0, description="Slider: notes held over stronger beats, least to most."
    )
    contour: float | None = Field(
        default=None, ge=0.0, le=1.0, description="Slider: from falling to rising in every two bars."
    )
    span: float | None = Field(default=None, ge=0.0, le=1.0, description="Slider: narrow to wide in every two bars.")


class Vae(Generator):
    """Melodies out of a latent space: new, varied, between two given ones, or set by sliders."""

    name = "vae"
    version = "1.2.0"
    summary = "Melodies from a latent space: new ones, variations of one, steps from one to another, set by sliders."
    models = (
        message_model(MODEL, "segue.plugins.vae.model:VaeModel", shipped=Path(__file__).parent / "weights" / MODEL),
    )
    Options = VaeOptions
    limits: ClassVar[Mapping[str, float]] = {"bars": 64, "pieces": 64, "given": 2}
    trainer = "segue.plugins.vae.train:VaeTrainer"

    async def generate(self, request: generate_pb2.GenerateRequest, call: Call) -> generate_pb2.GenerateResponse:
        """Compose; the model half reads the request."""
        return await call.message(MODEL, request, generate_pb2.GenerateResponse)

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for two bars in G major."""
        key = music_pb2.Key(tonic=7, mode=music_pb2.MODE_MAJOR)
        return generate_pb2.GenerateRequest(bars=2, key=key, seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that a piece of two bars came, and that its notes were likely ones."""
        want_likely_piece(response, bars=2, floor=-4)


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Vae()]
