"""Transfer audio to another texture: the gateway half. The model half does all the work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field
from segue.plugin_api import Algorithm, Call, Options, StreamingTransferrer, hookimpl, message_model
from segue.plugins.audio.plugin import AudioAnalyzer, sounding_triad
from segue.plugins.score.plugin import ScoreOptions
from segue.plugins.style.styles import members
from segue.v1.analyze_pb2 import ASPECT_METER, AnalyzeRequest, AnalyzeResponse
from segue.v1.transfer_pb2 import TransferProgress, TransferRequest, TransferResponse, TransferStreamResponse

SEGUE_PLUGIN_API = 1

MODEL: Final = "style-audio"
MAX_SECONDS: Final = 120.0
_LONGEST: Final = 3600.0
"""Seconds of work that a call without a deadline is given."""


class StyleAudioOptions(Options):
    """Options of ``style-audio``."""

    iterations: int = Field(
        default=40,
        ge=5,
        le=100,
        description="Iterations of the search among samples, half as many among bands; fewer where time is short.",
    )
    keep: float = Field(
        default=0.3,
        ge=0,
        le=100,
        description="Weight of what is loud in the recording, which is to stay, beside the texture.",
    )
    rhythm: bool = Field(
        default=True,
        description="Lay the rhythm of the style's drums on the beats that are heard. An example gives none.",
    )
    format: Literal["flac", "wav"] = Field(default="flac", description="Container of the answer, 16 bit at 44.1 kHz.")


class Timed(StyleAudioOptions):
    """What the model half is told: the caller's options, how long it may take, and whether it is to check alone."""

    check: bool = Field(default=False, description="Whether to look at the header of the recording only.")
    seconds: float = Field(description="Seconds that are left for the answer.")


class StyleAudio(StreamingTransferrer):
    """Gives a recording the texture of a style or of another recording."""

    name = MODEL
    version = "1.2.0"
    summary = "Recordings in the texture of a style or of another recording: timbre, attack and noise; the notes stay."
    targets = ("style", "example")
    accepts = ("audio",)
    models = (
        message_model(
            MODEL,
            "segue.plugins.style_audio.model:StyleAudioModel",
            stream=True,
            max_queue_size=16,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
        *AudioAnalyzer.models,
    )
    Options = StyleAudioOptions
    limits: ClassVar = {"seconds": MAX_SECONDS, "channels": 8, "samples_per_second": 192_000, "megabytes": 48}
    trainer = "segue.plugins.style_audio.train:StyleAudioTrainer"

    async def transfer_stream(self, request: TransferRequest, call: Call) -> AsyncIterator[TransferStreamResponse]:
        """Find the beats, then transfer a recording, saying how far it has come."""
        if request.style:
            members(request.style)  # a name that nothing has is refused before anything is listened to
        heard = AnalyzeResponse()
        if request.style and call.options.rhythm and _strength(request):
            async for _ in _told(call, check=True).messages(MODEL, request, TransferStreamResponse):
                pass  # a recording that is too long is refused before minutes of it are listened to
            progress = TransferProgress(fraction=0, stage="listening for the beat")
            yield TransferStreamResponse(progress=progress)
            question = AnalyzeRequest(music=request.music, aspects=[ASPECT_METER])
            listener = replace(call, options=ScoreOptions.model_validate({}))
            heard = await AudioAnalyzer().analyze(question, listener)
        async for message in _told(call).messages(MODEL, request, TransferStreamResponse, heard):
            yield message

    def probe(self) -> TransferRequest:
        """Send two seconds of a triad, and ask for little work."""
        request = TransferRequest(style="house", seed=1)
        request.music.audio.data = sounding_triad()
        request.options.update({"iterations": 5})
        return request

    def check_probe(self, response: TransferResponse) -> None:
        """Want a FLAC file, and a texture that is nearer."""
        if not response.music.audio.data.startswith(b"fLaC"):
            raise ValueError("gave back no FLAC file")
        far = {figure.name: (figure.before, figure.after) for figure in response.figures}
        before, after = far["distance of the texture"]
        if not 0 <= after < before:
            raise ValueError(f"took the texture from distance {before:.3f} to {after:.3f}, must be nearer")


def _told(call: Call, *, check: bool = False) -> Call:
    """Tell the model half how long it has, now."""
    told = Timed(**call.options.model_dump(), seconds=min(call.seconds_left, _LONGEST), check=check)
    return replace(call, options=told)


def _strength(request: TransferRequest) -> float:
    return request.strength if request.HasField("strength") else 1.0


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Register ``style-audio``."""
    return [StyleAudio()]
