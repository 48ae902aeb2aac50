"""The errors an algorithm may raise. They know nothing of gRPC; the server maps each reason to a status.

SegueError
├── InvalidRequest          the caller's fault, with the fields that are wrong
│   ├── InvalidField        a field breaks a rule of the contract
│   ├── InvalidOption       an option is unknown to the algorithm or out of range
│   └── InvalidMusic        music that can't be read, or is not what the algorithm takes
├── NotFound                a listener, track, model or version that is not known
│   └── UnknownAlgorithm
├── Unsupported             the algorithm does not do what is asked
├── Unavailable             try again after ``retry_after`` seconds
│   ├── AlgorithmUnavailable
│   ├── ModelServerUnavailable
│   └── Draining
├── Overloaded              too many calls under way
├── MessageTooLarge
├── DeadlineExceeded
├── Cancelled
├── RequestIdReused
├── PermissionDenied
├── FailedPrecondition
└── InternalError           a defect; the text never reaches the caller
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import ClassVar


class SegueError(Exception):
    """An error with a reason out of ``errors.proto``.

    Parameters
    ----------
    message
        What was wrong, with the value, and what would be right.
    retry_after
        Seconds after which the same call may succeed; None if it never will.
    """

    reason: ClassVar[str]
    default_retry_after: ClassVar[float | None] = None

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = self.default_retry_after if retry_after is None else retry_after


class InvalidRequest(SegueError):
    """The request is wrong.

    Parameters
    ----------
    field
        Path of the field at fault, e.g. ``"history[3].plays"``.
    description
        What is wrong with it and what would be right.
    others
        Further fields at fault, as (field, description).
    """

    reason = "INVALID_FIELD"

    def __init__(self, field: str, description: str, others: Iterable[tuple[str, str]] = ()) -> None:
        self.violations = [(field, description), *others]
        super().__init__("; ".join(f"{field}: {text}" for field, text in self.violations))


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
    """The algorithm does not do what the request asks."""

    reason = "UNSUPPORTED"


class Unavailable(SegueError):
    """Not now; ``retry_after`` says when."""

    reason = "ALGORITHM_UNAVAILABLE"
    default_retry_after = 1.0


class AlgorithmUnavailable(Unavailable):
    """The algorithm is loading, quarantined or failing its probe."""


class ModelServerUnavailable(Unavailable):
    """The model server can't be reached."""

    reason = "MODEL_SERVER_UNAVAILABLE"


class Draining(Unavailable):
    """The server is about to stop."""

    reason = "DRAINING"


class Overloaded(SegueError):
    """Too many calls are under way."""

    reason = "OVERLOADED"
    default_retry_after = 0.5


class MessageTooLarge(SegueError):
    """A message is larger than the server accepts."""

    reason = "MESSAGE_TOO_LARGE"


class DeadlineExceeded(SegueError):
    """The caller's deadline, or the server's own limit, passed."""

    reason = "DEADLINE_EXCEEDED"


class Cancelled(SegueError):
    """The caller went away."""

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
    """A defect. The text goes to the log, never to the caller."""

    reason = "INTERNAL"


def _subclasses(cls: type[SegueError]) -> Iterable[type[SegueError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)


def error_to_bytes(error: SegueError) -> bytes:
    """Pack an error for the way from the model half to the gateway; ``bytes_to_error`` unpacks it."""
    violations = error.violations if isinstance(error, InvalidRequest) else []
    return json.dumps([error.reason, error.message, error.retry_after, violations]).encode()


def bytes_to_error(data: bytes) -> SegueError:
    """Unpack what ``error_to_bytes`` packed."""
    reason, message, retry_after, violations = json.loads(data)
    kind = next((c for c in _subclasses(SegueError) if c.reason == reason), InternalError)
    if issubclass(kind, InvalidRequest) and violations:
        first, *others = ((str(field), str(text)) for field, text in violations)
        return kind(*first, others)
    return kind(message, retry_after=retry_after)
