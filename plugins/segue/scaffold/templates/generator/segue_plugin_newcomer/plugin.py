"""The gateway half: what the algorithm is called and takes. It awaits its model and computes nothing.

A ``StreamingGenerator`` of one streaming model needs no code for its verbs: both answer from the stream.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from pydantic import Field
from segue.plugin_api import Algorithm, Options, StreamingGenerator, hookimpl, message_model
from segue.v1 import generate_pb2, music_pb2

SEGUE_PLUGIN_API = 1
MODEL: Final = "newcomer"
MAX_BARS: Final = 64


class ChainOptions(Options):
    """Options of the algorithm."""

    temperature: float = Field(
        default=1.0, ge=0.2, le=2.0, description="Below 1 more usual, above 1 more daring steps and note values."
    )


class ChainGenerator(StreamingGenerator):
    """Composes melodies out of Markov chains."""

    name = MODEL
    version = "0.1.0"
    summary = "Melodies whose steps and note values follow one another as in those it learnt from."
    models = (
        message_model(
            MODEL,
            "segue_plugin_newcomer.model:ChainModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = ChainOptions
    limits: ClassVar = {"bars": MAX_BARS, "pieces": 64}
    trainer = "segue_plugin_newcomer.train:ChainTrainer"

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for two bars in D minor."""
        return generate_pb2.GenerateRequest(bars=2, key=music_pb2.Key(tonic=2, mode=music_pb2.MODE_MINOR))

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """Want one piece of two bars as a MIDI file."""
        if [piece.bars for piece in response.pieces] != [2]:
            raise ValueError(f"asked for a piece of two bars, got {[piece.bars for piece in response.pieces]}")
        if not response.pieces[0].music.midi.startswith(b"MThd"):
            raise ValueError("the piece is no MIDI file")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [ChainGenerator()]
