"""The call Analyze."""

from __future__ import annotations

from collections.abc import Iterable

from segue.client._calls._call import Call, Options, as_it_is, build, to_struct
from segue.client._music import MusicLike, to_music
from segue.client._parse import enum_number
from segue.v1.analyze_pb2 import AnalyzeRequest, AnalyzeResponse, Aspect
from segue.v1.music_service_pb2_grpc import MusicServiceStub


def analyze(
    music: MusicLike,
    *,
    aspects: Iterable[str | int] = (),
    algorithm: str = "",
    options: Options | None = None,
    seed: int | None = None,
    request_id: str = "",
    timeout: float | None = None,
) -> Call[AnalyzeResponse]:
    """Say what a piece is made of.

    Parameters
    ----------
    music
        The piece: a path, the bytes of a file, or a message.
    aspects
        What to find out, e.g. ``["key", "chords", "issues"]``; empty means everything the algorithm can.
    algorithm
        Algorithm by name; empty means the default one.
    options
        Options of the algorithm, as its schema in the catalogue lists them.
    seed
        Seed of whatever is drawn at random.
    request_id
        The same id gets the same answer, once.
    timeout
        Seconds for the call with all its retries; by default the client's, or 120.
    """
    request = build(
        AnalyzeRequest,
        algorithm=algorithm,
        options=to_struct(options),
        request_id=request_id,
        seed=seed,
        music=to_music(music),
        aspects=[enum_number(Aspect, aspect, "aspects") for aspect in aspects],
    )
    return Call(MusicServiceStub, "Analyze", request, as_it_is, timeout, 120.0)
