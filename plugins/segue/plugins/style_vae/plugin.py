"""Rewrite a piece by sliders or in another style: the gateway half."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field
from segue.plugin_api import Algorithm, Options, hookimpl, message_model
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.plugins.style.transferrer import StyleTransferrer
from segue.v1 import music_pb2, transfer_pb2

SEGUE_PLUGIN_API = 1

_ASKED: Final = 0.9


class StyleVaeOptions(Options):
    """Options of ``style-vae``; both are about an emotion that is asked for."""

    tempo: Literal["follow", "keep"] = Field(
        "follow", description="Whether the tempo follows an emotion: by a third of an octave at most."
    )
    mode: Literal["keep", "follow"] = Field(
        "keep", description="Whether major becomes minor, or minor major, where an emotion asks for it; melody too."
    )


class StyleVae(StyleTransferrer):
    """Gives a piece back with another accompaniment, denser or sparser, fuller, higher, louder, or in another style."""

    name = "style-vae"
    version = "1.2.0"
    summary = (
        "Rewrites the accompaniment by sliders: rhythmic intensity, polyphony, register, loudness, emotion; or style."
    )
    targets = ("attributes", "style")
    models = (
        message_model(
            "style-vae",
            "segue.plugins.style_vae.model:StyleVaeModel",
            shipped=Path(__file__).parent / "weights" / "style-vae",
        ),
        *ScoreAnalyzer.models,
    )
    Options = StyleVaeOptions
    limits: ClassVar = {"notes": 60_000, "bars": 2_000, "megabytes": 8}
    trainer = "segue.plugins.style_vae.train:StyleVaeTrainer"

    def probe(self) -> transfer_pb2.TransferRequest:
        """Ask for much more to happen than a tune over held chords has."""
        tune, chords = music_pb2.Track(name="Tune"), music_pb2.Track(name="Piano")
        for beat, pitch in enumerate((72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 76, 74, 72, 71, 72, 72)):
            tune.notes.add(start=beat, duration=0.9, pitch=pitch, velocity=80)
        for bar, root in enumerate((48, 53, 55, 48)):
            for step in (0, 4, 7):
                chords.notes.add(start=4 * bar, duration=4, pitch=root + step, velocity=70)
        return transfer_pb2.TransferRequest(
            music=music_pb2.Music(score=music_pb2.Score(tracks=[tune, chords])),
            attributes=music_pb2.Attributes(rhythmic_intensity=_ASKED),
        )

    def check_probe(self, response: transfer_pb2.TransferResponse) -> None:
        """Want MIDI, a kept melody, and more going on."""
        if not response.music.midi.startswith(b"MThd"):
            raise ValueError("gave back no MIDI file")
        figures = {figure.name: figure for figure in response.figures}
        if figures["melody kept"].after < 1:
            raise ValueError(f"kept {figures['melody kept'].after:.2f} of the melody, must keep all")
        struck = figures["rhythmic intensity"]
        if not struck.after > struck.before:
            raise ValueError(f"strikes {struck.after:.2f} of the sixteenths, must be more than {struck.before:.2f}")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [StyleVae()]
