"""Analyze a score: the model half. Only what is asked for is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message
from segue.music import music_to_piece
from segue.music.answers import to_originality
from segue.music.grid import UNRELATED
from segue.music.melody import is_one_voice
from segue.music.reading import Reading
from segue.plugin_api.errors import SegueError
from segue.plugin_api.python_model import Item, MessageModel
from segue.plugins.score.harmony import describe_chords, describe_key
from segue.plugins.score.issues import find_issues
from segue.plugins.score.melody import describe_melody
from segue.plugins.score.networks import Networks, use_one_thread
from segue.plugins.score.statistics import describe_pitch, describe_rhythm
from segue.plugins.score.structure import describe_structure
from segue.plugins.score.style import FEWEST_NOTES, describe_style
from segue.plugins.score.timing import describe_meter, describe_tempo
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

Part = Callable[[Reading, Networks, Mapping[str, Any], pb.AnalyzeResponse], None]


def _tempo(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.tempo.CopyFrom(describe_tempo(reading))


def _meter(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.meter.CopyFrom(describe_meter(reading))


def _key(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    if (key := describe_key(reading)) is not None:
        response.key.CopyFrom(key)
    else:
        response.notices.append(
            music_pb2.Notice(subject="key", text="Fewer than three different pitches sound: they tell no key.")
        )


def _chords(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.chords.extend(describe_chords(reading, options["chords"]))


def _melody(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.melody.CopyFrom(describe_melody(reading))


def _pitch(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.pitch.CopyFrom(describe_pitch(reading))


def _rhythm(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.rhythm.CopyFrom(describe_rhythm(reading))


def _structure(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.structure.CopyFrom(describe_structure(reading))


def _style(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    response.style.CopyFrom(describe_style(reading, networks.styles))
    if len(reading.pitched) < FEWEST_NOTES:
        text = f"Notes with a pitch: {len(reading.pitched)}; {FEWEST_NOTES} are the fewest that tell a style."
        response.notices.append(music_pb2.Notice(subject="style", text=text))
    elif is_one_voice(reading.original):
        text = "Two notes hardly ever sound at once, and the styles are those of accompaniments: none may be near."
        response.notices.append(music_pb2.Notice(subject="style", text=text))


def _originality(
    reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse
) -> None:
    found = networks.originality.compare(reading.original)
    response.originality.CopyFrom(to_originality(found, networks.originality.titles, reading.piece))


def _issues(reading: Reading, networks: Networks, options: Mapping[str, Any], response: pb.AnalyzeResponse) -> None:
    issues, notices = find_issues(reading, options["max_issues"])
    response.issues.extend(issues)
    response.notices.extend(notices)


_PARTS: Final[Mapping[int, Part]] = {
    pb.ASPECT_TEMPO: _tempo,
    pb.ASPECT_METER: _meter,
    pb.ASPECT_KEY: _key,
    pb.ASPECT_CHORDS: _chords,
    pb.ASPECT_MELODY: _melody,
    pb.ASPECT_PITCH: _pitch,
    pb.ASPECT_RHYTHM: _rhythm,
    pb.ASPECT_STRUCTURE: _structure,
    pb.ASPECT_STYLE: _style,
    pb.ASPECT_ORIGINALITY: _originality,
    pb.ASPECT_ISSUES: _issues,
}
_NEED_BEATS: Final = frozenset({pb.ASPECT_METER, pb.ASPECT_CHORDS, pb.ASPECT_KEY, pb.ASPECT_RHYTHM})


class ScoreModel(MessageModel[pb.AnalyzeRequest]):
    """Analyzes scores."""

    request_type = pb.AnalyzeRequest

    def load(self, artifacts: Path, device: str) -> None:
        """Read the networks."""
        use_one_thread()
        self._networks = Networks.load(artifacts)

    def answer(self, items: Sequence[Item[pb.AnalyzeRequest]]) -> Sequence[Message | SegueError]:
        """Analyze each piece."""
        return [self._answer(item) for item in items]

    def _answer(self, item: Item[pb.AnalyzeRequest]) -> Message | SegueError:
        try:
            return analyze(item.request, item.options, self._networks)
        except SegueError as error:
            return error


def analyze(request: pb.AnalyzeRequest, options: Mapping[str, Any], networks: Networks) -> pb.AnalyzeResponse:
    """Analyze one piece.

    Parameters
    ----------
    request, options
        As they came.
    networks
        What was trained.

    Raises
    ------
    InvalidMusic
        If the music can't be read or is too long.
    """
    piece, notices = music_to_piece(request.music)
    reading = networks.read(piece, written=request.music.WhichOneof("content") == "musicxml")
    response = pb.AnalyzeResponse(
        seconds=float(piece.beats_to_seconds(piece.beats)), beats=piece.beats, notes=len(piece), notices=notices
    )
    wanted = dict.fromkeys(request.aspects) if request.aspects else _PARTS
    for aspect in wanted:
        if aspect in _PARTS:
            _PARTS[aspect](reading, networks, options, response)
        else:
            names = {int(number): name for name, number in pb.Aspect.items()}
            name = names.get(aspect, f"aspect {aspect}").removeprefix("ASPECT_").lower()
            other = "; 'emotion' does" if aspect == pb.ASPECT_EMOTION else ""
            text = f"The algorithm 'score' does not analyse {name}{other}."
            response.notices.append(music_pb2.Notice(subject="aspects", text=text))
    if _NEED_BEATS.intersection(wanted) and reading.grid.confidence < UNRELATED:
        text = "The notes do not lie on the beats: beats, metre, chords and keys are less certain than they look."
        response.notices.append(music_pb2.Notice(subject="meter", text=text))
    return response
