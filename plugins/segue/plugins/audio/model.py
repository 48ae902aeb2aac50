"""Analyze audio: the model half. Networks run a few windows at a time, so that a long recording keeps none waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from segue.music import piece_to_score
from segue.plugin_api.errors import InvalidMusic, SegueError
from segue.plugin_api.python_model import Item, Step, StreamModel
from segue.plugins.audio.beats import find_beats, onset_strength
from segue.plugins.audio.scorer import Scorer
from segue.plugins.audio.sound import Sound, read_sound
from segue.plugins.audio.tagger import RATE as MEL_RATE
from segue.plugins.audio.tagger import Tagger, cut_patches, mel_power
from segue.plugins.audio.transcriber import RATE as NOTE_RATE
from segue.plugins.audio.transcriber import Transcriber, cut_windows, find_notes, join
from segue.plugins.audio.writing import describe_tags, describe_tempo, to_piece, to_tempos
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_AT_ONCE: Final = 4
"""Windows in one step, of all recordings together: a sixth of a second's work. More take memory and save no time."""

_CANCELLED: Final = 0.01
"""Peak of the mean of all channels, as a share of that of each, under which they are the same sound upside down."""


@dataclass
class Listening:
    """A recording that is being listened to.

    Attributes
    ----------
    sound
        The recording.
    aspects
        What is wanted of it.
    windows, patches
        What the transcriber and the tagger have not heard yet come first; ``heard`` and ``tags`` are their answers.
    mel
        Power mel spectrogram.
    samples
        Length of what the windows were cut from.
    """

    sound: Sound
    aspects: frozenset[int]
    windows: NDArray[np.float32]
    patches: NDArray[np.float32]
    mel: NDArray[np.float32]
    samples: int
    heard: list[NDArray[np.float32]] = field(default_factory=list)
    tags: list[NDArray[np.float32]] = field(default_factory=list)


class AudioModel(StreamModel[pb.AnalyzeRequest, Listening]):
    """Listens to recordings."""

    request_type = pb.AnalyzeRequest
    max_sessions = 8

    def load(self, artifacts: Path, device: str) -> None:
        """Read the networks."""
        self._transcriber = Transcriber(artifacts / "nmp.onnx")
        self._tagger = Tagger(artifacts)
        learnt = load_file(artifacts / "learnt.safetensors")
        self._notes, self._tempo = Scorer.of(learnt, "notes"), Scorer.of(learnt, "tempo")

    def start(self, item: Item[pb.AnalyzeRequest]) -> Listening:
        """Decode a recording."""
        music = item.request.music
        if not music.HasField("audio"):
            raise InvalidMusic("music", f"holds {music.WhichOneof('content') or 'nothing'}, must hold audio")
        sound = read_sound(music.audio.data)
        aspects = frozenset(item.request.aspects or pb.Aspect.values())
        if aspects <= {pb.ASPECT_LOUDNESS}:
            nothing = np.zeros((0, 0), np.float32)
            return Listening(sound, aspects, nothing, nothing, nothing, 0)
        samples, mel = sound.at(NOTE_RATE), mel_power(sound.at(MEL_RATE))
        patches = cut_patches(mel) if pb.ASPECT_STYLE in aspects else mel[:0]
        return Listening(sound, aspects, cut_windows(samples), patches, mel, len(samples))

    def step(self, sessions: Sequence[Listening]) -> Sequence[Step | SegueError]:
        """Hear the next windows of each recording; describe those that are heard to the end."""
        share = max(_AT_ONCE // len(sessions), 1)
        windows = [session.windows[:share] for session in sessions]
        patches = [session.patches[: share if not len(session.windows) else 0] for session in sessions]
        heard = _each(self._transcriber.hear, windows)
        tags = _each(self._tagger.tag, patches)
        steps: list[Step | SegueError] = []
        for session, part, tag in zip(sessions, heard, tags, strict=True):
            if part is not None:
                session.heard.append(part)
                session.windows = session.windows[share:]
            elif tag is not None:
                session.tags.append(tag)
                session.patches = session.patches[share:]
            left = len(session.windows) or len(session.patches)
            steps.append(Step() if left else Step([self._describe(session)], done=True))
        return steps

    def _describe(self, session: Listening) -> pb.AnalyzeResponse:
        sound, aspects = session.sound, session.aspects
        response = pb.AnalyzeResponse(seconds=sound.seconds)
        if sound.missing:
            text = f"The file breaks off: {sound.missing:.1f} seconds that its header promises are missing."
            response.notices.append(music_pb2.Notice(subject="music.audio.data", text=text))
        if np.abs(sound.samples).max() < _CANCELLED * 10 ** (sound.loudness.peak / 20):
            text = (
                "Its channels cancel each other, so that hardly anything is heard of them together; send one of them."
            )
            response.notices.append(music_pb2.Notice(subject="music.audio.data", text=text))
        if pb.ASPECT_LOUDNESS in aspects:
            response.loudness.integrated_lufs = sound.loudness.integrated
            response.loudness.peak_dbfs = sound.loudness.peak
        if session.tags:
            shares = np.concatenate(session.tags).mean(axis=0)
            response.style.tags.extend(describe_tags(self._tagger.names, shares))
        if session.heard:
            self._describe_notes(session, response)
        return response

    def _describe_notes(self, session: Listening, response: pb.AnalyzeResponse) -> None:
        posteriors = join(np.concatenate(session.heard), session.samples)
        notes = find_notes(posteriors, self._notes)
        beats = find_beats(onset_strength(session.mel, posteriors), notes, self._tempo)
        tempos = to_tempos(beats)
        response.notes = len(notes)
        if len(notes):
            response.transcription.CopyFrom(piece_to_score(to_piece(notes, tempos)))
            response.transcription_confidence = float(notes.probability.mean())
        if beats is None:
            text = "No regular beat was heard: beats and all that is counted in them are those of 120 a minute."
            response.notices.append(music_pb2.Notice(subject="tempo", text=text))
        elif pb.ASPECT_TEMPO in session.aspects:
            response.tempo.CopyFrom(describe_tempo(beats, tempos))


def _each(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]], batches: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32] | None]:
    """Run all rows of all batches at once and give each batch its own; None to one that has no row."""
    rows = [batch for batch in batches if len(batch)]
    if not rows:
        return [None] * len(batches)
    ends = np.cumsum([len(batch) for batch in batches])[:-1]
    parts = np.split(run(np.concatenate(rows)), ends)
    return [part if len(part) else None for part in parts]
