"""What every client command shares: connection options, the client, output for people or machines, and errors."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict, MessageToJson
from google.protobuf.message import Message
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from segue.client._client import Client
from segue.client._errors import ConnectionFailed, InvalidOption, PermissionDenied, SegueError

_PANEL = "Connection"
_INDEXED = re.compile(r"\b\w+\[\d+\](\.\w+|\[\d+\])*")

UNSET: list[str] = []
"""Default of an option that may be repeated; typer makes each call a list of its own."""
SLIDERS = "Slider: rhythmic_intensity, polyphony, register, loudness."
"""Help of ``--attribute``."""
AlgorithmName = Annotated[str, typer.Option(help="Algorithm by name; see 'segue algorithms'.")]
OptionValues = Annotated[list[str], typer.Option("--option", metavar="NAME=VALUE", help="Its options.")]


class Session:
    """One command under way.

    Attributes
    ----------
    client : Client
        The connection.
    json : bool
        True if the answer is for a machine: standard output then holds JSON and nothing else.
    out, err : rich.console.Console
        Standard output, for the answer; standard error, for everything else.
    flags : dict
        Field of the request → command-line argument that sets it, for errors.
    """

    def __init__(
        self,
        address: str,
        flags: dict[str, str],
        *,
        token: str | None,
        tls: bool,
        ca: str | None,
        timeout: float | None,
        as_json: bool,
    ) -> None:
        self.flags = flags
        self.json = as_json
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        self.client = Client(address, secure=tls, root_certificates=ca, token=token, timeout=timeout)

    def answer(self, message: Message) -> None:
        """Write a message to standard output as protobuf JSON, with the field names of the protos."""
        sys.stdout.write(MessageToJson(message, preserving_proto_field_name=True, ensure_ascii=False) + "\n")

    def note(self, text: str) -> None:
        """Tell a person something that is not the answer. Rich markup is understood: escape what others wrote."""
        (self.err if self.json else self.out).print(text, soft_wrap=True)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show that something is under way."""
        with Status(text, console=self.err) if self.err.is_terminal else nullcontext():
            yield


def command(app: typer.Typer, name: str | None = None, *, example: str) -> Callable[[Callable[..., None]], None]:
    """Register a client command.

    Parameters
    ----------
    app
        Where.
    name
        Its name; by default the function's.
    example
        A command line, shown at the end of its help.

    Returns
    -------
    decorator
        For a function that takes a `Session`, then its own parameters; the connection options are added to them.
    """

    def register(function: Callable[..., None]) -> None:
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())[1:]

        def run(**values: Any) -> None:
            common = {parameter.name: values.pop(parameter.name) for parameter in _CONNECTION}
            flags = _flags([*own, *_CONNECTION]) | {"root_certificates": "--ca"}
            with reported(as_json=common["as_json"], flags=flags):
                session = Session(common.pop("address"), flags, **common)
                with session.client:
                    function(session, **values)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *_CONNECTION)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect's own protocol
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = function.__doc__
        app.command(name or function.__name__, epilog=f"Example: [cyan]{escape(example)}[/cyan]")(run)

    return register


def _connection(
    address: Annotated[
        str, typer.Option(envvar="SEGUE_ADDRESS", metavar="HOST:PORT", help="The server.", rich_help_panel=_PANEL)
    ] = "127.0.0.1:8700",
    token: Annotated[
        str | None, typer.Option(envvar="SEGUE_TOKEN", help="Bearer token.", rich_help_panel=_PANEL)
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Use TLS with the system's certificates.", rich_help_panel=_PANEL)
    ] = False,
    ca: Annotated[
        str | None, typer.Option(metavar="FILE", help="Use TLS with these certificates (PEM).", rich_help_panel=_PANEL)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Give up after this long.", rich_help_panel=_PANEL)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the answer as JSON to standard output.", rich_help_panel=_PANEL)
    ] = False,
) -> None:
    """Hold the options that every client command has."""


_CONNECTION = list(inspect.signature(_connection, eval_str=True).parameters.values())


def _flags(parameters: list[inspect.Parameter]) -> dict[str, str]:
    """Map fields of requests to the arguments that set them."""
    flags = {}
    for parameter in parameters:
        (info,) = parameter.annotation.__metadata__
        if isinstance(info, typer.models.ArgumentInfo):
            flags[parameter.name] = info.metavar or parameter.name
        else:
            # Inside Annotated, typer keeps the first name of an option where the default used to be.
            named = isinstance(info.default, str) and info.default.startswith("-")
            flags[parameter.name] = info.default.split("/")[0] if named else f"--{parameter.name.replace('_', '-')}"
    return flags


@contextmanager
def reported(*, as_json: bool = False, flags: dict[str, str] | None = None) -> Iterator[None]:
    """Turn errors into a clear line each on standard error and exit status 1.

    Parameters
    ----------
    as_json
        Write one JSON object instead of lines.
    flags
        Field of the request → command-line argument that sets it.
    """
    try:
        yield
    except SegueError as error:
        if as_json:
            sys.stderr.write(json.dumps({"error": _error_fields(error)}, ensure_ascii=False) + "\n")
        else:
            for line in error_lines(error, flags or {}):
                _print_error(line)
        raise typer.Exit(1) from error
    except OSError as error:
        _print_error(f"{error.filename or 'input/output'}: {error.strerror or error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        _print_error("stopped")
        raise typer.Exit(130) from None


def _print_error(line: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/bold red] {escape(line)}")


def error_lines(error: SegueError, flags: dict[str, str]) -> list[str]:
    """Say what was wrong, one line for each field at fault."""
    if error.violations:
        # What an algorithm says may name other fields of the request, told from words by their index.
        return [
            f"{_argument(field, flags)}: {_INDEXED.sub(lambda found: _argument(found[0], flags), text)}"
            for field, text in error.violations
        ]
    text = error.message
    if isinstance(error, ConnectionFailed) and text.startswith("nothing answers"):
        text += "; start it with 'segue serve'"
    elif isinstance(error, PermissionDenied):
        text += " (--token, or SEGUE_TOKEN in the environment)"
    elif error.retry_after:
        text += f" (try again in {error.retry_after:g} s)"
    return [text]


def _argument(field: str, flags: dict[str, str]) -> str:
    """Name the argument that sets a field, e.g. ``--option temperature`` for ``options.temperature``."""
    path = field.removeprefix("request.")
    if path.startswith("options"):
        return f"--option {path.removeprefix('options').lstrip('.')}".strip()
    known = path
    while known and known not in flags:
        known = re.sub(r"(^|\.)\w+$|\[\d+\]$", "", known)  # the last name or index
    return flags.get(known, path)


def _error_fields(error: SegueError) -> dict[str, Any]:
    return {
        "reason": error.reason,
        "message": error.message,
        "violations": [{"field": field, "description": text} for field, text in error.violations],
        "retry_after": error.retry_after,
        "call_id": error.call_id,
    }


def parse_options(texts: list[str]) -> dict[str, Any]:
    """Read ``name=value`` pairs; a value that is JSON has its type, so has a number such as .5, all else is text."""
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidOption.at("options", f"{text!r} is not NAME=VALUE, e.g. temperature=0.9")
        try:
            options[name] = json.loads(re.sub(r"^-?(?=\.\d)", r"\g<0>0", value))
        except ValueError:
            options[name] = value
    return options


def struct_to_dict(struct: Message) -> dict[str, Any]:
    """Return a ``Struct`` as plain values; whole numbers as int."""
    return {name: _whole(value) for name, value in MessageToDict(struct).items()}


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(v) for name, v in value.items()}
    return [_whole(v) for v in value] if isinstance(value, list) else value
