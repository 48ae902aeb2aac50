"""What a call is before it is made: all that the synchronous and the asyncio client have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, ParamSpec, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from segue.client._errors import InvalidField

P = ParamSpec("P")
T = TypeVar("T")
MessageT = TypeVar("MessageT", bound=Message)
Options = Mapping[str, Any]

_RANGES: Final = {
    FieldDescriptor.CPPTYPE_UINT32: f"0 to {2**32 - 1}",
    FieldDescriptor.CPPTYPE_INT32: f"{-(2**31)} to {2**31 - 1}",
}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call: the RPC, its request, and how it is to be treated."""

    stub: type
    """The generated stub class of the service."""
    method: str
    """Name of the RPC."""
    request: Message
    """The request."""
    unpack: Callable[[Any], T]
    """Makes what the caller gets out of the response."""
    timeout: float | None
    """Seconds that the caller allows for all attempts; None leaves it to the client."""
    usual_timeout: float
    """Seconds allowed if neither the caller nor the client says otherwise."""
    retriable: bool = True
    """False if making the call twice does harm."""
    ends: Callable[[Any], bool] = lambda _: False
    """Says whether a response of a stream is the last one, after which nothing but the end comes."""


def as_stream(
    build_call: Callable[P, Call[Any]], kind: type[MessageT], response: type[T], documentation: str
) -> Callable[P, Call[T]]:
    """Make the streaming form of a call, which takes the keywords of the other.

    Parameters
    ----------
    build_call
        Builds the call ``X``.
    kind
        The request of ``XStream``, which holds the request of ``X``.
    response
        One message of the stream.
    documentation
        What the streaming method's users are told.
    """

    def stream(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
        call = build_call(*args, **kwargs)
        if not kwargs.get("request_id"):
            call.request.ClearField("request_id")  # a stream is never kept, so the server takes none
        request = build(kind, request=call.request)
        return Call(call.stub, f"{call.method}Stream", request, as_it_is, call.timeout, 300.0, ends=_is_complete)

    stream.__name__ = f"{build_call.__name__}_stream"
    stream.__doc__ = documentation
    stream.__signature__ = inspect.signature(build_call).replace(  # type: ignore[attr-defined]  # inspect's own protocol
        return_annotation=f"Call[{response.__name__}]"
    )
    return stream


def _is_complete(response: Message) -> bool:
    return response.HasField("complete")


def as_it_is(response: T) -> T:
    """Return a response unchanged."""
    return response


def build(kind: type[MessageT], **fields: Any) -> MessageT:
    """Make a request, leaving out fields that are None.

    Raises
    ------
    InvalidField
        If a value does not fit its field's type; names the field.
    """
    fields = {name: value for name, value in fields.items() if value is not None}
    for name, value in fields.items():
        if isinstance(value, str | bytes) and kind.DESCRIPTOR.fields_by_name[name].is_repeated:
            raise InvalidField.at(name, f"{_short(value)} is not a list; write [{_short(value)}]")
    try:
        return kind(**fields)
    except (TypeError, ValueError, AttributeError):
        for name, value in fields.items():
            try:
                kind(**{name: value})
            except (TypeError, ValueError, AttributeError) as error:
                range_ = _RANGES.get(kind.DESCRIPTOR.fields_by_name[name].cpp_type) if type(value) is int else None
                right = f"is {value}, must be {range_}" if range_ else f"{_short(value)} does not fit: {error}"
                raise InvalidField.at(name, right) from error
        raise


def to_struct(options: Options | None) -> Struct | None:
    """Make the options of an algorithm a message.

    Raises
    ------
    InvalidField
        If a value is none of: None, bool, number, str, and lists and dicts of these.
    """
    if options is None:
        return None
    struct = Struct()
    for name, value in options.items():
        try:
            struct.update({name: value})
        except (TypeError, ValueError) as error:
            right = "JSON values only: null, true, numbers, strings, lists, objects"
            raise InvalidField.at(f"options.{name}", f"{_short(value)} can't be sent; {right}") from error
    return struct


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
