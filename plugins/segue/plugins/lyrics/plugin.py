"""The gateway half of ``lyrics``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator
from segue.plugin_api import Algorithm, Options, StreamingGenerator, hookimpl, message_model
from segue.v1 import generate_pb2

MODEL = "lyrics"


class LyricsOptions(Options):
    """Options of ``lyrics``."""

    temperature: float = Field(default=0.8, ge=0.1, le=2.0, description="Below 1 more usual, above 1 more daring.")
    top_p: float = Field(
        default=0.92, ge=0.1, le=1.0, description="Words are drawn from the likeliest that share this probability."
    )
    copied_words: int = Field(
        default=4, ge=3, le=12, description="Longest run of words in common with a training text that is let through."
    )
    lines: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Lines of a verse without a melody; 0 means four, or one for each number in syllables.",
    )
    syllables: str = Field(
        default="",
        max_length=200,
        pattern=r"(\d{1,2}( \d{1,2})*)?",
        description="Syllables of its lines, again and again, e.g. '8 6 8 6', the default.",
    )

    @field_validator("syllables", mode="before")
    @classmethod
    def _of_one_length(cls, value: Any) -> Any:
        return f"{value:g}" if isinstance(value, int | float) else value


class Lyrics(StreamingGenerator):
    """English words for a melody or a theme."""

    name = "lyrics"
    version = "1.1.0"
    summary = "English verse for a melody or a theme: a syllable for each note, and the rhyme scheme that is asked for."
    models = (
        message_model(
            MODEL,
            "segue.plugins.lyrics.model:LyricsModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / MODEL,
        ),
    )
    Options = LyricsOptions
    limits: ClassVar[Mapping[str, float]] = {"lines": 64, "notes": 800, "bars": 512, "pieces": 64, "given": 1}
    trainer = "segue.plugins.lyrics.train:LyricsTrainer"

    def probe(self) -> generate_pb2.GenerateRequest:
        """Ask for two lines that rhyme."""
        wish = generate_pb2.LyricsWish(rhyme_scheme="AA")
        return generate_pb2.GenerateRequest(theme="spring", lyrics=wish, seed=1)

    def check_probe(self, response: generate_pb2.GenerateResponse) -> None:
        """See that two lines came, of eight and six syllables, and notes for them."""
        if len(response.pieces) != 1 or response.pieces[0].verse.count("\n") != 1:
            raise ValueError(f"asked for one verse of two lines, got {len(response.pieces)} pieces")
        piece = response.pieces[0]
        if len(piece.lyrics) != 14 or not piece.music.midi.startswith(b"MThd"):
            raise ValueError(f"the verse has {len(piece.lyrics)} syllables, must have 14, with a MIDI file")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Lyrics()]
