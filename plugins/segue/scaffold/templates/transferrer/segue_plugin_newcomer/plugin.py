"""The gateway half: what the algorithm is called and takes. It awaits its model and computes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from pydantic import Field
from segue.plugin_api import Algorithm, Call, Options, Transferrer, hookimpl, message_model
from segue.v1 import music_pb2, transfer_pb2

SEGUE_PLUGIN_API = 1
MODEL: Final = "newcomer"
STYLE: Final = "played"
MAX_NOTES: Final = 40_000


class PlayedOptions(Options):
    """Options of the algorithm."""

    depth: float = Field(default=1.0, ge=0.0, le=3.0, description="Of the dynamics: 1 as learnt, 2 twice as deep.")


class PlayedTransferrer(Transferrer):
    """Gives a piece the dynamics of played ones."""

    name = MODEL
    version = "0.1.0"
    summary = "A piece with the dynamics of played ones; notes stay where and what they are."
    targets = ("style",)
    models = (
        message_model(
            MODEL,
            "segue_plugin_newcomer.model:PlayedModel",
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = PlayedOptions
    limits: ClassVar = {"notes": MAX_NOTES, "megabytes": 8}
    trainer = "segue_plugin_newcomer.train:PlayedTrainer"

    async def transfer(self, request: transfer_pb2.TransferRequest, call: Call) -> transfer_pb2.TransferResponse:
        """Let the model answer."""
        return await call.message(MODEL, request, transfer_pb2.TransferResponse)

    def probe(self) -> transfer_pb2.TransferRequest:
        """Send a scale of one loudness."""
        track = music_pb2.Track(name="Piano")
        for beat, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72)):
            track.notes.add(start=beat, duration=0.9, pitch=pitch, velocity=64)
        music = music_pb2.Music(score=music_pb2.Score(tracks=[track]))
        return transfer_pb2.TransferRequest(music=music, style=STYLE)

    def check_probe(self, response: transfer_pb2.TransferResponse) -> None:
        """Want a MIDI file in which some loudness was changed."""
        if not response.music.midi.startswith(b"MThd"):
            raise ValueError("the piece is no MIDI file")
        if not response.edits:
            raise ValueError("a scale of one loudness was left as it is")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [PlayedTransferrer()]
