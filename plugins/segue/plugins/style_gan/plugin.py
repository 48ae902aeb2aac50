"""The gateway half of ``style-gan``: ``score`` hears the piece before and after, the model rewrites it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Options, hookimpl, message_model
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.plugins.style.transferrer import StyleTransferrer
from segue.v1 import music_pb2, transfer_pb2

SEGUE_PLUGIN_API = 1
MODEL = "style-gan"


class StyleGanOptions(Options):
    """Options of ``style-gan``."""

    drums: bool = Field(True, description="Whether drums are written where the style has any.")
    looseness: float = Field(
        1.0,
        ge=0.0,
        le=2.0,
        description="How loosely notes are struck and chords strummed: 0 not at all, 1 as the style is.",
    )


class StyleGan(StyleTransferrer):
    """Writes the accompaniment of a piece anew, as jazz, classical or pop."""

    name = "style-gan"
    version = "1.1.0"
    summary = "A piece as jazz, classical or pop: its melody and chords stay, a cycle-consistent GAN rewrites the rest."
    targets = ("style",)
    models = (
        message_model(
            MODEL, "segue.plugins.style_gan.model:StyleGanModel", shipped=Path(__file__).parent / "weights" / MODEL
        ),
        *ScoreAnalyzer.models,
    )
    Options = StyleGanOptions
    limits: ClassVar[Mapping[str, float]] = {"notes": 60_000, "bars": 2_000, "beats": 10_000}
    trainer = "segue.plugins.style_gan.train:StyleGanTrainer"

    def probe(self) -> transfer_pb2.TransferRequest:
        """Ask for four bars of a tune over block chords as jazz."""
        tune = music_pb2.Track(name="Tune", program=73)
        chords = music_pb2.Track(name="Piano")
        for bar, root in enumerate((48, 53, 55, 48)):
            for step in (0, 4, 7):
                chords.notes.add(start=4 * bar, duration=4, pitch=root + step, velocity=64)
            for beat in range(4):
                tune.notes.add(start=4 * bar + beat, duration=1, pitch=root + 24 + (0, 4, 7, 4)[beat], velocity=80)
        score = music_pb2.Score(tracks=[tune, chords])
        return transfer_pb2.TransferRequest(music=music_pb2.Music(score=score), style="jazz", seed=1)

    def check_probe(self, response: transfer_pb2.TransferResponse) -> None:
        """Want MIDI with the figures of a transfer, the melody kept."""
        if not response.music.midi.startswith(b"MThd"):
            raise ValueError("the result is no MIDI file")
        kept = [figure.after for figure in response.figures if figure.name == "melody kept"]
        if not kept or kept[0] < 0.9:
            raise ValueError(f"melody kept is {kept}, must be at least 0.9")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [StyleGan()]
