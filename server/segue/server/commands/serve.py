"""``segue serve``: the server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from segue.plugin_api.errors import FailedPrecondition
from segue.server.app import WHY_NOT_STARTED, App
from segue.server.commands.plainly import wrong_settings
from segue.server.fleet import READY, VERBS
from segue.server.logs import set_up_logging
from segue.server.settings import Settings
from segue.server.workers import Workers
from segue.v1 import catalog_pb2

log = logging.getLogger(__name__)
app = typer.Typer(help="Start the server.", add_completion=False)
console = Console(stderr=True, highlight=False)


@app.command()
def serve(
    address: Annotated[str | None, typer.Option(help="HOST:PORT to serve at.", show_default="127.0.0.1:8700")] = None,
    triton: Annotated[str | None, typer.Option(help="HOST:PORT of a Triton that runs elsewhere.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of the model store.")] = None,
    workers: Annotated[int | None, typer.Option(help="Gateway processes that share the address.")] = None,
    commercial: Annotated[
        bool | None, typer.Option("--commercial", help="Refuse models trained on non-commercial data.")
    ] = None,
    metrics_address: Annotated[str | None, typer.Option(help="HOST:PORT for Prometheus metrics.")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or text.")] = None,
) -> None:
    """Serve all installed algorithms, with an embedded Triton unless --triton names another.

    Every other setting is an environment variable: see server/README.md.

    Example: segue serve --address 127.0.0.1:8700
    """
    flags: dict[str, Any] = {
        "address": address,
        "triton": triton,
        "store": store,
        "workers": workers,
        "commercial": commercial,
        "metrics_address": metrics_address,
        "log_level": log_level,
        "log_format": log_format or (None if "SEGUE_LOG_FORMAT" in os.environ or not sys.stderr.isatty() else "text"),
    }
    try:
        settings = Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        for line in wrong_settings(error, flags):
            console.print(f"[red]{escape(line)}[/red]", soft_wrap=True)
        raise typer.Exit(2) from None
    except FailedPrecondition as error:
        console.print(f"[red]{escape(error.message)}[/red]", soft_wrap=True)
        raise typer.Exit(1) from None
    set_up_logging(settings.log_level, settings.log_format)
    try:
        uvloop.run(_serve(settings))
    except WHY_NOT_STARTED as error:
        log.debug("could not start", exc_info=error)
        console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        raise typer.Exit(1) from None


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if settings.workers > 1:
        await Workers(settings).run(stop)
        return
    server = App(settings)
    await server.start()
    try:
        waiting = asyncio.create_task(stop.wait())
        settled = asyncio.create_task(server.fleet.settled(settings.load_timeout_seconds))
        await asyncio.wait((waiting, settled), return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set() and settings.log_format == "text":
            _greet(server)
        await stop.wait()
    finally:
        await server.stop()


def _greet(server: App) -> None:
    """Show what is served."""
    table = Table("capability", "algorithm", "state", "summary", box=None, pad_edge=False)
    for served in sorted(server.fleet.algorithms.values(), key=lambda served: served.algorithm.capability):
        state = catalog_pb2.AlgorithmState.Name(served.state).removeprefix("ALGORITHM_STATE_").lower()
        shown = f"[green]{state}[/green]" if served.state == READY else f"[red]{state}[/red]: {escape(served.cause)}"
        table.add_row(VERBS[served.algorithm.capability], served.name, shown, served.algorithm.summary)
    console.print(table)
    console.print(f"Segue serves at [bold]{server.address}[/bold]. Stop it with Ctrl-C.")
