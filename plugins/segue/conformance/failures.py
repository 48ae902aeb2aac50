"""A failed call as its status tells it."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


@dataclass(frozen=True)
class Failure:
    """Status of a failed call.

    Attributes
    ----------
    code
        Name of the gRPC status, e.g. ``"INVALID_ARGUMENT"``.
    reason
        Reason out of ``errors.proto``; empty where the status carries none, as when the client gave up.
    fields
        Paths of the fields at fault.
    text
        The message.
    """

    code: str
    reason: str
    fields: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        named = f" naming {', '.join(self.fields)}" if self.fields else ""
        return f"{self.code}{f' ({self.reason})' if self.reason else ''}{named}: {self.text[:200]}"

    def names(self, field: str) -> bool:
        """Say whether a field, or a part of it, is among those at fault."""
        return any(named == field or named.startswith((f"{field}.", f"{field}[")) for named in self.fields)


def read_failure(error: grpc.RpcError) -> Failure:
    """Read code, reason, fields and text of an error."""
    status = rpc_status.from_call(error)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details if status is not None else ():
        detail.Unpack(info)
        detail.Unpack(bad)
    fields = tuple(violation.field for violation in bad.field_violations)
    return Failure(error.code().name, info.reason, fields, error.details() or "")
