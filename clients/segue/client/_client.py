"""The synchronous client: the I/O of the calls that ``_calls`` describes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator
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


def _unary(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._send(build(*args, **kwargs))

    document(method, build, "{}")
    return method


def _stream(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], Generator[T, None, None]]:
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self._receive(build(*args, **kwargs))

    document(method, build, "Iterator[{}]")
    return method


class Client(BaseClient):
    """A connection to Segue. Use it as a context manager; threads may share it.

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

    def stream_plays(
        self, batches: Iterable[Iterable[Play]], *, timeout: float | None = None
    ) -> Generator[StreamPlaysResponse, None, None]:
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

        def requests() -> Iterator[StreamPlaysRequest]:
            with made.reading():
                yield from map(made.request, batches)

        responses = stub.StreamPlays(requests(), timeout=seconds, metadata=self._metadata)
        try:
            yield from responses
            if made.error is not None:
                raise made.error
        except grpc.RpcError as error:
            raise self._error(error, seconds) from error
        finally:
            responses.cancel()

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        if self._owns_channel and self._channel is not None:
            self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> Any:
        if self._credentials is None:
            return grpc.insecure_channel(self._address, options=channel_options())
        return grpc.secure_channel(self._address, self._credentials, options=channel_options())

    def _send(self, call: Call[T]) -> T:
        attempts, method = self._attempts(call), self._method(call)
        while True:
            try:
                seconds = attempts.remaining_seconds()
                return call.unpack(method(call.request, timeout=seconds, metadata=self._metadata))
            except grpc.RpcError as rpc_error:
                error = self._error(rpc_error, attempts.timeout_seconds)
                pause = attempts.pause_after(error)
                if pause is None:
                    raise error from rpc_error
            time.sleep(pause)

    def _receive(self, call: Call[T]) -> Generator[T, None, None]:
        attempts, method = self._attempts(call), self._method(call)
        begun = False
        while True:
            responses = method(call.request, timeout=attempts.remaining_seconds(), metadata=self._metadata)
            try:
                for response in responses:
                    begun = True
                    if call.ends(response):
                        # To the end, so that a caller who stops here cancels nothing; what fails after the answer does
                        # not take it away.
                        with contextlib.suppress(grpc.RpcError):
                            for _ in responses:
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
            time.sleep(pause)
