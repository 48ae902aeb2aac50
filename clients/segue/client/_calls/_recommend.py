"""The calls Recommend and BatchRecommend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from segue.client._calls._call import Call, Options, as_it_is, build, to_struct
from segue.client._errors import SegueError, failure_to_segue_error
from segue.v1.music_service_pb2_grpc import MusicServiceStub
from segue.v1.recommend_pb2 import (
    BatchRecommendRequest,
    BatchRecommendResponse,
    HistoryItem,
    RecommendFilter,
    RecommendRequest,
    RecommendResponse,
)


def recommend(
    *,
    listener_id: str = "",
    history: Iterable[HistoryItem | str] | Mapping[str, float] = (),
    seed_tracks: Iterable[str] = (),
    seed_artists: Iterable[str] = (),
    count: int = 0,
    page_token: str = "",
    tags: Iterable[str] = (),
    excluded_tags: Iterable[str] = (),
    artists: Iterable[str] = (),
    excluded_artists: Iterable[str] = (),
    excluded_tracks: Iterable[str] = (),
    exclude_known: bool | None = None,
    diversity: float = 0.0,
    novelty: float = 0.0,
    language: str = "",
    algorithm: str = "",
    options: Options | None = None,
    seed: int | None = None,
    request_id: str = "",
    timeout: float | None = None,
) -> Call[RecommendResponse]:
    """Recommend tracks, with reasons. At least one of listener_id, history and seeds is needed.

    Parameters
    ----------
    listener_id
        A listener whose plays were recorded, or whom the model was trained on.
    history
        Plays to recommend from: track ids, ``{track id: plays}``, or messages.
    seed_tracks
        "More like these": track ids.
    seed_artists
        Similar artists: artists by name, whose most played tracks are seeds.
    count
        How many tracks, 1-500; 0 means 10.
    page_token
        ``next_page_token`` of an earlier answer, to go on after its last track.
    tags, artists
        Only tracks with one of these tags, by one of these artists; empty allows all.
    excluded_tags, excluded_artists, excluded_tracks
        What to leave out.
    exclude_known
        Leave out what the listener knows; None means True.
    diversity, novelty
        Relevance alone (0) to as varied, or as little played, as possible (1).
    language
        Language of the reasons: "en" (default) or "zh".
    algorithm
        Algorithm by name; empty means the default one.
    options
        Options of the algorithm, as its schema in the catalogue lists them.
    seed
        Seed of whatever is drawn at random.
    request_id
        The same id gets the same answer, once.
    timeout
        Seconds for the call with all its retries; by default the client's, or 10.
    """
    if isinstance(history, Mapping):
        items = [build(HistoryItem, track_id=track, plays=plays) for track, plays in history.items()]
    else:
        items = [HistoryItem(track_id=item) if isinstance(item, str) else item for item in history]
    allowed = build(
        RecommendFilter,
        tags=tags,
        excluded_tags=excluded_tags,
        artists=artists,
        excluded_artists=excluded_artists,
        excluded_tracks=excluded_tracks,
    )
    request = build(
        RecommendRequest,
        algorithm=algorithm,
        options=to_struct(options),
        request_id=request_id,
        seed=seed,
        listener_id=listener_id,
        history=items,
        seed_tracks=seed_tracks,
        seed_artists=seed_artists,
        count=count,
        page_token=page_token,
        filter=allowed if allowed.ByteSize() else None,
        exclude_known=exclude_known,
        diversity=diversity,
        novelty=novelty,
        language=language,
    )
    return Call(MusicServiceStub, "Recommend", request, as_it_is, timeout, 10.0)


def batch_recommend(
    requests: Iterable[Mapping[str, Any] | RecommendRequest], *, timeout: float | None = None
) -> Call[list[RecommendResponse | SegueError]]:
    """Answer many requests in one call, each by itself: the answer, or the error that it alone got, in their order.

    Parameters
    ----------
    requests
        1-200 requests: keywords of `recommend`, e.g. ``{"listener_id": "2", "count": 5}``, or messages.
    timeout
        Seconds for the call with all its retries; by default the client's, or 30.
    """
    messages = [one if isinstance(one, RecommendRequest) else recommend(**one).request for one in requests]
    request = build(BatchRecommendRequest, requests=messages)
    return Call(MusicServiceStub, "BatchRecommend", request, _outcomes, timeout, 30.0)


def _outcomes(response: BatchRecommendResponse) -> list[RecommendResponse | SegueError]:
    return [
        outcome.response if outcome.HasField("response") else failure_to_segue_error(outcome.failure)
        for outcome in response.outcomes
    ]
