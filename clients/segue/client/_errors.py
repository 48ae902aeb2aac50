"""The errors of the client, and the one place where a gRPC status becomes one of them.

SegueError
├── InvalidRequest          the request is wrong; ``violations`` names each field at fault
│   ├── InvalidField        a field breaks a rule of the contract
│   ├── InvalidOption       an option is unknown to the algorithm or out of range
│   └── InvalidMusic        music that can't be read, or is not what the algorithm takes
├── NotFound                a listener, track, model or version that is not known
│   └── UnknownAlgorithm
├── Unsupported             the algorithm, or this server, does not do what is asked
├── Unavailable             the same call may succeed later, after ``retry_after`` seconds if that is known
│   ├── AlgorithmUnavailable
│   ├── ModelServerUnavailable
│   ├── Draining
│   └── ConnectionFailed    nothing answers, or the connection broke
├── Overloaded              too many calls are under way
├── MessageTooLarge
├── DeadlineExceeded
├── Cancelled
├── RequestIdReused
├── PermissionDenied
├── FailedPrecondition
├── InternalError           a defect of the server; ``call_id`` finds it in the server's log
└── MissingExtra            a part of Segue that is not installed (never sent by a server)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from segue.v1.errors_pb2 import ErrorReason, Failure


class SegueError(Exception):
    """A call that failed, or a value that can't be sent.

    Attributes
    ----------
    message : str
        What was wrong and what would be right.
    reason : str
        A value of ``ErrorReason`` in errors.proto without its prefix, e.g. ``"INVALID_FIELD"``.
    violations : list of (str, str)
        Fields at fault, each with what is wrong with it. Empty unless the request is wrong.
    retry_after : float or None
        Seconds after which the same call may succeed, if the server says so.
    call_id : str
        What to look up in the server's log; empty if the server gave none.
    """

    reason: str = "UNSPECIFIED"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Iterable[tuple[str, str]] = (),
        retry_after: float | None = None,
        call_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.violations = list(violations)
        self.retry_after = retry_after
        self.call_id = call_id


class InvalidRequest(SegueError):
    """The request is wrong; ``violations`` names each field at fault."""

    reason = "INVALID_FIELD"

    @classmethod
    def at(cls, field: str, description: str) -> InvalidRequest:
        """Make the error for one field: its path, and what is wrong with the value and would be right."""
        return cls(f"{field}: {description}", violations=[(field, description)])


class InvalidField(InvalidRequest):
    """A field breaks a rule of the contract."""


class InvalidOption(InvalidRequest):
    """An option is unknown to the algorithm or out of range."""

    reason = "INVALID_OPTION"


class InvalidMusic(InvalidRequest):
    """Music can't be read, or is not what the algorithm takes."""

    reason = "INVALID_MUSIC"


class NotFound(SegueError):
    """The thing named is not known."""

    reason = "NOT_FOUND"


class UnknownAlgorithm(NotFound):
    """No algorithm of that name and capability."""

    reason = "UNKNOWN_ALGORITHM"


class Unsupported(SegueError):
    """The algorithm, or this server, does not do what is asked."""

    reason = "UNSUPPORTED"


class Unavailable(SegueError):
    """Not now; the same call may succeed later."""


class AlgorithmUnavailable(Unavailable):
    """The algorithm is loading, quarantined or failing its probe."""

    reason = "ALGORITHM_UNAVAILABLE"


class ModelServerUnavailable(Unavailable):
    """The gateway can't reach the model server."""

    reason = "MODEL_SERVER_UNAVAILABLE"


class Draining(Unavailable):
    """The server is about to stop."""

    reason = "DRAINING"


class ConnectionFailed(Unavailable):
    """Nothing answers at the address, or the connection broke."""

    reason = "CONNECTION_FAILED"


class Overloaded(SegueError):
    """Too many calls are under way."""

    reason = "OVERLOADED"


class MessageTooLarge(SegueError):
    """A message is larger than the server or the client accepts."""

    reason = "MESSAGE_TOO_LARGE"


class DeadlineExceeded(SegueError):
    """The call's timeout, or the server's own limit, passed."""

    reason = "DEADLINE_EXCEEDED"


class Cancelled(SegueError):
    """The call was cancelled."""

    reason = "CANCELLED"


class RequestIdReused(SegueError):
    """The request id was used for a different request."""

    reason = "REQUEST_ID_REUSED"


class PermissionDenied(SegueError):
    """The call needs a token, or the server's settings forbid it."""

    reason = "PERMISSION_DENIED"


class FailedPrecondition(SegueError):
    """The state of the server does not allow it."""

    reason = "FAILED_PRECONDITION"


class InternalError(SegueError):
    """A defect of the server; ``call_id`` finds it in the server's log."""

    reason = "INTERNAL"


class MissingExtra(SegueError):
    """A part of Segue that is not installed; the message says how to get it."""

    reason = "MISSING_EXTRA"


def _descendants(cls: type[SegueError]) -> Iterator[type[SegueError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _descendants(child)


_BY_REASON = {cls.reason: cls for cls in _descendants(SegueError) if "reason" in vars(cls)}
_BY_REASON["INVALID_FIELD"] = InvalidField

# For a status without a reason we know: made by gRPC itself, a proxy, or a newer server.
_BY_CODE: dict[grpc.StatusCode, type[SegueError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.UNAVAILABLE: ConnectionFailed,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.ALREADY_EXISTS: RequestIdReused,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: PermissionDenied,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
}


class _Details:
    """The parts of ``google.rpc.Status.details`` that Segue's servers send, empty where absent."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.info = error_details_pb2.ErrorInfo()
        self.bad_request = error_details_pb2.BadRequest()
        self.retry = error_details_pb2.RetryInfo()
        self.request = error_details_pb2.RequestInfo()
        try:
            status = rpc_status.from_call(error)
        except ValueError:  # details that contradict the status they came with
            status = None
        parts: list[Message] = [self.info, self.bad_request, self.retry, self.request]
        for packed in status.details if status else ():
            for part in parts:
                packed.Unpack(part)

    @property
    def retry_after(self) -> float | None:
        if not self.retry.HasField("retry_delay"):
            return None
        return float(self.retry.retry_delay.seconds + self.retry.retry_delay.nanos / 1e9)


def rpc_error_to_segue_error(error: grpc.RpcError, address: str, timeout_seconds: float) -> SegueError:
    """Turn gRPC's error into ours.

    Parameters
    ----------
    error
        What a stub raised, of the synchronous or the asyncio kind.
    address
        The server, for the message of a connection that failed.
    timeout_seconds
        The timeout of the whole call, for the message of a deadline that passed.
    """
    code, text = error.code(), error.details() or ""
    details = _Details(error)
    kind = _BY_REASON.get(details.info.reason) or _BY_CODE.get(code, InternalError)
    if not details.info.reason:
        kind, text = _explain(code, kind, text, address, timeout_seconds)
    return kind(
        text,
        reason=details.info.reason,
        violations=[(v.field, v.description) for v in details.bad_request.field_violations],
        retry_after=details.retry_after,
        call_id=details.info.metadata["call_id"] or details.request.request_id,
    )


def failure_to_segue_error(failure: Failure) -> SegueError:
    """Turn a failure inside an answer into the error that a call of its own would have raised."""
    reason = ErrorReason.Name(failure.reason).removeprefix("ERROR_REASON_") if failure.reason else ""
    return _BY_REASON.get(reason, InternalError)(
        failure.message,
        reason=reason,
        violations=[(violation.field, violation.description) for violation in failure.violations],
        retry_after=failure.retry_after_seconds if failure.HasField("retry_after_seconds") else None,
    )


def _explain(
    code: grpc.StatusCode, kind: type[SegueError], text: str, address: str, timeout_seconds: float
) -> tuple[type[SegueError], str]:
    """Say in words what gRPC's own statuses mean."""
    match code:
        case grpc.StatusCode.UNAVAILABLE if "Connection refused" in text or "No such file" in text:
            return kind, f"nothing answers at {address}"
        case grpc.StatusCode.UNAVAILABLE if "Failed parsing HTTP/2" in text:
            return kind, f"what answers at {address} speaks no gRPC: is it the server's port?"
        case grpc.StatusCode.UNAVAILABLE if any(
            word in text for word in ("DNS", "name resolution", "errors resolving")
        ):
            return kind, f"the host name of {address} can't be resolved"
        case grpc.StatusCode.UNAVAILABLE if "handshake" in text.lower():
            return kind, f"the TLS handshake with {address} failed: is it served with TLS, and the certificate trusted?"
        case grpc.StatusCode.UNAVAILABLE if "Socket closed" in text:
            return kind, f"{address} closed the connection; if it is served with TLS, the client must use TLS too"
        case grpc.StatusCode.UNAVAILABLE:
            return kind, f"the connection to {address} failed: {text}"
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "message larger than max" in text:
            return MessageTooLarge, text  # the code is shared with quotas; only the text tells them apart
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return kind, f"no complete answer from {address} within {timeout_seconds:g} s"
        case grpc.StatusCode.UNIMPLEMENTED:
            return kind, f"{address} does not offer this call: {text}"
    return kind, text or f"{address} answered {code.name}"
