"""Analyze audio: the gateway half. One model listens; the model of ``score`` reads the notes that were heard."""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

from segue.plugin_api import Algorithm, Analyzer, Call, hookimpl, message_model
from segue.plugins.score.plugin import ScoreAnalyzer, ScoreOptions
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

SEGUE_PLUGIN_API = 1

_OF_NOTES: Final = (
    *(pb.ASPECT_METER, pb.ASPECT_KEY, pb.ASPECT_CHORDS, pb.ASPECT_MELODY, pb.ASPECT_PITCH, pb.ASPECT_RHYTHM),
    *(pb.ASPECT_STRUCTURE, pb.ASPECT_STYLE, pb.ASPECT_ORIGINALITY),
)
_ON_REQUEST: Final = (pb.ASPECT_ISSUES,)
"""What an editor would mend in a transcription is mostly the transcriber's doing."""


class AudioAnalyzer(Analyzer):
    """Understands recordings."""

    name = "audio"
    version = "1.3.0"
    summary = "Notes, tempo, beats, loudness and tags of a recording; key, chords and all else out of the notes heard."
    models = (
        message_model(
            "audio",
            "segue.plugins.audio.model:AudioModel",
            stream=True,
            max_queue_size=16,
            shipped=Path(__file__).parent / "weights" / "audio",
        ),
        *ScoreAnalyzer.models,
    )
    Options = ScoreOptions
    limits: ClassVar = {"seconds": 600, "channels": 8, "samples_per_second": 192_000, "megabytes": 48}
    trainer = "segue.plugins.audio.train:AudioTrainer"
    accepts = ("audio",)

    async def analyze(self, request: pb.AnalyzeRequest, call: Call) -> pb.AnalyzeResponse:
        """Listen, then read what was heard."""
        heard = pb.AnalyzeResponse()
        async for response in call.messages("audio", request, pb.AnalyzeResponse):
            heard = response
        wanted = list(request.aspects) or [*_OF_NOTES, pb.ASPECT_TRANSCRIPTION]
        aspects = [aspect for aspect in wanted if aspect in (*_OF_NOTES, *_ON_REQUEST)]
        answer = pb.AnalyzeResponse()
        if aspects and heard.HasField("transcription"):
            notes = pb.AnalyzeRequest(music=music_pb2.Music(score=heard.transcription), aspects=aspects)
            answer = await call.message("score", notes, pb.AnalyzeResponse)
            _temper(answer, heard.transcription_confidence)
        answer.MergeFrom(heard)
        answer.notices.extend(_notices(answer, aspects, wanted))
        if pb.ASPECT_TRANSCRIPTION not in wanted:
            answer.ClearField("transcription")
        return answer

    def probe(self) -> pb.AnalyzeRequest:
        """Ask for key and notes of two seconds of C major."""
        return pb.AnalyzeRequest(
            music=music_pb2.Music(audio=music_pb2.Audio(data=sounding_triad())),
            aspects=[pb.ASPECT_KEY, pb.ASPECT_TRANSCRIPTION, pb.ASPECT_LOUDNESS],
        )

    def check_probe(self, response: pb.AnalyzeResponse) -> None:
        """Want C, E and G, C major, and a sensible loudness."""
        heard = {note.pitch % 12 for track in response.transcription.tracks for note in track.notes}
        if not heard >= {0, 4, 7}:
            raise ValueError(f"heard the pitch classes {sorted(heard)}, must be 0, 4 and 7 among them")
        key = response.key.key
        if (key.tonic, key.mode) != (0, music_pb2.MODE_MAJOR):
            raise ValueError(f"found tonic {key.tonic} mode {key.mode}, must be C major")
        if not -40 < response.loudness.integrated_lufs < 0:
            raise ValueError(f"found {response.loudness.integrated_lufs} LUFS, must be between -40 and 0")


def _temper(answer: pb.AnalyzeResponse, confidence: float) -> None:
    """Make what was read from notes no surer than the notes."""
    parts = [getattr(answer, name) for name in ("meter", "melody") if answer.HasField(name)]
    for part in (*parts, *answer.chords):
        part.confidence *= confidence


def _notices(answer: pb.AnalyzeResponse, aspects: Sequence[int], wanted: Sequence[int]) -> list[music_pb2.Notice]:
    notices: list[tuple[str, str]] = []
    if aspects and answer.HasField("transcription"):
        share = round(100 * answer.transcription_confidence)
        text = (
            f"All but loudness, tempo and tags is read from the notes that were heard, of which about {share} in 100 "
            "are right; it is less certain than it would be from a score."
        )
        notices.append(("music.audio", text))
    elif aspects:
        notices.append(("music.audio", "No notes were heard, so that nothing can be read from them."))
    if pb.ASPECT_EMOTION in wanted:
        text = "The algorithm 'audio' does not analyse emotion; give the transcription to 'emotion'."
        notices.append(("aspects", text))
    return [music_pb2.Notice(subject=subject, text=text) for subject, text in notices]


@cache
def sounding_triad() -> bytes:
    """Return two seconds of C major, struck twice, as a WAV file."""
    rate = 8_000
    pitches = (48, 60, 64, 67)
    samples = []
    for number in range(2 * rate):
        time = number % rate / rate
        tones = (
            math.sin(2 * math.pi * 440 * 2 ** ((pitch - 69) / 12) * harmonic * time) / harmonic**2
            for pitch in pitches
            for harmonic in (1, 2, 3)
        )
        samples.append(round(4000 * sum(tones) * math.exp(-2 * time)))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Register ``audio``."""
    return [AudioAnalyzer()]
