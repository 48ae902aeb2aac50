"""From a request's ``Struct`` to an algorithm's checked options, and from its options to their JSON Schema."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from pydantic import ValidationError
from segue.plugin_api.algorithm import Options
from segue.plugin_api.errors import InvalidOption


def parse_options(model: type[Options], given: struct_pb2.Struct) -> Options:
    """Check options and fill in defaults.

    Raises
    ------
    InvalidOption
        Naming each option that is unknown, of the wrong type or out of range.
    """
    if not given.fields:
        return _defaults(model)
    for field, number in _numbers(given, "options"):
        if not math.isfinite(number):
            raise InvalidOption(field, f"is {number}, must be a finite number")
    try:
        return model.model_validate(MessageToDict(given))
    except ValidationError as error:
        first, *others = (_violation(model, detail) for detail in error.errors())
        raise InvalidOption(*first, others) from None


def _numbers(struct: struct_pb2.Struct, path: str) -> Iterator[tuple[str, float]]:
    """Yield every number in a ``Struct``, however deep, with its path."""
    inside = [(f"{path}.{name}", value) for name, value in struct.fields.items()]
    while inside:
        field, value = inside.pop()
        match value.WhichOneof("kind"):
            case "number_value":
                yield field, value.number_value
            case "list_value":
                inside += [(f"{field}[{index}]", element) for index, element in enumerate(value.list_value.values)]
            case "struct_value":
                inside += [(f"{field}.{name}", member) for name, member in value.struct_value.fields.items()]


@functools.cache
def _defaults(model: type[Options]) -> Options:
    return model()


def _violation(model: type[Options], detail: Any) -> tuple[str, str]:
    field = ".".join(["options", *(str(part) for part in detail["loc"])])
    if detail["type"] == "extra_forbidden":
        known = ", ".join(model.model_fields) or "none"
        return field, f"is unknown; this algorithm's options are: {known}"
    text = str(detail["msg"])
    return field, f"is {detail['input']!r:.100}; {text[:1].lower()}{text[1:]}"


def options_schema(model: type[Options]) -> struct_pb2.Struct:
    """Return the JSON Schema of an algorithm's options."""
    return ParseDict(model.model_json_schema(), struct_pb2.Struct())


def options_digest(options: Options) -> str:
    """Return the SHA-256, in hex, of options as they are applied."""
    return hashlib.sha256(options.as_json.encode()).hexdigest()
