"""``segue conform``: the suite on one algorithm, as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from segue.conformance.check import Result, Verdict
from segue.conformance.checks import CHECKS
from segue.conformance.server import connected, embedded
from segue.conformance.subject import Bounds, Subject
from segue.server.commands.plainly import plainly

app = typer.Typer(help="Test an algorithm against the conformance suite.", add_completion=False)
console = Console()
_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.NOT_APPLICABLE: "dim"}


@app.command()
@plainly
def conform(
    algorithm: Annotated[str, typer.Argument(help="Name of the algorithm, e.g. chorale.")],
    address: Annotated[
        str, typer.Option(help="HOST:PORT of a server that runs; without it, one that serves this algorithm alone.")
    ] = "",
    store: Annotated[
        Path | None, typer.Option(help="Folder of the model store.", show_default="SEGUE_STORE or ~/.local/share")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Run this check only; may be repeated.")] = None,
    seconds: Annotated[
        float, typer.Option(help="Most seconds that a check goes on repeating calls.", min=1.0, max=3600.0)
    ] = Bounds.seconds,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run the public conformance suite on an installed algorithm, on a real server; exit with 1 if a check fails.

    Example: segue conform chorale
    """
    names = [check.name for check in CHECKS]
    for name in only or ():
        if name not in names:
            raise typer.BadParameter(f"{name!r} must be one of {', '.join(names)}", param_hint="--only")
    bounds = Bounds(seconds=seconds)
    server: AbstractContextManager[Subject] = (
        connected(algorithm, address, bounds=bounds) if address else embedded(algorithm, store=store, bounds=bounds)
    )
    results = []
    progress = Console(stderr=True)
    with progress.status("Starting a server ...") as status, server as subject:
        for check in CHECKS:
            if not only or check.name in only:
                status.update(f"{check.name}: {check.promise} ...")
                results.append(check.run(subject))
    if as_json:
        console.print_json(json.dumps([asdict(result) for result in results]))
    else:
        _show(algorithm, results)
    if any(result.verdict is Verdict.FAIL for result in results):
        raise typer.Exit(1)


def _show(algorithm: str, results: Sequence[Result]) -> None:
    table = Table("check", "result", "seconds", "what was found", box=None, pad_edge=False)
    for result in results:
        colour = _COLOURS[result.verdict]
        lines = "\n".join(_lines(result))
        table.add_row(result.check, f"[{colour}]{result.verdict}[/{colour}]", f"{result.seconds:.1f}", escape(lines))
    console.print(table)
    failed = [result.check for result in results if result.verdict is Verdict.FAIL]
    passed = sum(result.verdict is Verdict.PASS for result in results)
    if failed:
        console.print(f"[red]{algorithm} does not conform: {', '.join(failed)}.[/red]")
    else:
        console.print(f"[green]{algorithm} conforms: {passed} checks passed.[/green]")


def _lines(result: Result) -> Iterator[str]:
    if result.verdict is Verdict.FAIL:
        yield f"wrong: {result.wrong}"
        yield f"right: {result.right}"
    else:
        yield result.note or result.promise
