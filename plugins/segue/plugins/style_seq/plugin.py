"""The gateway half of ``style-seq``: the default for a style by name and for an example."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from segue.plugin_api import Algorithm, Options, hookimpl, message_model
from segue.plugins.score.plugin import ScoreAnalyzer
from segue.plugins.style.transferrer import StyleTransferrer
from segue.v1 import music_pb2, transfer_pb2

MODEL = "style-seq"


class StyleSeqOptions(Options):
    """Options of ``style-seq``."""

    temperature: float = Field(
        default=0.4, ge=0.05, le=1.5, description="Low: the patterns most usual in the style. High: more daring ones."
    )
    drafts: int = Field(
        default=4,
        ge=1,
        le=8,
        description="How often each section is composed; the draft most like the others is kept. 1 is fastest.",
    )


class StyleSeq(StyleTransferrer):
    """A piece in another style: melody, chords and form kept, the accompaniment composed anew."""

    name = "style-seq"
    version = "1.5.0"
    summary = "A piece in another of 18 styles, or in that of an example: melody, chords and form stay."
    targets = ("style", "example")
    leads = True
    models = (
        message_model(
            MODEL,
            "segue.plugins.style_seq.model:StyleSeqModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
        *ScoreAnalyzer.models,
    )
    Options = StyleSeqOptions
    limits: ClassVar = {"notes": 60_000, "bars": 2_000, "megabytes": 8}
    trainer = "segue.plugins.style_seq.train:StyleSeqTrainer"

    def probe(self) -> transfer_pb2.TransferRequest:
        """Ask for two bars of chords under a melody as rock."""
        tracks = [music_pb2.Track(name="Melody", program=73), music_pb2.Track(name="Piano")]
        for beat, pitch in enumerate((72, 74, 76, 77, 79, 77, 76, 74)):
            tracks[0].notes.add(start=beat, duration=1, pitch=pitch, velocity=90)
        for bar, root in enumerate((48, 43)):
            for step in (0, 12, 16, 19):
                tracks[1].notes.add(start=4 * bar, duration=4, pitch=root + step, velocity=70)
        music = music_pb2.Music(score=music_pb2.Score(tracks=tracks))
        return transfer_pb2.TransferRequest(music=music, style="rock", seed=1)

    def check_probe(self, response: transfer_pb2.TransferResponse) -> None:
        """Want MIDI, other rhythms and the same chords."""
        if not response.music.midi.startswith(b"MThd"):
            raise ValueError("gave back no MIDI file")
        found = {figure.name: figure.after for figure in response.figures}
        if found["chords replaced"] != 1 or not found["chroma similarity"] > 0.5:
            raise ValueError(f"the figures are {found}, must be 1 for chords replaced, above 0.5 for chroma similarity")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [StyleSeq()]
