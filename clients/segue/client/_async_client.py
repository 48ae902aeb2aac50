"""The asyncio client: the I/O of the calls that ``_calls`` describes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import grpc
from segue.client import _calls
from segue.client._base import BaseClient, document
from segue.client._calls import Call
from segue.client._channel import channel_options
from segue.v1.listening_pb2 import Play, StreamPlaysRequest, StreamPlaysResponse
from segue.v1.listening_pb2_grpc import ListeningServiceStub

P = ParamSpec("P")
T = TypeVar("T")


def _unary(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._send(build(*args, **kwargs))

    document(method, build, "Awaitable[{}]")
    return method


def _stream(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], AsyncGenerator[T, None]]:
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        return self._receive(build(*args, **kwargs))

    document(method, build, "AsyncIterator[{}]")
    return method


class AsyncClient(BaseClient):
    """A connection to Segue for asyncio. Use it as a context manager, within one event loop.

    Every method takes ``timeout``: seconds for the call with all its retries. Failures are raised as `SegueError`.
    """

    recommend = _unary(_calls.recommend)
    batch_recommend = _unary(_calls.batch_recommend)
    generate = _unary(_calls.generate)
    generate_stream = _stream(_calls.generate_stream)
    transfer = _unary(_calls.transfer)
    transfer_stream = _stream(_calls.transfer_stream)
    analyze = _unary(_calls.analyze)

    algorithms = _unary(_calls.algorithms)
    algorithm = _unary(_calls.algorithm)
    plugins = _unary(_calls.plugins)

    record_plays = _unary(_calls.record_plays)
    list_plays = _unary(_calls.list_plays)
    export_listener = _stream(_calls.export_listener)
    erase_listener = _unary(_calls.erase_listener)

    load = _unary(_calls.load)
    unload = _unary(_calls.unload)
    reload = _unary(_calls.reload)
    promote = _unary(_calls.promote)
    roll_back = _unary(_calls.roll_back)
    set_traffic = _unary(_calls.set_traffic)
    get_traffic = _unary(_calls.get_traffic)
    drain = _unary(_calls.drain)

    async def stream_plays(
        self,
        batches: AsyncIterable[Iterable[Play]] | Iterable[Iterable[Play]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # the server is told it
    ) -> AsyncGenerator[StreamPlaysResponse, None]:
        """Record plays in bulk: yields one answer per batch, once it is durable. Never retried.

        Parameters
        ----------
        batches
            Batches of 1-1,000 plays. Give each play its event_id: then, after an error, the batches without an
            answer can be sent again.
        timeout
            Seconds for the whole stream; by default the client's, or 3,600.
        """
        seconds = self._timeout_seconds(timeout, 3600.0)
        stub = self._stub(ListeningServiceStub)
        made = _calls.Batches()

        async def requests() -> AsyncIterator[StreamPlaysRequest]:
            with made.reading():
                if isinstance(batches, AsyncIterable):
                    async for batch in batches:
                        yield made.request(batch)
                else:
                    for batch in batches:
                        yield made.request(batch)

        responses = stub.StreamPlays(requests(), timeout=seconds, metadata=self._metadata)
        try:
            async for response in responses:
                yield response
            if made.error is not None:
                raise made.error
        except grpc.RpcError as error:
            raise self._error(error, seconds) from error
        finally:
            responses.cancel()

    async def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        if self._owns_channel and self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _connect(self) -> Any:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._address, options=channel_options())
        return grpc.aio.secure_channel(self._address, self._credentials, options=channel_options())

    async def _send(self, call: Call[T]) -> T:
        attempts, method = self._attempts(call), self._method(call)
        while True:
            try:
                seconds = attempts.remaining_seconds()
                return call.unpack(await method(call.request, timeout=seconds, metadata=self._metadata))
            except grpc.RpcError as rpc_error:
                error = self._error(rpc_error, attempts.timeout_seconds)
                pause = attempts.pause_after(error)
                if pause is None:
                    raise error from rpc_error
            await asyncio.sleep(pause)

    async def _receive(self, call: Call[T]) -> AsyncGenerator[T, None]:
        attempts, method = self._attempts(call), self._method(call)
        begun = False
        while True:
            responses = method(call.request, timeout=attempts.remaining_seconds(), metadata=self._metadata)
            try:
                async for response in responses:
                    begun = True
                    if call.ends(response):
                        # To the end, so that a caller who stops here cancels nothing; what fails after the answer does
                        # not take it away.
                        with contextlib.suppress(grpc.RpcError):
                            async for _ in responses:
                                pass
                    yield call.unpack(response)
                return
            except grpc.RpcError as rpc_error:
                error = self._error(rpc_error, attempts.timeout_seconds)
                pause = None if begun else attempts.pause_after(error)
                if pause is None:
                    raise error from rpc_error
            finally:
                responses.cancel()
            await asyncio.sleep(pause)
