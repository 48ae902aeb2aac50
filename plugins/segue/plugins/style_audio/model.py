"""Transfer audio to another texture: the model half. Recordings advance in turn, a few iterations at a time."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import soundfile
import torch
from google.protobuf.message import Message
from segue.plugin_api.errors import InvalidField, SegueError, Unsupported
from segue.plugin_api.python_model import Item, Step, StreamModel, to_segue_error
from segue.plugins.style.styles import members
from segue.plugins.style_audio.artifacts import Style, load
from segue.plugins.style_audio.measure import chroma_similarity, onset_correlation
from segue.plugins.style_audio.recording import Recording, check_recording, read_recording
from segue.plugins.style_audio.rhythm import Meter
from segue.plugins.style_audio.search import Search
from segue.plugins.style_audio.spectrum import RATE
from segue.plugins.style_audio.transfer import Transfer, Wanted, far, texture_of
from segue.v1 import music_pb2
from segue.v1.analyze_pb2 import AnalyzeResponse
from segue.v1.transfer_pb2 import TransferProgress, TransferRequest, TransferResponse, TransferStreamResponse

_AT_ONCE: Final = 5
"""Iterations in one step: a fifth of a second's work for ten seconds of sound."""
_RESERVE: Final = 0.15
"""Share of the time that is kept for the way back, and for a machine that gets slower."""


@dataclass
class Session:
    """A transfer under way, None if the recording stays as it is; the answer's format, and what is said of it."""

    transfer: Transfer | None
    original: bytes
    format: str
    notices: list[music_pb2.Notice]


class StyleAudioModel(StreamModel[TransferRequest, Session]):
    """Transfers recordings."""

    request_type: ClassVar[type[Message]] = TransferRequest
    max_sessions: ClassVar[int] = 4

    def load(self, artifacts: Path, device: str) -> None:
        """Read the network and the textures. One thread: the models of a server share its cores."""
        torch.set_num_threads(1)
        made = load(artifacts)
        self._listener, self._styles = made.listener, made.styles
        # A process's first optimiser imports PyTorch's compiler, five seconds of work: here, not in the first call.
        Search(torch.zeros(1), torch.sum)

    def start(self, item: Item[TransferRequest]) -> Session:
        """Read the recording and the texture that is wanted.

        Raises
        ------
        Unsupported
            If the target is neither a style nor an example.
        InvalidField
            If no style has that name.
        InvalidMusic
            If the music or the example can't be read, or is too short, long or silent.
        """
        begun = time.monotonic()
        request, options = item.request, item.options
        style = self._style(request)
        if options["check"]:
            check_recording(request.music, "music")
            return Session(None, b"", options["format"], [])
        recording = read_recording(request.music, "music")
        strength = request.strength if request.HasField("strength") else 1.0
        meter = _meter(AnalyzeResponse.FromString(item.context))
        notices = [*_notices(recording), *_rhythm_notices(style, meter, strength, options)]
        transfer = None
        if strength:
            rhythm = style.rhythm if options["rhythm"] else None
            wanted = Wanted(style.texture, rhythm, strength, options["keep"], options["iterations"])
            seconds = (1 - _RESERVE) * (options["seconds"] - item.waited) - (time.monotonic() - begun)
            transfer = Transfer(self._listener, recording, wanted, meter, item.seed, seconds)
        return Session(transfer, request.music.audio.data, options["format"], notices)

    def step(self, sessions: Sequence[Session]) -> Sequence[Step | SegueError]:
        """Take some iterations for each recording; one that fails does so alone."""
        steps: list[Step | SegueError] = []
        for session in sessions:
            try:
                steps.append(self._step(session))
            except Exception as error:  # what was done to this recording can't be undone, so it is not stepped again
                steps.append(to_segue_error(error))
        return steps

    def _step(self, session: Session) -> Step:
        transfer = session.transfer
        if transfer is None:
            return Step([TransferStreamResponse(complete=_unchanged(session))], done=True)
        if not transfer.go_on(_AT_ONCE):
            length = transfer.recording.seconds
            stage = f"second {transfer.progress * length:.0f} of {length:.0f}"
            progress = TransferProgress(fraction=transfer.progress, stage=stage)
            return Step([TransferStreamResponse(progress=progress)])
        return Step([TransferStreamResponse(complete=self._complete(session, transfer))], done=True)

    def _style(self, request: TransferRequest) -> Style:
        target = request.WhichOneof("target")
        if target == "example":
            example = read_recording(request.example, "example")
            return Style(texture_of(self._listener, example.samples), None)
        if target != "style":
            text = "The algorithm 'style-audio' follows a style by name or an example, which is a recording: {}."
            raise Unsupported(text.format(f"{target or 'nothing'} was given"))
        known = [style for style in members(request.style) if style in self._styles]
        if not known:
            there = ", ".join(self._styles)
            raise InvalidField("style", f"is {request.style!r}, of which no recordings were learnt; those are {there}")
        return self._styles[known[0]]

    def _complete(self, session: Session, transfer: Transfer) -> TransferResponse:
        before, after = transfer.recording.samples, transfer.result()
        notices = [*session.notices, *_time_notices(transfer)]
        peak = float(after.abs().max())
        if peak > 1:
            after = after / peak
            text = f"It was made {20 * np.log10(peak):.1f} dB softer than the recording, so that it is not clipped."
            notices = [*notices, music_pb2.Notice(subject="music", text=text)]
        figures = [
            ("distance of the texture", far(self._listener, before, transfer.wanted.texture),
             far(self._listener, after, transfer.wanted.texture), "0 is the target's; what the search brings down"),
            ("chroma similarity", 1.0, chroma_similarity(before, after), "0-1"),
            ("onset correlation", 1.0, onset_correlation(before, after), "-1 to 1"),
        ]  # fmt: skip
        return TransferResponse(
            music=music_pb2.Music(audio=music_pb2.Audio(data=_write(after.T.numpy(), session.format))),
            figures=[music_pb2.Figure(name=name, before=a, after=b, unit=unit) for name, a, b, unit in figures],
            kept=["Length, tempo, channels and loudness; which notes sound when, as far as the figures say."],
            notices=notices,
        )


def _unchanged(session: Session) -> TransferResponse:
    audio = music_pb2.Audio(data=session.original)
    return TransferResponse(
        music=music_pb2.Music(audio=audio),
        kept=["Everything: at strength 0 the file is as it was."],
        notices=session.notices,
    )


def _notices(recording: Recording) -> list[music_pb2.Notice]:
    missing = recording.missing
    if not missing:
        return []
    text = f"The file breaks off: {missing:.1f} seconds that its header promises are missing."
    return [music_pb2.Notice(subject="music.audio.data", text=text)]


def _meter(heard: AnalyzeResponse) -> Meter | None:
    """Return where beats and bars were heard to begin, if they were."""
    beats, downbeats = (np.array(list(found)) for found in (heard.meter.beat_seconds, heard.meter.downbeat_seconds))
    return Meter(beats, downbeats) if len(beats) > 1 else None


def _time_notices(transfer: Transfer) -> list[music_pb2.Notice]:
    """Say how many iterations there was time for, if not for all."""
    fewest, most = min(transfer.made), max(transfer.made)
    if fewest == transfer.asked:
        return []
    made = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    text = (
        f"There was time for {made} of the {transfer.asked} iterations that ten seconds of sound get: the sound may "
        "take on less of the style than with all of them, and the same request may give another one. A later deadline "
        "allows more."
    )
    return [music_pb2.Notice(subject="options.iterations", text=text)]


def _rhythm_notices(
    style: Style, meter: Meter | None, strength: float, options: Mapping[str, Any]
) -> list[music_pb2.Notice]:
    if style.rhythm is None or not style.rhythm.any() or meter is not None or not (strength and options["rhythm"]):
        return []
    text = "No beat was heard in the recording, so that the rhythm of the style was not laid on it."
    return [music_pb2.Notice(subject="music.audio", text=text)]


def _write(samples: np.ndarray[Any, np.dtype[np.float32]], kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind.upper(), subtype="PCM_16")
    return file.getvalue()
