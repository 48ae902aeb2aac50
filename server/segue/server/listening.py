"""ListeningService: plays are recorded, read back, exported and erased."""

# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from segue.server.plays import PlayStore
from segue.v1 import listening_pb2, listening_pb2_grpc

EXPORTED_AT_ONCE: Final = 1000
"""Plays in one message of an export."""


class ListeningService(listening_pb2_grpc.ListeningServiceServicer):
    """Answers ListeningService from a store of plays.

    Parameters
    ----------
    plays
        The store.
    """

    def __init__(self, plays: PlayStore) -> None:
        self._plays = plays

    async def RecordPlays(
        self, request: listening_pb2.RecordPlaysRequest, context: Any
    ) -> listening_pb2.RecordPlaysResponse:
        """Record plays."""
        done = await self._plays.record(request.plays)
        return listening_pb2.RecordPlaysResponse(recorded=done.recorded, duplicates=done.duplicates)

    async def StreamPlays(
        self, request_iterator: AsyncIterator[listening_pb2.StreamPlaysRequest], context: Any
    ) -> AsyncIterator[listening_pb2.StreamPlaysResponse]:
        """Record plays in bulk. The next message is read once this one is durable, so a fast sender is held back."""
        async for request in request_iterator:
            done = await self._plays.record(request.plays)
            yield listening_pb2.StreamPlaysResponse(recorded=done.recorded, duplicates=done.duplicates)

    async def ListPlays(self, request: listening_pb2.ListPlaysRequest, context: Any) -> listening_pb2.ListPlaysResponse:
        """Read plays back."""
        page, token = await self._plays.list_plays(request.listener_id, request.page_size, request.page_token)
        return listening_pb2.ListPlaysResponse(plays=page, next_page_token=token)

    async def ExportListener(
        self, request: listening_pb2.ExportListenerRequest, context: Any
    ) -> AsyncIterator[listening_pb2.ExportListenerResponse]:
        """Export a listener. The next page is read once this one is sent, so a slow receiver holds nothing up."""
        token = ""
        while True:
            page, token = await self._plays.list_plays(request.listener_id, EXPORTED_AT_ONCE, token)
            if page:
                yield listening_pb2.ExportListenerResponse(plays=page)
            if not token:
                return

    async def EraseListener(
        self, request: listening_pb2.EraseListenerRequest, context: Any
    ) -> listening_pb2.EraseListenerResponse:
        """Erase a listener."""
        return listening_pb2.EraseListenerResponse(erased=await self._plays.erase(request.listener_id))
