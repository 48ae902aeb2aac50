"""How the commands tell what went wrong: in a sentence, not in a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from segue.plugin_api.errors import SegueError

P = ParamSpec("P")


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Print the message of a ``SegueError`` that a command raises, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SegueError as error:
            Console(stderr=True, highlight=False).print(f"[bold red]error:[/bold red] {escape(error.message)}")
            raise typer.Exit(1) from None

    return run
