"""The call Recommend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from segue.client._calls._call import Call, Options, as_it_is, build, to_struct
from segue.v1.music_service_pb2_grpc import MusicServiceStub
from segue.v1.recommend_pb2 import HistoryItem, RecommendFilter, RecommendRequest, RecommendResponse


def recommend(
    *,
    listener_id: str = "",
    history: Iterable[HistoryItem | str] | Mapping[str, float] = (),
    seed_tracks: Iterable[str] = (),
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
    """Recommend tracks, with reasons. At least one of listener_id, history and seed_tracks is needed.

    Parameters
    ----------
    listener_id
        A listener whose plays were recorded, or whom the model was trained on.
    history
        Plays to recommend from: track ids, ``{track id: plays}``, or messages.
    seed_tracks
        "More like these": track ids.
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
        count=count,
        page_token=page_token,
        filter=allowed if allowed.ByteSize() else None,
        exclude_known=exclude_known,
        diversity=diversity,
        novelty=novelty,
        language=language,
    )
    return Call(MusicServiceStub, "Recommend", request, as_it_is, timeout, 10.0)
