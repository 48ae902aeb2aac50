"""MusicService: each method hands its request to ``Calls``; the envelope around it does the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from segue.server.calls import Calls
from segue.v1 import (
    analyze_pb2,
    catalog_pb2,
    generate_pb2,
    music_service_pb2_grpc,
    recommend_pb2,
    transfer_pb2,
)


class MusicServicer(music_service_pb2_grpc.MusicServiceServicer):
    """Answers MusicService.

    Parameters
    ----------
    calls
        Runs algorithms.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Recommend(  # noqa: N802, D102
        self, request: recommend_pb2.RecommendRequest, context: Any
    ) -> recommend_pb2.RecommendResponse:
        return await self._calls.answer(catalog_pb2.CAPABILITY_RECOMMEND, request)  # type: ignore[no-any-return]

    async def BatchRecommend(  # noqa: N802, D102
        self, request: recommend_pb2.BatchRecommendRequest, context: Any
    ) -> recommend_pb2.BatchRecommendResponse:
        return recommend_pb2.BatchRecommendResponse(outcomes=await self._calls.recommend_all(request.requests))

    async def Generate(  # noqa: N802, D102
        self, request: generate_pb2.GenerateRequest, context: Any
    ) -> generate_pb2.GenerateResponse:
        return await self._calls.answer(catalog_pb2.CAPABILITY_GENERATE, request)  # type: ignore[no-any-return]

    async def GenerateStream(  # noqa: N802, D102
        self, request: generate_pb2.GenerateStreamRequest, context: Any
    ) -> AsyncIterator[generate_pb2.GenerateStreamResponse]:
        async for response in self._calls.stream(catalog_pb2.CAPABILITY_GENERATE, request.request):
            yield response

    async def Transfer(  # noqa: N802, D102
        self, request: transfer_pb2.TransferRequest, context: Any
    ) -> transfer_pb2.TransferResponse:
        return await self._calls.answer(catalog_pb2.CAPABILITY_TRANSFER, request)  # type: ignore[no-any-return]

    async def TransferStream(  # noqa: N802, D102
        self, request: transfer_pb2.TransferStreamRequest, context: Any
    ) -> AsyncIterator[transfer_pb2.TransferStreamResponse]:
        async for response in self._calls.stream(catalog_pb2.CAPABILITY_TRANSFER, request.request):
            yield response

    async def Analyze(  # noqa: N802, D102
        self, request: analyze_pb2.AnalyzeRequest, context: Any
    ) -> analyze_pb2.AnalyzeResponse:
        return await self._calls.answer(catalog_pb2.CAPABILITY_ANALYZE, request)  # type: ignore[no-any-return]
