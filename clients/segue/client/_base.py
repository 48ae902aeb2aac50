"""What the two clients share: how they are configured, and what they know about a call. No I/O."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from segue.client._calls import Call
from segue.client._channel import call_metadata, channel_credentials, checked_address
from segue.client._errors import InvalidField, SegueError, rpc_error_to_segue_error
from segue.client._retry import Attempts, RetryPolicy


def document(method: Callable[..., Any], build: Callable[..., Call[Any]], answer: str) -> None:
    """Show a call's keywords and documentation in the method that makes it.

    Parameters
    ----------
    method
        The method of a client.
    build
        What builds its call, annotated as returning ``Call[X]``.
    answer
        What the method returns, with ``{}`` in place of X.
    """
    signature = inspect.signature(build)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    result = answer.format(str(signature.return_annotation).removeprefix("Call[").removesuffix("]"))
    method.__name__ = build.__name__
    method.__doc__ = build.__doc__
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect's own protocol
        parameters=[itself, *signature.parameters.values()], return_annotation=result
    )


class BaseClient:
    """A connection to Segue, without the I/O."""

    def __init__(
        self,
        address: str = "127.0.0.1:8700",
        *,
        secure: bool = False,
        root_certificates: str | Path | bytes | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
        timeout: float | None = None,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen
        channel: Any = None,
    ) -> None:
        """Configure the connection, which is made with the first call.

        Parameters
        ----------
        address
            ``host:port`` or any gRPC target.
        secure
            Use TLS with the system's certificates.
        root_certificates
            Use TLS with these PEM certificates: a path or bytes.
        credentials
            Use these gRPC channel credentials, e.g. for mutual TLS.
        token
            Sent with every call as ``authorization: Bearer``. Without TLS it travels in the clear.
        timeout
            Seconds for every call that states none; None leaves it to the kind of call.
        retry
            When calls are tried again.
        channel
            A channel to use instead of making one: a test's, or one with other options. It is not closed here.
        """
        self._address = checked_address(address)
        self._credentials = channel_credentials(
            secure=secure, root_certificates=root_certificates, credentials=credentials
        )
        self._metadata = call_metadata(token)
        self._timeout = timeout
        self._retry = retry
        self._channel = channel
        self._owns_channel = channel is None
        self._stubs: dict[type, Any] = {}
        self._lock = threading.Lock()

    def _connect(self) -> Any:
        """Make a channel. Called with the first call, because an asyncio channel belongs to the loop that runs then."""
        raise NotImplementedError

    def _stub(self, kind: type) -> Any:
        with self._lock:
            if self._channel is None:
                self._channel = self._connect()
            if kind not in self._stubs:
                self._stubs[kind] = kind(self._channel)
            return self._stubs[kind]

    def _method(self, call: Call[Any]) -> Any:
        return getattr(self._stub(call.stub), call.method)

    def _attempts(self, call: Call[Any]) -> Attempts:
        seconds = self._timeout_seconds(call.timeout, call.usual_timeout)
        return Attempts(self._retry, seconds, retriable=call.retriable)

    def _timeout_seconds(self, of_call: float | None, usual: float) -> float:
        seconds = next(value for value in (of_call, self._timeout, usual) if value is not None)
        if not seconds > 0:
            raise InvalidField.at("timeout", f"{seconds:g} s leaves no time; give more than 0")
        return seconds

    def _error(self, error: grpc.RpcError, timeout_seconds: float) -> SegueError:
        return rpc_error_to_segue_error(error, self._address, timeout_seconds)
