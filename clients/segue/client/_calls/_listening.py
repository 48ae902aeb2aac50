"""The calls of ListeningService."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from segue.client._calls._call import Call, as_it_is, build
from segue.client._errors import InvalidField
from segue.v1.listening_pb2 import (
    EraseListenerRequest,
    ExportListenerRequest,
    ExportListenerResponse,
    ListPlaysRequest,
    ListPlaysResponse,
    Play,
    RecordPlaysRequest,
    RecordPlaysResponse,
    StreamPlaysRequest,
)
from segue.v1.listening_pb2_grpc import ListeningServiceStub


def record_plays(
    plays: Iterable[Play | Mapping[str, Any]], *, timeout: float | None = None
) -> Call[RecordPlaysResponse]:
    """Record plays; when it returns, they are durable.

    Parameters
    ----------
    plays
        1-1,000 plays, e.g. ``{"listener_id": "alice", "track_id": "51", "plays": 3}``, or messages. One without
        event_id gets a fresh one, so that a retry does not record it twice; give your own if you may call again after
        an error.
    timeout
        Seconds for the call with all its retries; by default the client's, or 30.
    """
    request = build(RecordPlaysRequest, plays=_with_event_ids(plays))
    return Call(ListeningServiceStub, "RecordPlays", request, as_it_is, timeout, 30.0)


class Batches:
    """Makes the messages of `stream_plays`.

    gRPC logs what is raised while it reads requests, and cancels the call; so what the caller's batches raise is kept
    here, to be raised where the caller sees it.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep what is raised inside, and end the stream in peace."""
        try:
            yield
        except Exception as error:  # whatever the caller's iterator raises
            self.error = error

    def request(self, plays: Iterable[Play | Mapping[str, Any]]) -> StreamPlaysRequest:
        """Make one message of at most 1,000 plays."""
        return build(StreamPlaysRequest, plays=_with_event_ids(plays))


def list_plays(
    listener_id: str, *, page_size: int = 0, page_token: str = "", timeout: float | None = None
) -> Call[ListPlaysResponse]:
    """Read a listener's plays back, latest first.

    Parameters
    ----------
    listener_id
        Who.
    page_size
        How many, 1-1,000; 0 means 100.
    page_token
        ``next_page_token`` of an earlier answer, to go on after its last play.
    timeout
        Seconds for the call with all its retries; by default the client's, or 30.
    """
    request = build(ListPlaysRequest, listener_id=listener_id, page_size=page_size, page_token=page_token)
    return Call(ListeningServiceStub, "ListPlays", request, as_it_is, timeout, 30.0)


def export_listener(listener_id: str, *, timeout: float | None = None) -> Call[ExportListenerResponse]:
    """Export a listener: everything that is kept, in messages of at most 1,000 plays, latest play first.

    The timeout, 300 s by default, is that of the whole stream.
    """
    request = build(ExportListenerRequest, listener_id=listener_id)
    return Call(ListeningServiceStub, "ExportListener", request, as_it_is, timeout, 300.0)


def erase_listener(listener_id: str, *, timeout: float | None = None) -> Call[int]:
    """Erase a listener: the plays, and every answer kept for them. Returns the number of plays erased."""
    request = build(EraseListenerRequest, listener_id=listener_id)
    return Call(ListeningServiceStub, "EraseListener", request, lambda r: int(r.erased), timeout, 30.0)


def _with_event_ids(plays: Iterable[Play | Mapping[str, Any]]) -> list[Play]:
    named = []
    for index, given in enumerate(plays):
        try:
            play = given if isinstance(given, Play) else Play(**given)
        except (TypeError, ValueError) as error:
            known = ", ".join(Play.DESCRIPTOR.fields_by_name)
            raise InvalidField.at(f"plays[{index}]", f"{error}; a play is a message or a mapping of {known}") from error
        named.append(Play(event_id=str(uuid.uuid4())))
        named[-1].MergeFrom(play)
    return named
