"""Wishes of a request that an algorithm can't follow: found by name, and refused all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from google.protobuf.message import Message
from segue.plugin_api import InvalidField
from segue.v1 import generate_pb2, music_pb2

Wrong = tuple[str, str]
"""A field, and what is wrong with it and what would be right."""

_WHY: Final[Mapping[str, str]] = {
    "theme": "this algorithm reads no words",
    "emotion": "this algorithm follows no emotion",
    "attributes": "this algorithm has no sliders",
    "chords": "this algorithm chooses its own chords",
    "form": "this algorithm composes one strain",
    "image": "this algorithm looks at no picture",
    "lyrics": "this algorithm sets no words, the algorithm lyrics does",
}


def reasons(*fields: str) -> dict[str, str]:
    """Return why most algorithms do not follow some fields, by field."""
    return {field: _WHY[field] for field in fields}


def not_followed(message: Message, reasons: Mapping[str, str], path: str = "") -> list[Wrong]:
    """Return the fields of a message that are set, to anything but false, though there is a reason not to.

    Parameters
    ----------
    message
        A request, or a part of one.
    reasons
        Name of a field → why it is not followed.
    path
        Of that part in the request, e.g. ``"finish"``.
    """
    asked = {descriptor.name for descriptor, value in message.ListFields() if value is not False}
    before = f"{path}." if path else ""
    return [(f"{before}{name}", f"{why}; leave it out") for name, why in reasons.items() if name in asked]


def key_without_mode(request: generate_pb2.GenerateRequest) -> list[Wrong]:
    """Return what is wrong with a key that does not say whether it is major or minor."""
    unsaid = request.HasField("key") and request.key.mode == music_pb2.MODE_UNSPECIFIED
    return [("key.mode", "is not stated, must be major or minor")] if unsaid else []


def other_than_common_time(request: generate_pb2.GenerateRequest) -> list[Wrong]:
    """Return what is wrong with a metre other than 4/4."""
    metre = request.time_signature
    if not request.HasField("time_signature") or (metre.numerator, metre.denominator) == (4, 4):
        return []
    return [("time_signature", f"is {metre.numerator}/{metre.denominator}, must be 4/4")]


def too_many_bars(request: generate_pb2.GenerateRequest, most: int) -> list[Wrong]:
    """Return what is wrong with a piece that would be too long."""
    return [("bars", f"is {request.bars}, must be at most {most}")] if request.bars > most else []


def refuse(wrong: Sequence[Wrong]) -> None:
    """Refuse a request for all that is wrong with it, if anything is.

    Raises
    ------
    InvalidField
        Naming every field.
    """
    if wrong:
        raise InvalidField(*wrong[0], wrong[1:])
