"""The gateway half: what the algorithm is called and takes. It awaits its model and computes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from pydantic import Field
from segue.plugin_api import Algorithm, Analyzer, Call, Options, hookimpl, message_model
from segue.v1 import analyze_pb2, music_pb2

SEGUE_PLUGIN_API = 1
MODEL: Final = "newcomer"


class ProfileOptions(Options):
    """Options of the algorithm."""

    candidates: int = Field(default=3, ge=1, le=24, description="How many keys to list, the most probable first.")


class ProfileAnalyzer(Analyzer):
    """Names the key of a piece."""

    name = MODEL
    version = "0.1.0"
    summary = "The key of a piece by learnt profiles of major and minor."
    models = (
        message_model(
            MODEL,
            "segue_plugin_newcomer.model:ProfileModel",
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = ProfileOptions
    limits: ClassVar = {"notes": 200_000, "megabytes": 8}
    trainer = "segue_plugin_newcomer.train:ProfileTrainer"

    async def analyze(self, request: analyze_pb2.AnalyzeRequest, call: Call) -> analyze_pb2.AnalyzeResponse:
        """Let the model answer."""
        return await call.message(MODEL, request, analyze_pb2.AnalyzeResponse)

    def probe(self) -> analyze_pb2.AnalyzeRequest:
        """Send the scale of G major, up and down."""
        track = music_pb2.Track(name="Piano")
        for beat, pitch in enumerate((67, 69, 71, 72, 74, 76, 78, 79, 78, 76, 74, 72, 71, 69, 67, 67)):
            track.notes.add(start=beat, duration=1, pitch=pitch, velocity=64)
        return analyze_pb2.AnalyzeRequest(music=music_pb2.Music(score=music_pb2.Score(tracks=[track])))

    def check_probe(self, response: analyze_pb2.AnalyzeResponse) -> None:
        """Want the notes counted and G major found."""
        key = response.key.key
        if response.notes != 16 or (key.tonic, key.mode) != (7, music_pb2.MODE_MAJOR):
            raise ValueError(f"16 notes in G major were heard as {response.notes} notes, tonic {key.tonic}")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [ProfileAnalyzer()]
