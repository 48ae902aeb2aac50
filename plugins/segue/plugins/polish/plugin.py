"""Polish a piece: the gateway half. The model half does all the work."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field
from segue.plugin_api import Algorithm, Options, StreamingTransferrer, hookimpl, message_model
from segue.v1 import music_pb2, transfer_pb2

SEGUE_PLUGIN_API = 1


MAX_NOTES: Final = 40_000
"""Notes of a piece: an hour of dense music. What is beyond would take memory without bound."""
MAX_BARS: Final = 50_000
"""Bars of a piece: a day of common time. Only metres of some thirty-seconds reach beyond, and every bar takes time."""


class PolishOptions(Options):
    """Options of ``polish``."""

    grid: Literal["auto", "eighth", "sixteenth", "triplet"] = Field(
        "auto",
        description="Grid that notes belong to; auto finds sixteenths, triplets, thirty-seconds and swing.",
    )
    confidence: float = Field(
        0.5,
        ge=0.2,
        le=0.99,
        description="Probability above which a pitch is changed or a note added, at full strength; higher at less.",
    )
    dynamics: Literal["auto", "shape", "keep"] = Field(
        "auto",
        description="Whether tracks of one velocity are shaped: auto does where other tracks have dynamics, or where "
        "EDIT_KIND_VELOCITY is among the kinds asked for; shape does always.",
    )
    reharmonise: bool = Field(
        False, description="Whether chords that fit the melody badly are exchanged for likelier ones."
    )
    max_pitch_share: float = Field(
        0.1, ge=0, le=0.5, description="Share of the notes that get another pitch at most, and are added at most."
    )


class Polish(StreamingTransferrer):
    """Gives a piece back as a better version of itself."""

    name = "polish"
    version = "1.5.0"
    summary = (
        "Quantises drifting timing, corrects slips, mends overlaps and voice leading, shapes flat dynamics; every edit "
        "with its reason, none that breaks a rule anew."
    )
    targets = ("polish",)
    models = (
        message_model(
            "polish",
            "segue.plugins.polish.model:PolishModel",
            stream=True,
            max_batch_size=1,
            shipped=Path(__file__).parent / "weights" / "polish",
        ),
    )
    Options = PolishOptions
    limits: ClassVar = {"notes": MAX_NOTES, "bars": MAX_BARS, "beats": 100_000, "megabytes": 8}
    trainer = "segue.plugins.polish.train:PolishTrainer"

    def probe(self) -> transfer_pb2.TransferRequest:
        """Send a scale in chords in which one note is late and one is struck twice."""
        track = music_pb2.Track(name="Piano")
        for beat, root in enumerate((60, 65, 67, 60, 60, 65, 67, 60)):
            late = 0.11 if beat == 5 else 0.0
            for step in (0, 4, 7):
                track.notes.add(start=beat + (late if step == 7 else 0), duration=0.9, pitch=root + step, velocity=80)
        track.notes.add(start=2.0, duration=0.4, pitch=67, velocity=80)
        score = music_pb2.Score(tracks=[track])
        return transfer_pb2.TransferRequest(
            music=music_pb2.Music(score=score),
            polish=transfer_pb2.Polish(kinds=[music_pb2.EDIT_KIND_TIMING, music_pb2.EDIT_KIND_DELETE]),
        )

    def check_probe(self, response: transfer_pb2.TransferResponse) -> None:
        """Want MIDI, the late note moved and the second strike removed."""
        kinds = sorted(edit.kind for edit in response.edits)
        if kinds != [music_pb2.EDIT_KIND_TIMING, music_pb2.EDIT_KIND_DELETE]:
            raise ValueError(f"made the kinds of edit {kinds}, must move one note and remove one")
        if not response.music.midi.startswith(b"MThd"):
            raise ValueError("gave back no MIDI file")
        moved = next(edit for edit in response.edits if edit.kind == music_pb2.EDIT_KIND_TIMING)
        if abs(moved.after.start - 5.0) > 0.01:
            raise ValueError(f"moved the late note to beat {moved.after.start:.3f}, must be 5")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Return the algorithm."""
    return [Polish()]
