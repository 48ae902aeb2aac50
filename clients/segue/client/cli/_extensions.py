"""Commands that other parts and other distributions add: entry points in the group ``segue.commands``.

Each is imported when it is called, not before, so that the light client stays light and one broken command is its own
matter.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

GROUP = "segue.commands"

# Of Segue's own commands: what they do, and the extras that bring what they import.
_OWN = {
    "demo": ("Start a server and show on real input what it does.", "all"),
    "serve": ("Start the server.", "server,triton"),
    "models": ("List, compare, promote and roll back models in the store.", "server"),
    "train": ("Train an algorithm's models, or measure them again.", "train"),
    "new": ("Start a project for an algorithm of your own.", "kit"),
    "conform": ("Test an algorithm against the conformance suite.", "kit"),
}
_PANEL = "Commands of the server"


class ExtensionGroup(TyperGroup):
    """A group of commands that knows its own and those of entry points."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the names of all commands."""
        return [*super().list_commands(ctx), *(point.name for point in _points())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; one of an entry point is a stand-in that only knows its help."""
        own = super().get_command(ctx, cmd_name)
        point = next((point for point in _points() if point.name == cmd_name), None)
        if own is not None or point is None:
            return own
        source = point.dist.name if point.dist else "another distribution"
        text, _ = _OWN.get(point.name, (f"Brought by {source}.", ""))
        return _StandIn(point, text)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called, and import it if it is an entry point's."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, (found.load() if isinstance(found, _StandIn) else found), rest


class _StandIn(TyperCommand):
    """Stands in for a command that is not imported yet."""

    def __init__(self, point: EntryPoint, text: str) -> None:
        super().__init__(point.name, help=text, rich_help_panel=_PANEL)
        self._point = point

    def load(self) -> Any:
        try:
            value = self._point.load()
        except ImportError as error:
            _, extras = _OWN.get(self._point.name, ("", ""))
            remedy = f": pip install 'segue[{extras}]'" if extras else ""
            _fail(f"'segue {self._point.name}' needs parts that are not installed ({error}){remedy}")
        except Exception as error:  # whatever another distribution does at import
            _fail(f"'segue {self._point.name}' is broken: {type(error).__name__}: {error}")
        if not isinstance(value, typer.Typer):
            app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            app.command(self._point.name)(value)
            value = app
        return typer.main.get_command(value)


def _fail(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/bold red] {escape(sentence)}")
    raise typer.Exit(1)


def _points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: point.name)
