"""From the error tree to gRPC statuses: one table, applied in one place (``envelope.py``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from segue.plugin_api.errors import InternalError, InvalidRequest, SegueError
from segue.v1 import errors_pb2

DOMAIN: Final = "segue.v1"
DETAILS_KEY: Final = "grpc-status-details-bin"

STATUS: Final = MappingProxyType(
    {
        "INVALID_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_OPTION": grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_MUSIC": grpc.StatusCode.INVALID_ARGUMENT,
        "UNKNOWN_ALGORITHM": grpc.StatusCode.NOT_FOUND,
        "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
        "ALGORITHM_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
        "MODEL_SERVER_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
        "DRAINING": grpc.StatusCode.UNAVAILABLE,
        "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "MESSAGE_TOO_LARGE": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
        "CANCELLED": grpc.StatusCode.CANCELLED,
        "REQUEST_ID_REUSED": grpc.StatusCode.ALREADY_EXISTS,
        "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
        "FAILED_PRECONDITION": grpc.StatusCode.FAILED_PRECONDITION,
        "INTERNAL": grpc.StatusCode.INTERNAL,
        "UNSUPPORTED": grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Reason → status. A test holds it against ``errors.proto``."""


_MOST_MESSAGE_BYTES: Final = 600
_MOST_VIOLATION_BYTES: Final = 2400
"""An error travels in gRPC's trailing metadata. Of those, clients take 8 KiB and drop the whole answer beyond, in which
the message may stand percent-encoded, at thrice its length, and the details in base64, at four thirds of theirs."""

_FOLDERS: Final = re.compile(r"(?<![\w:/])/(?:[^\s/:'\"()]+/)+")


def without_folders(text: str) -> str:
    """Return a text with every absolute path cut to its last part: where files are is nobody else's business."""
    return _FOLDERS.sub("", text)


def failure_of(error: SegueError, call_id: str) -> errors_pb2.Failure:
    """Return an error as a message, for an answer of many parts of which only some failed."""
    failure = errors_pb2.Failure(
        reason=errors_pb2.ErrorReason.Value(f"ERROR_REASON_{error.reason}"),
        message=_public_message(error, call_id),
        retry_after_seconds=error.retry_after,
    )
    if isinstance(error, InvalidRequest):
        for field, text in _violations(error):
            failure.violations.add(field=field, description=text)
    return failure


def _cut(text: str, most_bytes: int) -> str:
    """Return a text that has at most so many bytes in UTF-8; a longer one loses its end."""
    data = text.encode()
    return text if len(data) <= most_bytes else data[: most_bytes - 3].decode(errors="ignore") + "…"


def _violations(error: InvalidRequest) -> Iterator[tuple[str, str]]:
    """Yield the fields at fault, as many as there is room for; the first in any case."""
    room = _MOST_VIOLATION_BYTES
    for field, text in error.violations:
        violation = _cut(field, _MOST_MESSAGE_BYTES), _cut(text, _MOST_MESSAGE_BYTES)
        room -= sum(len(part.encode()) + 8 for part in violation)
        if room < 0:
            return
        yield violation


def _public_message(error: SegueError, call_id: str) -> str:
    if isinstance(error, InternalError):
        return f"Internal error; the server's log knows it as {call_id}."
    return _cut(error.message, _MOST_MESSAGE_BYTES)


def status_of(error: SegueError, call_id: str) -> tuple[grpc.StatusCode, str, tuple[tuple[str, Any], ...]]:
    """Return code, message and trailing metadata of an error.

    Parameters
    ----------
    error
        The error. The text of an ``InternalError`` is replaced by a fixed sentence; texts that are too long for gRPC's
        metadata, because they quote what the caller sent, lose their end.
    call_id
        Identifier under which the log knows the call.
    """
    code = STATUS[error.reason]
    message = _public_message(error, call_id)
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata={"call_id": call_id})
    ]
    if isinstance(error, InvalidRequest):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field, description=text)
            for field, text in _violations(error)
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    status = status_pb2.Status(code=code.value[0], message=message, details=packed)
    return code, message, ((DETAILS_KEY, status.SerializeToString()),)
