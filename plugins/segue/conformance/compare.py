"""Where two answers differ. Numbers may differ in their last digits: a sum over a batch is not that over one item."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


def difference(first: Message, second: Message) -> str:
    """Return the path of the first field in which two answers differ, lineage apart; empty if there is none.

    Numbers are equal if they agree to one part in a thousand.
    """
    left, right = (MessageToDict(message, preserving_proto_field_name=True) for message in (first, second))
    left.pop("lineage", None)
    right.pop("lineage", None)
    return _difference(left, right, "")


def _difference(left: Any, right: Any, path: str) -> str:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            if found := _difference(left.get(name), right.get(name), f"{path}.{name}" if path else name):
                return found
        return ""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return f"{path} ({len(left)} and {len(right)} elements)"
        for index, pair in enumerate(zip(left, right, strict=True)):
            if found := _difference(*pair, f"{path}[{index}]"):
                return found
        return ""
    if isinstance(left, float) or isinstance(right, float):
        numbers = (0.0 if left is None else left, 0.0 if right is None else right)
        if all(isinstance(number, int | float) for number in numbers) and math.isclose(
            *numbers, rel_tol=1e-3, abs_tol=1e-4
        ):
            return ""
    elif left == right:
        return ""
    return path if max(len(str(left)), len(str(right))) > 60 else f"{path} ({left!r} and {right!r})"
