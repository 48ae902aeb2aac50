"""The command ``segue``: the client's commands, and those of whatever else is installed."""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from segue.client.cli import _admin, _analyze, _catalog, _generate, _plays, _recommend, _transfer
from segue.client.cli._extensions import ExtensionGroup

app = typer.Typer(
    name="segue",
    cls=ExtensionGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Recommend, compose, transform and understand music.",
    epilog="Example: [cyan]segue generate --key 'G major' --bars 8 --png --wav[/cyan]",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segue {version('segue')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options of ``segue`` itself."""


for module in (_recommend, _generate, _transfer, _analyze, _catalog, _plays, _admin):
    module.add_to(app)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # where the locale has no sign for a letter or an arrow, a ? stands
            stream.reconfigure(errors="replace")
    app(prog_name="segue")


__all__ = ["app", "main"]
