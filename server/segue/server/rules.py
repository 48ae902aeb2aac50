"""Checks requests against the rules that the protos state for their fields (``rules.proto``)."""

from __future__ import annotations

import asyncio
import functools
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from segue.plugin_api.errors import InvalidField
from segue.v1 import rules_pb2

_MOST_VIOLATIONS: Final = 20
_FLOATS: Final = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_OWN_PACKAGE: Final = "segue.v1."
_A_TURN: Final = 1000
"""Messages in a message that are checked in one go: some five milliseconds. A million notes take seconds."""


def check(message: Message) -> None:
    """Check a message and everything in it.

    Raises
    ------
    InvalidField
        Naming every field at fault, at most 20, with its value and what would be right.
    """
    found = (violation for part, path in _parts(message, "") for violation in _broken(part, path))
    _refuse(list(islice(found, _MOST_VIOLATIONS)))


async def check_in_turns(message: Message) -> None:
    """Check a message as ``check`` does, and let other calls go on every now and then while it is a large one."""
    broken: list[tuple[str, str]] = []
    for count, (part, path) in enumerate(_parts(message, ""), 1):
        broken.extend(_broken(part, path))
        if len(broken) >= _MOST_VIOLATIONS:
            break
        if count % _A_TURN == 0:
            await asyncio.sleep(0)
    _refuse(broken[:_MOST_VIOLATIONS])


def _refuse(broken: list[tuple[str, str]]) -> None:
    if broken:
        (field, text), *others = broken
        raise InvalidField(field, text, others)


@functools.cache
def _rules(field: FieldDescriptor) -> rules_pb2.Rules | None:
    options = field.GetOptions()
    return options.Extensions[rules_pb2.rules] if options.HasExtension(rules_pb2.rules) else None


@functools.cache
def _required(descriptor: Descriptor) -> list[FieldDescriptor]:
    """Singular fields that must be set; a member of a oneof only once it is chosen."""
    return [
        field
        for field in descriptor.fields
        if (rules := _rules(field)) is not None
        and ((rules.required and not field.is_repeated and field.containing_oneof is None) or rules.min_items)
    ]


@functools.cache
def _own(descriptor: Descriptor) -> list[FieldDescriptor]:
    """Fields that hold messages of our own."""
    return [
        field
        for field in descriptor.fields
        if field.message_type is not None and field.message_type.full_name.startswith(_OWN_PACKAGE)
    ]


def _parts(message: Message, path: str) -> Iterator[tuple[Message, str]]:
    """Yield a message and all of our own in it, each with the path before its fields; what is too much is left out."""
    yield message, path
    for field in _own(message.DESCRIPTOR):
        if not field.is_repeated:
            if message.HasField(field.name):
                yield from _parts(getattr(message, field.name), f"{path}{field.name}.")
            continue
        elements, rules = getattr(message, field.name), _rules(field)
        if rules is None or not (rules.one_by_one or 0 < rules.max_items < len(elements)):
            for index, element in enumerate(elements):
                yield from _parts(element, f"{path}{field.name}[{index}].")


def _broken(message: Message, path: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the fields of a message, but not with those of messages in it."""
    set_fields = message.ListFields()
    present = {field.number for field, _ in set_fields}
    for field in _required(message.DESCRIPTOR):
        if field.number not in present:
            rules = _rules(field)
            yield path + field.name, f"needs at least {rules.min_items}" if rules and rules.min_items else "is required"
    for field, value in set_fields:
        if field.is_repeated:
            yield from _count(field, value, path)
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            rules = _rules(field)
            if rules is not None and 0 < rules.max_length < (size := value.ByteSize()):
                yield path + field.name, f"has {size:,} bytes, must have at most {rules.max_length:,}"
        elif field.is_repeated:
            for index, element in enumerate(value):
                yield from _scalar(field, element, f"{path}{field.name}[{index}]")
        else:
            yield from _scalar(field, value, path + field.name)


def _count(field: FieldDescriptor, value: Any, path: str) -> Iterator[tuple[str, str]]:
    rules = _rules(field)
    if rules is not None and rules.max_items and len(value) > rules.max_items:
        yield path + field.name, f"has {len(value)} elements, must have at most {rules.max_items}"
    if rules is not None and len(value) < rules.min_items:
        yield path + field.name, f"has {len(value)} elements, must have at least {rules.min_items}"


def _scalar(field: FieldDescriptor, value: Any, name: str) -> Iterator[tuple[str, str]]:
    if field.cpp_type in _FLOATS and not math.isfinite(value):
        yield name, f"is {value}, must be a finite number"
        return
    if field.enum_type and value not in field.enum_type.values_by_number:
        yield name, f"is {value}, must be one of {_names(field.enum_type)}"
        return
    rules = _rules(field)
    if rules is None:
        return
    if isinstance(value, str | bytes):
        unit = "characters" if isinstance(value, str) else "bytes"
        if rules.max_length and len(value) > rules.max_length:
            yield name, f"has {len(value):,} {unit}, must have at most {rules.max_length:,}"
        elif len(value) < max(rules.min_length, rules.required):
            yield name, f"has {len(value)} {unit}, must have at least {max(rules.min_length, rules.required)}"
        elif isinstance(value, str) and rules.pattern and not re.fullmatch(rules.pattern, value):
            yield name, f"is {value!r}, must match {rules.pattern}"
    elif rules.HasField("min") and value < rules.min:
        yield name, f"is {value:g}, must be at least {rules.min:g}"
    elif rules.HasField("max") and value > rules.max:
        yield name, f"is {value:g}, must be at most {rules.max:g}"
    elif rules.required and field.enum_type and value == 0:
        yield name, f"must be one of {_names(field.enum_type)}"


def _names(enum: EnumDescriptor) -> str:
    return ", ".join(value.name for value in enum.values if value.number)
