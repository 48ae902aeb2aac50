"""What ``audio`` gets right of pieces that are made to sound, from the bytes of a file to the answer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mir_eval
import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music import Piece, score_to_piece
from segue.music.keys import histogram_scores
from segue.plugin_api.python_model import Item
from segue.plugin_api.training import Report
from segue.plugins.audio.beats import find_periods, onset_strength
from segue.plugins.audio.corpus import Played, choose
from segue.plugins.audio.learning import played_notes, to_hertz
from segue.plugins.audio.model import AudioModel, Listening
from segue.plugins.audio.render import RATE, render
from segue.plugins.audio.transcriber import FRAMES_PER_SECOND, LOWEST, Posteriors, find_candidates, join
from segue.plugins.score.model import ScoreModel
from segue.plugins.score.plugin import ScoreAnalyzer, ScoreOptions
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_COUNTS: Final = (30, 0, 0, 20)
"""Of the packs whose labels of keys can be trusted."""
_SHEETS: Final = (0, 60, 0, 0)
"""Of the pack whose metres differ; the test part has fewer, and all are taken."""
_BARS: Final = {(3, 4): "3/4", (4, 4): "4/4 or 2/2", (2, 2): "4/4 or 2/2"}
_SECONDS: Final = 90.0
_TEMPO_TOLERANCE: Final = 0.04
_HEARD: Final = (pb.ASPECT_TEMPO, pb.ASPECT_TRANSCRIPTION)
_OCTAVES: Final = (0.5, 2.0, 1 / 3, 3.0)
_RULE: Final = (0.5, 0.3, 11, 11)
"""Thresholds of the published network's own rule for notes."""
_TONICS: Final = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


class Pipeline:
    """Both models in this process: what the gateway does with them on Triton.

    Parameters
    ----------
    artifacts
        Folder of the version of ``audio``; ``score`` is the shipped one.
    """

    def __init__(self, artifacts: Path) -> None:
        self._audio, self._score = AudioModel(), ScoreModel()
        self._audio.load(artifacts, "cpu")
        spec = ScoreAnalyzer.models[0]
        assert spec.shipped is not None
        self._score.load(max(spec.shipped.iterdir()), "cpu")

    def hear(self, data: bytes) -> tuple[pb.AnalyzeResponse, Listening]:
        """Listen to a file; return the answer, and what the networks heard."""
        request = pb.AnalyzeRequest(music=music_pb2.Music(audio=music_pb2.Audio(data=data)), aspects=_HEARD)
        session = self._audio.start(Item(request, {}, 0))
        while True:
            step = self._audio.step([session])[0]
            if isinstance(step, Exception):
                raise step
            if step.done:
                answer = step.responses[0]
                assert isinstance(answer, pb.AnalyzeResponse)
                return answer, session

    def read(self, score: music_pb2.Score) -> pb.AnalyzeResponse:
        """Read the key and the metre of notes."""
        request = pb.AnalyzeRequest(music=music_pb2.Music(score=score), aspects=[pb.ASPECT_KEY, pb.ASPECT_METER])
        answer = self._score.answer([Item(request, ScoreOptions.model_validate({}).model_dump(), 0)])[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, pb.AnalyzeResponse)
        return answer


@dataclass(frozen=True)
class Notes:
    """Precision, recall and F1 of onsets, and F1 of onsets and offsets."""

    precision: float
    recall: float
    onset: float
    offset: float


@dataclass(frozen=True)
class Result:
    """What was found of one piece, and by the baselines: keys 0-23, ratios of tempos, shares.

    Attributes
    ----------
    confidence
        What the answer states for its notes.
    """

    pack: str
    truth: int
    key: int
    key_by_profile: int
    tempo: float
    tempo_by_period: float
    notes: Notes
    notes_by_rule: Notes
    confidence: float


def evaluate(data: Path, artifacts: Path, console: Console) -> Sequence[Report]:
    """Play 50 test pieces and some lead sheets, and analyse the FLAC files."""
    pipeline = Pipeline(artifacts)
    pieces = choose(data, "test", _COUNTS)
    results = [_measure(piece, pipeline) for piece in track(pieces, "playing and listening", console=console)]
    songs, classical = ([r for r in results if r.pack == pack] for pack in ("pop909", "when_in_rome"))
    protocol = (
        f" of {len(results)} pieces of the test part ({len(songs)} songs of POP909, {len(classical)} pieces of When in "
        f"Rome), the first {_SECONDS:.0f} seconds played by the SoundFont TimGM6mb, as FLAC files"
    )

    def keys(of: Callable[[Result], int]) -> dict[str, float]:
        return {
            "exact": _mean(of(r) == r.truth for r in results),
            "weighted": _mean(_weighted(r.truth, of(r)) for r in results),
            "weighted, songs": _mean(_weighted(r.truth, of(r)) for r in songs),
            "weighted, classical": _mean(_weighted(r.truth, of(r)) for r in classical),
        }

    def tempos(of: Callable[[Result], float]) -> dict[str, float]:
        return {
            "within 4 %": _mean(_near(of(r)) for r in results),
            "or half, double, third, triple": _mean(_near(of(r), *_OCTAVES) for r in results),
            "within 4 %, songs": _mean(_near(of(r)) for r in songs),
            "within 4 %, classical": _mean(_near(of(r)) for r in classical),
        }

    def notes(of: Callable[[Result], Notes]) -> dict[str, float]:
        return {
            "precision": _mean(of(r).precision for r in results),
            "recall": _mean(of(r).recall for r in results),
            "onset F1": _mean(of(r).onset for r in results),
            "onset and offset F1": _mean(of(r).offset for r in results),
            "onset F1, songs": _mean(of(r).onset for r in songs),
            "onset F1, classical": _mean(of(r).onset for r in classical),
        }

    stated = {"stated precision": _mean(r.confidence for r in results)}
    return [
        Report(
            f"Key{protocol}; mir_eval, against the main key.",
            {"krumhansl on the notes heard": keys(lambda r: r.key_by_profile), "audio": keys(lambda r: r.key)},
        ),
        Report(
            f"Tempo{protocol}; the songs at their own tempo, the others at one drawn from 60 to 120.",
            {"most regular period": tempos(lambda r: r.tempo_by_period), "audio": tempos(lambda r: r.tempo)},
        ),
        Report(
            f"Notes{protocol}; mir_eval: onset within 50 ms and pitch; offset within 20 % of the length.",
            {"basic-pitch's own rule": notes(lambda r: r.notes_by_rule), "audio": notes(lambda r: r.notes) | stated},
        ),
        _metres(data, pipeline, console),
    ]


def _metres(data: Path, pipeline: Pipeline, console: Console) -> Report:
    """Play lead sheets and count how often the quarters in their bars are told right."""
    found: dict[str, list[bool]] = {name: [] for name in _BARS.values()}
    for sheet in track(choose(data, "test", _SHEETS), "listening for bars", console=console):
        name = _BARS.get(sheet.piece.meter_map[0][1:])
        if name is not None:
            heard, _ = pipeline.hear(_file(sheet.piece))
            told = pipeline.read(heard.transcription).meter.time_signatures[0].time_signature
            found[name].append(_BARS.get((told.numerator, told.denominator)) == name)
    metrics = {f"{name}, {len(right)} sheets": _mean(right) for name, right in found.items()}
    return Report(
        f"Metre of lead sheets of the test part of OpenEWLD, the first {_SECONDS:.0f} seconds played by the SoundFont "
        "TimGM6mb at a tempo drawn from 72 to 144, as FLAC files.",
        {"always 4/4": {metric: float(not metric.startswith("3/4")) for metric in metrics}, "audio": metrics},
    )


def _file(piece: Piece) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, render(piece, _SECONDS), RATE, format="FLAC")
    return file.getvalue()


def _measure(played: Played, pipeline: Pipeline) -> Result:
    heard, session = pipeline.hear(_file(played.piece))
    key = pipeline.read(heard.transcription).key.key
    transcription = score_to_piece(heard.transcription)
    ends = transcription.beats_to_seconds(transcription.end)
    times = np.stack([transcription.beats_to_seconds(transcription.start), ends], axis=1)
    posteriors = join(np.concatenate(session.heard), session.samples)
    periods = find_periods(onset_strength(session.mel, posteriors))
    weights = np.bincount(transcription.pitch % 12, times[:, 1] - times[:, 0], 12).astype(np.float64)
    return Result(
        played.pack,
        played.key,
        key.tonic + 12 * (key.mode == music_pb2.MODE_MINOR),
        int(histogram_scores(weights, "krumhansl").argmax()),
        heard.tempo.quarters_per_minute / played.tempo,
        60 / periods.regular / played.tempo if periods else 0.0,
        _compare(played, times, transcription.pitch),
        _compare(played, *_by_rule(posteriors)),
        heard.transcription_confidence,
    )


def _by_rule(posteriors: Posteriors) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    found = find_candidates(posteriors, *_RULE)
    return found[:, :2] / FRAMES_PER_SECOND, found[:, 2] + LOWEST


def _compare(played: Played, times: NDArray[np.float64], pitch: NDArray[np.int64]) -> Notes:
    score = mir_eval.transcription.precision_recall_f1_overlap
    spans, hertz = played_notes(played, _SECONDS)
    precision, recall, onset, _ = score(spans, hertz, times, to_hertz(pitch), offset_ratio=None)
    return Notes(precision, recall, onset, score(spans, hertz, times, to_hertz(pitch))[2])


def _weighted(truth: int, found: int) -> float:
    names = (f"{_TONICS[key % 12]} {'minor' if key >= 12 else 'major'}" for key in (truth, found))
    return float(mir_eval.key.weighted_score(*names))


def _near(ratio: float, *octaves: float) -> bool:
    return any(abs(ratio / octave - 1) < _TEMPO_TOLERANCE for octave in (1.0, *octaves))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
