"""Analyze a score: the gateway halves. The model halves do all the work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from segue.plugin_api import Algorithm, Analyzer, Call, Options, hookimpl, message_model
from segue.v1 import analyze_pb2, music_pb2

SEGUE_PLUGIN_API = 1


class ScoreOptions(Options):
    """Options of ``score``."""

    chords: Literal["triads", "sevenths"] = Field(
        "sevenths", description="Whether to tell seventh and suspended chords from triads."
    )
    max_issues: int = Field(200, ge=0, le=2000, description="How many issues of each kind to list at most.")


class ScoreAnalyzer(Analyzer):
    """Understands MIDI and scores."""

    name = "score"
    version = "1.3.0"
    summary = "Tempo, metre, keys, chords with numerals, melody, structure, style, originality and issues of a score."
    models = (
        message_model(
            "score", "segue.plugins.score.model:ScoreModel", shipped=Path(__file__).parent / "weights" / "score"
        ),
    )
    Options = ScoreOptions
    limits: ClassVar = {"notes": 200_000, "beats": 25_000, "megabytes": 8}
    trainer = "segue.plugins.score.train:ScoreTrainer"

    async def analyze(self, request: analyze_pb2.AnalyzeRequest, call: Call) -> analyze_pb2.AnalyzeResponse:
        """Let the model answer."""
        return await call.message("score", request, analyze_pb2.AnalyzeResponse)

    def probe(self) -> analyze_pb2.AnalyzeRequest:
        """Ask for the key and chords of a cadence in A minor."""
        track = music_pb2.Track()
        for beat, pitches in enumerate(((45, 60, 64, 69), (50, 62, 65, 69), (52, 59, 64, 68), (45, 60, 64, 69))):
            track.notes.extend(music_pb2.Note(start=beat, duration=1, pitch=p, velocity=80) for p in pitches)
        return analyze_pb2.AnalyzeRequest(
            music=music_pb2.Music(score=music_pb2.Score(tracks=[track])),
            aspects=[analyze_pb2.ASPECT_KEY, analyze_pb2.ASPECT_CHORDS],
        )

    def check_probe(self, response: analyze_pb2.AnalyzeResponse) -> None:
        """Want A minor, i iv V i."""
        key = response.key.key
        if (key.tonic, key.mode) != (9, music_pb2.MODE_MINOR):
            raise ValueError(f"found tonic {key.tonic} mode {key.mode}, must be A minor")
        numerals = [chord.roman_numeral for chord in response.chords]
        if numerals != ["i", "iv", "V", "i"]:
            raise ValueError(f"found {numerals}, must be i iv V i")


class EmotionAnalyzer(Analyzer):
    """Tells the emotion of MIDI and scores beside all that ``score`` tells. Its training data forbid commercial use."""

    name = "emotion"
    version = "1.4.0"
    summary = "All that score tells, and emotion: valence, arousal and quadrant, over the piece and over time."
    models = (
        message_model(
            "emotion", "segue.plugins.score.emotion:EmotionModel", shipped=Path(__file__).parent / "weights" / "emotion"
        ),
        *ScoreAnalyzer.models,
    )
    Options = ScoreOptions
    limits = ScoreAnalyzer.limits
    trainer = "segue.plugins.score.emotion_train:EmotionTrainer"

    async def analyze(self, request: analyze_pb2.AnalyzeRequest, call: Call) -> analyze_pb2.AnalyzeResponse:
        """Let the model of emotion answer, and the model of ``score`` whatever else is asked for."""
        others = [aspect for aspect in request.aspects if aspect != analyze_pb2.ASPECT_EMOTION]
        wanted = not request.aspects or len(others) < len(request.aspects)
        parts = []
        if others or not request.aspects:
            rest = analyze_pb2.AnalyzeRequest(music=request.music, aspects=others)
            parts.append(call.message("score", rest, analyze_pb2.AnalyzeResponse))
        if wanted:
            parts.append(call.message("emotion", request, analyze_pb2.AnalyzeResponse))
        answers = await asyncio.gather(*parts)
        response = answers[0]
        if wanted and len(answers) > 1:
            told = {notice.text for notice in response.notices}
            response.notices.extend(notice for notice in answers[1].notices if notice.text not in told)
            if answers[1].HasField("emotion"):
                response.emotion.CopyFrom(answers[1].emotion)
        return response

    def probe(self) -> analyze_pb2.AnalyzeRequest:
        """Ask for the emotion of a cadence, and for what ``score`` is asked."""
        request = ScoreAnalyzer().probe()
        request.aspects.append(analyze_pb2.ASPECT_EMOTION)
        return request

    def check_probe(self, response: analyze_pb2.AnalyzeResponse) -> None:
        """Want what ``score`` must find, four probabilities that add to 1, and the quadrant that they say."""
        ScoreAnalyzer().check_probe(response)
        emotion = response.emotion.overall
        shares = list(emotion.probabilities)
        if len(shares) != 4 or not abs(sum(shares) - 1) < 1e-3:
            raise ValueError(f"found the probabilities {shares}, must be four that add to 1")
        if emotion.quadrant != shares.index(max(shares)) + 1:
            raise ValueError(f"found the quadrant {emotion.quadrant} for the probabilities {shares}")


@hookimpl
def register_algorithms() -> list[Algorithm]:
    """Register ``score`` and ``emotion``."""
    return [ScoreAnalyzer(), EmotionAnalyzer()]
