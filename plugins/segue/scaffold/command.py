"""``segue new``: a project for an algorithm of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from segue.plugin_api import InvalidField
from segue.scaffold.project import KINDS, check_name, package_of, write_project
from segue.scaffold.weights import train_shipped
from segue.server.commands.plainly import plainly
from segue.server.plugins import load_plugins

app = typer.Typer(help="Start a project for an algorithm of your own.", add_completion=False)
console = Console(highlight=False, soft_wrap=True)


@app.command()
@plainly
def new(
    kind: Annotated[str, typer.Argument(help=f"What it is: {', '.join(KINDS)}.")],
    name: Annotated[str, typer.Argument(help="Name of the algorithm, e.g. my-waltz.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="segue-plugin-NAME")] = None,
) -> None:
    """Write an installable project: an algorithm that works, its trainer, its trained model, its tests.

    Example: segue new generator my-waltz
    """
    check_name(name)
    for plugin in load_plugins():
        if name in (algorithm.name for algorithm in plugin.algorithms):
            raise InvalidField("name", f"is {name!r}, which plugin {plugin.name!r} has taken; choose another")
    folder = out or Path(f"segue-plugin-{name}")
    written = write_project(kind, name, folder)
    try:
        with Console(stderr=True).status("Training its model on made-up data ..."):
            version = train_shipped(name, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # half a project would only be in the way of the next try
        raise
    console.print(f"Wrote {folder}: {len(written)} files, and {version.relative_to(folder)}, trained on made-up data.")
    console.print("Next:")
    console.print(f"  pip install -e '{folder}[dev]'", markup=False)
    console.print(f"  segue conform {name}")
    console.print(f"  segue serve        # then: segue algorithms {name}")
    console.print(f"Begin with {folder / package_of(name) / 'plugin.py'}; README.md says how to train it on your data.")
