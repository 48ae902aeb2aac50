"""Rewrite a piece by sliders or in another style: the gateway half."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from segue.plugin_api import Algorithm, Call, Options, Transferrer, hookimpl, message_model
from segue.v1 import music_pb2, transfer_pb2

SEGUE_PLUGIN_API = 1


class StyleVae(Transferrer):
    """Gives a piece back with other figures."""

    name = "style-vae"
    version = "1.0.0"
    summary = "Rewrites the accompaniment by sliders."
    targets = ("attributes", "style")
    models = (
        message_model(
            "style-vae", "segue.plugins.style_vae.model:StyleVaeModel", shipped=Path(__file__).parent / "weights" / "style-vae"
        ),
    )
    Options = Options
    limits: ClassVar = {}
    trainer = "segue.plugins.style_vae.train:StyleVaeTrainer"

    async def transfer(self, request: transfer_pb2.TransferRequest, call: Call) -> transfer_pb2.TransferResponse:
        """Let the model answer."""
        return await call.message("style-vae", request, transfer_pb2.TransferResponse)

    def probe(self) -> transfer_pb2.TransferRequest:
        """Probe."""
        return transfer_pb2.TransferRequest(music=music_pb2.Music())

    def check_probe(self, response: transfer_pb2.TransferResponse) -> None:
        """Check."""


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [StyleVae()]
