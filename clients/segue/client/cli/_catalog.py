"""``segue algorithms`` and ``segue plugins``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from segue.client._parse import enum_to_text
from segue.client.cli._session import Session, command, struct_to_dict
from segue.client.cli._text import licences_text
from segue.v1.catalog_pb2 import (
    Algorithm,
    AlgorithmState,
    Capability,
    GetAlgorithmResponse,
    ListAlgorithmsResponse,
    ListPluginsResponse,
    Model,
)

_COLOURS = {"ready": "green", "loading": "yellow", "failing": "red", "refused": "red", "unloaded": "dim"}


def add_to(app: typer.Typer) -> None:
    """Add the commands to an app."""
    command(app, example="segue algorithms chorale")(algorithms)
    command(app, example="segue plugins")(plugins)


def algorithms(
    session: Session,
    name: Annotated[str, typer.Argument(help="Describe this one in full.", show_default=False)] = "",
    capability: Annotated[str, typer.Option(help="Only those that recommend, generate, transfer or analyze.")] = "",
) -> None:
    """List the server's algorithms, or describe one: its options, limits, models and their cards."""
    if name:
        algorithm = session.client.algorithm(name)
        if session.json:
            session.answer(GetAlgorithmResponse(algorithm=algorithm))
        else:
            _describe(session, algorithm)
        return
    found = session.client.algorithms(capability=capability)
    if session.json:
        session.answer(ListAlgorithmsResponse(algorithms=found))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("does", "algorithm", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what it is", ratio=1)
    for algorithm in found:
        does = enum_to_text(Capability, algorithm.capability)
        mark = " [dim](default)[/dim]" if algorithm.is_default else ""
        text = escape(algorithm.summary) + (f"\n[red]{escape(algorithm.cause)}[/red]" if algorithm.cause else "")
        table.add_row(does, f"[bold]{escape(algorithm.name)}[/bold]{mark}", _state(algorithm), text)
    session.out.print(table if found else "The server has no algorithms.")


def plugins(session: Session) -> None:
    """List the server's plugins; those that could not be loaded are named with the cause."""
    found = session.client.plugins()
    if session.json:
        session.answer(ListPluginsResponse(plugins=found))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("plugin", "from", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("algorithms", ratio=1)
    for plugin in found:
        state = "[red]quarantined[/red]" if plugin.quarantined else "[green]loaded[/green]"
        text = escape(", ".join(plugin.algorithms))
        cause = f"[red]{escape(plugin.cause)}[/red]" if plugin.cause else ""
        table.add_row(escape(plugin.name), escape(plugin.distribution), state, "\n".join(filter(None, (text, cause))))
    session.out.print(table if found else "The server has no plugins.")


def _state(algorithm: Algorithm) -> str:
    state = enum_to_text(AlgorithmState, algorithm.state)
    colour = _COLOURS.get(state, "yellow")
    return f"[{colour}]{state}[/{colour}]"


def _describe(session: Session, algorithm: Algorithm) -> None:
    out = session.out
    out.print(f"[bold]{escape(algorithm.name)}[/bold] {escape(algorithm.version)}  {_state(algorithm)}")
    out.print(escape(algorithm.summary))
    if algorithm.cause:
        out.print(f"[red]{escape(algorithm.cause)}[/red]")
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    does = enum_to_text(Capability, algorithm.capability)
    facts.add_row("does", does + (", bar by bar" if algorithm.streams else ""))
    facts.add_row("plugin", escape(f"{algorithm.plugin}, licence {algorithm.licence or 'not stated'}"))
    for name, limit in sorted(algorithm.limits.items()):
        facts.add_row("limit", escape(f"{name.replace('_', ' ')} {limit:,g}"))
    out.print(facts)
    properties = struct_to_dict(algorithm.options_schema).get("properties", {})
    if properties:
        out.print(_options(properties))
    for model in algorithm.models:
        _describe_model(session, model)


def _options(properties: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("--option", "type", "default"):
        table.add_column(heading, no_wrap=heading != "type")
    table.add_column("meaning", ratio=1)
    for name, schema in properties.items():
        default = json.dumps(schema["default"], ensure_ascii=False) if schema.get("default") is not None else ""
        table.add_row(escape(name), escape(_kind(schema)), escape(default), escape(schema.get("description", "")))
    return table


def _kind(schema: dict[str, Any]) -> str:
    """Write the type and range of an option, e.g. ``number 0..2`` or ``"major" | "minor"``."""
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_kind(option) for option in schema["anyOf"])
    low = schema.get("minimum", schema.get("exclusiveMinimum", ""))
    high = schema.get("maximum", schema.get("exclusiveMaximum", ""))
    reach = f" {low}..{high}" if low != "" or high != "" else ""
    return f"{schema.get('type', 'any')}{reach}"


def _describe_model(session: Session, model: Model) -> None:
    versions = ", ".join(str(version) for version in model.versions)
    session.out.print(f"\n[bold]model {escape(model.name)}[/bold] version {model.version} of {versions or 'none'}")
    colour = "yellow" if model.non_commercial else "default"
    session.out.print(f"[dim]data[/dim]    [{colour}]{escape(licences_text(model))}[/{colour}]")
    session.out.print(f"[dim]digest[/dim]  {model.digest[:16]}")
    for report in struct_to_dict(model.card).get("reports", []):
        session.out.print(_report(report))


def _report(report: dict[str, Any]) -> Table:
    """Lay out one held-out report of a model card: methods down, metrics across."""
    rows: dict[str, dict[str, Any]] = report.get("rows", {})
    metrics = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    table = Table(
        box=None,
        header_style="bold",
        padding=(0, 2, 0, 0),
        title=escape(str(report.get("protocol", ""))),
        title_justify="left",
        title_style="dim",
    )
    for heading in ("method", *metrics):
        table.add_column(escape(heading), justify="left" if heading == "method" else "right")
    for method, row in rows.items():
        table.add_row(escape(method), *(f"{row[m]:.4g}" if m in row else "" for m in metrics))
    return table
