"""One call of an algorithm, from route to annotated answer."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message
from segue.plugin_api.algorithm import Call, Plays
from segue.plugin_api.errors import DeadlineExceeded, InternalError, InvalidField, SegueError, Unavailable, Unsupported
from segue.server.answers import Answers
from segue.server.envelope import current_call
from segue.server.errors import failure_of
from segue.server.fleet import VERBS, Fleet
from segue.server.metrics import SHADOW_CALLS
from segue.server.options import options_digest, parse_options
from segue.server.routing import Capability, Route, Router
from segue.server.rules import check_in_turns
from segue.server.served import CallModels, ServedAlgorithm
from segue.v1 import analyze_pb2, catalog_pb2, generate_pb2, lineage_pb2, recommend_pb2, transfer_pb2

log = logging.getLogger("segue.calls")

RESPONSES: Final[Mapping[Capability, Any]] = {
    catalog_pb2.CAPABILITY_RECOMMEND: recommend_pb2.RecommendResponse,
    catalog_pb2.CAPABILITY_GENERATE: generate_pb2.GenerateResponse,
    catalog_pb2.CAPABILITY_TRANSFER: transfer_pb2.TransferResponse,
    catalog_pb2.CAPABILITY_ANALYZE: analyze_pb2.AnalyzeResponse,
}
_MOST_SHADOWS: Final = 16
_BATCH_AT_ONCE: Final = 33
"""Requests of one batch that run at once: one under way and two full batches of a model, so that others get a turn."""


class Calls:
    """Runs algorithms for ``MusicService``.

    Parameters
    ----------
    router, fleet
        Who answers.
    plays
        What listeners played.
    answers
        Answers kept by request id.
    """

    def __init__(self, router: Router, fleet: Fleet, plays: Plays, answers: Answers) -> None:
        self._router = router
        self._fleet = fleet
        self._plays = plays
        self._answers = answers
        self._shadows: set[asyncio.Task[None]] = set()

    async def answer(self, capability: Capability, request: Any) -> Any:
        """Answer a unary call; one with a request id is run once and then answered from what was kept."""
        if not request.request_id:
            return await self._run(capability, request)
        data = await self._answers.once(
            self._answers.key(VERBS[capability], "", request.request_id),
            hashlib.sha256(request.SerializeToString(deterministic=True)).digest(),
            lambda: self._serialized(capability, request),
            timeout_seconds=current_call.get().deadline - time.monotonic(),
            listener_id=getattr(request, "listener_id", ""),
        )
        return RESPONSES[capability].FromString(data)

    async def recommend_all(
        self, requests: Sequence[recommend_pb2.RecommendRequest]
    ) -> list[recommend_pb2.RecommendOutcome]:
        """Answer each request of a batch as if it had come alone; some at a time, which reach the model together."""
        turns = asyncio.Semaphore(_BATCH_AT_ONCE)

        async def answer(request: recommend_pb2.RecommendRequest) -> recommend_pb2.RecommendOutcome:
            async with turns:
                return await self._outcome(request)

        return await asyncio.gather(*map(answer, requests))

    async def _outcome(self, request: recommend_pb2.RecommendRequest) -> recommend_pb2.RecommendOutcome:
        try:
            await check_in_turns(request)
            response = await self.answer(catalog_pb2.CAPABILITY_RECOMMEND, request)
        except (SegueError, TimeoutError) as raised:
            error = raised if isinstance(raised, SegueError) else DeadlineExceeded(f"the model took too long: {raised}")
            if isinstance(error, InternalError):
                log.error("one of a batch failed", exc_info=error, extra={"call_id": current_call.get().id})
            return recommend_pb2.RecommendOutcome(failure=failure_of(error, current_call.get().id))
        return recommend_pb2.RecommendOutcome(response=response)

    async def stream(self, capability: Capability, request: Any) -> AsyncIterator[Any]:
        """Answer a streamed Generate or Transfer; the lineage comes with the last message."""
        verb = VERBS[capability]
        if getattr(request, "count", 0) > 1:
            raise InvalidField("request.count", f"is {request.count}, must be 0 or 1 for a stream")
        if request.request_id:
            raise InvalidField(
                "request.request_id", f"is not kept for a stream; leave it empty or call {verb.capitalize()}"
            )
        route = self._router.route(capability, request)
        served = route.served
        streamed = getattr(served.algorithm, f"{verb}_stream", None)
        if streamed is None:
            raise Unsupported(f"algorithm {served.name} does not stream; call {verb.capitalize()}")
        call, models = self._call(served, request)
        try:
            async for response in _end_with_the_last(streamed(request, call)):
                if response.HasField("complete"):
                    response.complete.lineage.CopyFrom(_lineage(route, call, models))
                yield response
        except (Exception, SystemExit) as error:
            raise self._judge(served, error) from error

    async def _serialized(self, capability: Capability, request: Any) -> bytes:
        response: Message = await self._run(capability, request)
        return response.SerializeToString()

    async def _run(self, capability: Capability, request: Any) -> Any:
        route = self._router.route(capability, request)
        if route.shadow is not None and len(self._shadows) < _MOST_SHADOWS:
            task = asyncio.create_task(self._run_shadow(capability, route.shadow, request))
            self._shadows.add(task)
            task.add_done_callback(self._shadows.discard)
        return await self._run_one(capability, route, request)

    async def _run_one(self, capability: Capability, route: Route, request: Any) -> Any:
        call, models = self._call(route.served, request)
        try:
            response = await getattr(route.served.algorithm, VERBS[capability])(request, call)
        except (Exception, SystemExit) as error:
            raise self._judge(route.served, error) from error
        if not isinstance(response, RESPONSES[capability]):
            raise InternalError(f"algorithm {route.served.name} answered with a {type(response).__name__}")
        response.lineage.CopyFrom(_lineage(route, call, models))
        return response

    async def _run_shadow(self, capability: Capability, shadow: ServedAlgorithm, request: Message) -> None:
        try:
            await self._run_one(capability, Route(shadow, "shadow"), request)
            SHADOW_CALLS.labels(shadow.name, "ok").inc()
        except (SegueError, TimeoutError) as error:
            if isinstance(error, InternalError):
                log.error("shadow %s failed", shadow.name, exc_info=error, extra={"call_id": current_call.get().id})
            SHADOW_CALLS.labels(shadow.name, getattr(error, "reason", DeadlineExceeded.reason)).inc()

    def _call(self, served: ServedAlgorithm, request: Any) -> tuple[Call, CallModels]:
        options = parse_options(served.algorithm.Options, request.options)
        seed = request.seed if request.HasField("seed") else _draw_seed(request.request_id)
        deadline = current_call.get().deadline
        models = CallModels(served, deadline)
        return Call(options=options, seed=seed, models=models, plays=self._plays, deadline=deadline), models

    def _judge(self, served: ServedAlgorithm, error: BaseException) -> Exception:
        """Turn what an algorithm raised into what the caller is told; suspect the algorithm if it looks ill."""
        if isinstance(error, SegueError | TimeoutError):
            if isinstance(error, Unavailable | InternalError):
                self._fleet.suspect(served)
            return error
        return InternalError(f"algorithm {served.name} raised {type(error).__name__}: {error}")


async def _end_with_the_last(responses: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Hold what is complete until the algorithm has ended: whoever hangs up then cancels no model."""
    held: Any = None
    async for response in responses:
        if held is not None:
            yield held
        held = response if response.HasField("complete") else None
        if held is None:
            yield response
    if held is not None:
        yield held


def _draw_seed(request_id: str) -> int:
    """Draw a seed, from the request id if there is one: then a retry gets the same even if its answer was not kept."""
    if not request_id:
        return random.getrandbits(32)
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:4])


def _lineage(route: Route, call: Call, models: CallModels) -> lineage_pb2.Lineage:
    served = route.served
    return lineage_pb2.Lineage(
        response_id=current_call.get().id,
        algorithm=served.name,
        algorithm_version=served.algorithm.version,
        plugin=served.plugin.distribution,
        models=models.lineage(),
        options_digest=options_digest(call.options),
        seed=call.seed,
        variant=route.variant,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
