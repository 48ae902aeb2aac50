"""The verb of its capability does what the contract says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
from segue.conformance.check import BrokenPromise, Check
from segue.conformance.failures import read_failure
from segue.conformance.subject import Subject
from segue.music import music_to_piece
from segue.plugin_api import SegueError
from segue.v1 import analyze_pb2, catalog_pb2, music_pb2


def look(subject: Subject) -> str:
    """Call its probe, and look at the lineage and at what the contract promises for its capability."""
    response = subject.call(subject.probe(seed=7))
    try:
        subject.algorithm.check_probe(response)
    except Exception as error:  # whatever an author's own check raises
        raise BrokenPromise(f"its own check_probe refuses the answer: {error}", "an answer that it accepts") from error
    _look_at_lineage(subject, response.lineage)
    return _PROMISES[subject.algorithm.capability](subject, response)


def _look_at_lineage(subject: Subject, lineage: Any) -> None:
    if (lineage.algorithm, lineage.seed) != (subject.name, 7):
        raise BrokenPromise(
            f"the lineage names {lineage.algorithm!r} with seed {lineage.seed}", f"{subject.name!r} with seed 7"
        )
    known = {spec.name for spec in subject.algorithm.models}
    used = {model.name for model in lineage.models}
    if known and not used:
        raise BrokenPromise("it answered without any of its models", "call.infer, call.message or call.messages")
    if not used <= known:
        raise BrokenPromise(f"the lineage names models {sorted(used - known)}", f"some of {sorted(known)}")


def _recommend(subject: Subject, _: Any) -> str:
    request = subject.probe(count=3)
    response = subject.call(request)
    found = [track.track_id for track in response.recommendations]
    scores = [track.score for track in response.recommendations]
    known = {item.track_id for item in request.history} | set(request.seed_tracks)
    if len(found) > 3 or len(set(found)) < len(found):
        raise BrokenPromise(f"count 3 gave {found}", "at most 3 tracks, none twice")
    if not all(map(math.isfinite, scores)) or scores != sorted(scores, reverse=True):
        raise BrokenPromise(f"the scores are {scores}", "finite, best first")
    if known & set(found):
        raise BrokenPromise(f"it recommends {sorted(known & set(found))}, which the history holds", "new tracks")
    page = _refused(subject, subject.probe(page_token="no such token"))  # noqa: S106 - of pages
    if page is not None and not page:
        raise BrokenPromise("a forged page_token failed", "the first page, or INVALID_ARGUMENT naming page_token")
    return "count, order and distinctness"


def _refused(subject: Subject, request: Any) -> bool | None:
    """Return None for an answer, else whether it was refused by the name of a field."""
    failure = subject.failure(request)
    return None if failure is None else failure.code == "INVALID_ARGUMENT" and bool(failure.fields)


def _generate(subject: Subject, _: Any) -> str:
    request = subject.probe(count=2, seed=1)
    try:
        pieces = subject.call(request).pieces
    except grpc.RpcError as error:
        failure = read_failure(error)
        if not (failure.code == "INVALID_ARGUMENT" and failure.names("count")):
            raise
        pieces = subject.call(subject.probe(seed=1)).pieces
        expected = 1
    else:
        expected = 2
    if len(pieces) != expected:
        raise BrokenPromise(f"count 2 gave {len(pieces)} pieces", "as many as were asked for, or a refusal of 'count'")
    for index, piece in enumerate(pieces):
        if piece.music.WhichOneof("content") or not piece.verse:
            _look_at_music(piece.music, f"pieces[{index}].music")
    return f"{expected} readable pieces"


def _transfer(subject: Subject, response: Any) -> str:
    sent = subject.algorithm.probe().music.WhichOneof("content")
    if sent == "audio":
        if not response.music.audio.data:
            raise BrokenPromise("a recording came back without sound", "music.audio")
    else:
        _look_at_music(response.music, "music")
    numbers = [edit.id for edit in response.edits]
    if numbers != list(range(1, len(numbers) + 1)):
        raise BrokenPromise(f"the edits are numbered {numbers[:5]}...", "1, 2, 3, ...")
    return f"readable music, {len(numbers)} edits"


def _look_at_music(music: music_pb2.Music, field: str) -> None:
    try:
        music_to_piece(music, field)
    except SegueError as error:
        raise BrokenPromise(f"{field} can't be read: {error}", "a MIDI file with notes") from error


_ASPECTS: Final[Mapping[str, int]] = {
    "tempo": analyze_pb2.ASPECT_TEMPO,
    "meter": analyze_pb2.ASPECT_METER,
    "key": analyze_pb2.ASPECT_KEY,
    "chords": analyze_pb2.ASPECT_CHORDS,
    "melody": analyze_pb2.ASPECT_MELODY,
    "pitch": analyze_pb2.ASPECT_PITCH,
    "rhythm": analyze_pb2.ASPECT_RHYTHM,
    "structure": analyze_pb2.ASPECT_STRUCTURE,
    "emotion": analyze_pb2.ASPECT_EMOTION,
    "style": analyze_pb2.ASPECT_STYLE,
    "originality": analyze_pb2.ASPECT_ORIGINALITY,
    "issues": analyze_pb2.ASPECT_ISSUES,
    "transcription": analyze_pb2.ASPECT_TRANSCRIPTION,
    "loudness": analyze_pb2.ASPECT_LOUDNESS,
}
"""Field of the answer → the aspect that asks for it."""


def _analyze(subject: Subject, _: Any) -> str:
    everything = subject.probe()
    everything.ClearField("aspects")
    told = _told(subject.call(everything))
    if not told:
        raise BrokenPromise("it tells no aspect of its probe", f"at least one of {', '.join(_ASPECTS)}")
    for field in sorted(told)[:3]:
        request = subject.probe()
        request.aspects[:] = [_ASPECTS[field]]
        others = _told(subject.call(request)) - {field}
        if others:
            raise BrokenPromise(
                f"asked for {field} alone it tells {', '.join(sorted(others))} too",
                "parts that were not asked for are absent",
            )
    return f"tells {', '.join(sorted(told))}"


def _told(response: Any) -> set[str]:
    return {field.name for field, _ in response.ListFields()} & _ASPECTS.keys()


_PROMISES: Final[Mapping[int, Callable[[Subject, Any], str]]] = {
    catalog_pb2.CAPABILITY_RECOMMEND: _recommend,
    catalog_pb2.CAPABILITY_GENERATE: _generate,
    catalog_pb2.CAPABILITY_TRANSFER: _transfer,
    catalog_pb2.CAPABILITY_ANALYZE: _analyze,
}

VERB: Final = Check("verb", "it answers, by its own models, what the contract says for its capability", look)
