"""What surrounds every call of every service: one place for limits, deadline, rules, errors, log and metrics.

Servicers inside it see well-formed requests that obey the contract, and say what is wrong by raising ``SegueError``.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from segue.plugin_api.errors import (
    DeadlineExceeded,
    Draining,
    InternalError,
    InvalidField,
    Overloaded,
    PermissionDenied,
    SegueError,
)
from segue.server.errors import status_of
from segue.server.logs import log_call
from segue.server.metrics import CALL_SECONDS, IN_FLIGHT
from segue.server.rules import check_in_turns
from segue.server.settings import Settings

log = logging.getLogger("segue.calls")

_OWN: Final = "/segue.v1."
_ADMIN: Final = "/segue.v1.AdminService/"
_ADMIN_ROOM: Final = 16
"""Calls of AdminService that are answered beyond the limit: what overloads a server is looked at while it does."""


@dataclass(frozen=True)
class CurrentCall:
    """The call that the running task answers.

    Attributes
    ----------
    id
        Identifier in log, lineage and errors.
    deadline
        ``time.monotonic()`` at which it is over.
    """

    id: str
    deadline: float


current_call: ContextVar[CurrentCall] = ContextVar("current_call")


@dataclass(frozen=True)
class _Malformed:
    """Stands in for a request that could not be parsed."""

    text: str


class Envelope(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Surrounds every call.

    Parameters
    ----------
    settings
        Limits and the admin token.
    admin_open
        True if AdminService may be called without a token: the server listens on loopback alone.
    """

    def __init__(self, settings: Settings, *, admin_open: bool) -> None:
        self._settings = settings
        self._admin_open = admin_open
        self._handlers: dict[str, tuple[Any, Any]] = {}
        self.in_flight = 0
        IN_FLIGHT.set_function(lambda: self.in_flight)
        self.draining = False

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Wrap a method's handler, once."""
        handler = await continuation(details)
        if handler is None or not details.method.startswith(_OWN):
            return handler
        known = self._handlers.get(details.method)
        if known is None or known[0] is not handler:
            self._handlers[details.method] = known = (handler, self._wrap(details.method, handler))
        return known[1]

    def _wrap(self, method: str, handler: Any) -> Any:
        parse = handler.request_deserializer

        def deserialize(data: bytes) -> Any:
            try:
                return parse(data)
            except Exception as error:  # truncated or foreign bytes
                return _Malformed(str(error))

        if handler.request_streaming:

            async def stream_stream(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
                async with self._call(method, context, longest=math.inf):
                    each = _each_checked(requests, self._settings.deadline_seconds)
                    async for response in handler.stream_stream(each, context):
                        yield response

            return grpc.stream_stream_rpc_method_handler(stream_stream, deserialize, handler.response_serializer)
        if handler.response_streaming:

            async def unary_stream(request: Any, context: Any) -> AsyncIterator[Any]:
                async with self._call(method, context):
                    async for response in handler.unary_stream(await _checked(request), context):
                        yield response

            return grpc.unary_stream_rpc_method_handler(unary_stream, deserialize, handler.response_serializer)

        async def unary_unary(request: Any, context: Any) -> Any:
            async with self._call(method, context):
                return await handler.unary_unary(await _checked(request), context)

        return grpc.unary_unary_rpc_method_handler(unary_unary, deserialize, handler.response_serializer)

    @asynccontextmanager
    async def _call(self, method: str, context: Any, longest: float | None = None) -> AsyncIterator[None]:
        started = time.monotonic()
        remaining = context.time_remaining()
        seconds = self._settings.deadline_seconds if longest is None else longest
        if remaining is not None:
            seconds = min(seconds, remaining)
        call = CurrentCall(f"{random.getrandbits(128):032x}", started + seconds)
        current_call.set(call)
        self.in_flight += 1
        reason = "OK"
        try:
            self._admit(method, context)
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                yield
        except grpc.aio.AbortError:
            reason = "ABORTED"
            raise
        except asyncio.CancelledError:
            reason = "CANCELLED"
            raise
        except Exception as error:
            failure = _as_segue_error(error, seconds)
            reason = failure.reason
            if isinstance(failure, InternalError):
                log.error("%s failed", method, exc_info=error, extra={"call_id": call.id})
            try:
                await context.abort(*status_of(failure, call.id))
            except grpc.aio.InternalError:  # the caller went away while it was being told
                reason = "CANCELLED"
                raise asyncio.CancelledError from None
        finally:
            self.in_flight -= 1
            elapsed = time.monotonic() - started
            CALL_SECONDS.labels(method, reason).observe(elapsed)
            log_call(method, reason, elapsed, call.id)

    def _admit(self, method: str, context: Any) -> None:
        if method.startswith(_ADMIN):
            self._authorise(context)
        elif self.draining:
            raise Draining("the server is about to stop", retry_after=0.5)
        if self.in_flight > self._settings.max_in_flight + (_ADMIN_ROOM if method.startswith(_ADMIN) else 0):
            raise Overloaded(f"{self._settings.max_in_flight} calls are under way already")

    def _authorise(self, context: Any) -> None:
        token = self._settings.admin_token
        if token is None and self._admin_open:
            return
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        if token is None or not compare_digest(given.encode(), f"Bearer {token.get_secret_value()}".encode()):
            hint = "send 'authorization: Bearer TOKEN'" if token else "set SEGUE_ADMIN_TOKEN on the server to allow it"
            raise PermissionDenied(f"AdminService needs the admin token: {hint}")


def _as_segue_error(error: Exception, seconds: float) -> SegueError:
    if isinstance(error, SegueError):
        return error
    if isinstance(error, TimeoutError):
        return DeadlineExceeded(f"the call took longer than the {seconds:.3g} s it had")
    return InternalError(str(error))


async def _checked(request: Any) -> Message:
    if isinstance(request, _Malformed):
        raise InvalidField("request", f"can't be parsed: {request.text or 'truncated or not of this type'}")
    await check_in_turns(request)
    return request  # type: ignore[no-any-return]


async def _each_checked(requests: AsyncIterator[Any], seconds: float) -> AsyncIterator[Message]:
    """Yield checked requests; whoever sends none for some seconds must not hold a place for ever."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                request = await anext(requests)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise DeadlineExceeded(f"nothing was sent for {seconds:g} s; send, or end the stream") from None
        yield await _checked(request)
