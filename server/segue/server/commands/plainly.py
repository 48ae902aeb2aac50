"""How the commands tell what went wrong: in a sentence, not in a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container
from typing import ParamSpec

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from segue.plugin_api.errors import SegueError
from segue.server.settings import Settings

P = ParamSpec("P")


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Print what a ``SegueError``, the operating system, a missing part or a wrong setting says, and exit with 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SegueError as error:
            lines = [error.message]
        except OSError as error:
            lines = [f"{error.filename or 'input/output'}: {error.strerror or error}"]
        except ModuleNotFoundError as error:
            lines = [f"a part is not installed ({error}); pip install 'segue[all]' brings what every command needs"]
        except ValidationError as error:
            if error.title != Settings.__name__:
                raise
            lines = wrong_settings(error)
        else:
            return
        for line in lines:
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/bold red] {escape(line)}")
        raise typer.Exit(1)

    return run


def wrong_settings(error: ValidationError, flags: Container[str] = ()) -> list[str]:
    """Say which settings are wrong, one line for each; ``flags`` are those that the command takes as options too."""
    lines = []
    for detail in error.errors():
        name, *inside = (str(part) for part in detail["loc"])
        variable = f"SEGUE_{name.upper()}"
        where = f"--{name.replace('_', '-')} or {variable}" if name in flags else variable
        lines.append(f"{'.'.join([name, *inside])} ({where}): {detail['msg'].removeprefix('Value error, ')}")
    return lines
