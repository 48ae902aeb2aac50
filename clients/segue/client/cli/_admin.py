"""``segue admin``: what an operator does to a running server."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from segue.client._errors import InvalidField
from segue.client._parse import enum_to_text
from segue.client.cli._session import UNSET, Session, command
from segue.v1 import admin_pb2 as pb
from segue.v1.catalog_pb2 import AlgorithmState, Capability

_Name = Annotated[str, typer.Argument(metavar="ALGORITHM", help="The algorithm.")]
_ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="The model; 'segue algorithms NAME' names them.")]


def add_to(app: typer.Typer) -> None:
    """Add the group to an app."""
    group = typer.Typer(help="Move models and traffic of a running server.", no_args_is_help=True)
    command(group, example="segue admin load chorale")(load)
    command(group, example="segue admin unload chorale")(unload)
    command(group, example="segue admin reload chorale")(reload)
    command(group, example="segue admin promote chorale-gru --version 2")(promote)
    command(group, name="roll-back", example="segue admin roll-back chorale-gru")(roll_back)
    command(group, example="segue admin traffic generate chorale=9 transformer=1 --shadow vae")(traffic)
    command(group, example="segue admin drain")(drain)
    app.add_typer(group, name="admin")


def load(session: Session, name: _Name) -> None:
    """Load an algorithm's models and let it serve once its probe answers."""
    with session.working("Loading"):
        algorithm = session.client.load(name)
    _tell_algorithm(session, pb.LoadAlgorithmResponse(algorithm=algorithm))


def unload(session: Session, name: _Name) -> None:
    """Take an algorithm out of service and unload its models."""
    with session.working("Unloading"):
        algorithm = session.client.unload(name)
    _tell_algorithm(session, pb.UnloadAlgorithmResponse(algorithm=algorithm))


def reload(session: Session, name: _Name) -> None:
    """Reload an algorithm's models from the store; the old ones serve until the new ones do."""
    with session.working("Reloading"):
        algorithm = session.client.reload(name)
    _tell_algorithm(session, pb.ReloadAlgorithmResponse(algorithm=algorithm))


def promote(
    session: Session,
    model: _ModelName,
    version: Annotated[int, typer.Option(help="The version; 0 means the highest in the store.")] = 0,
) -> None:
    """Make a version of a model the one that serves."""
    with session.working("Promoting"):
        answer = session.client.promote(model, version=version)
    _tell_model(session, pb.PromoteModelResponse(model=answer))


def roll_back(session: Session, model: _ModelName) -> None:
    """Go back to the version of a model that served before the last promotion."""
    with session.working("Rolling back"):
        answer = session.client.roll_back(model)
    _tell_model(session, pb.RollBackModelResponse(model=answer))


def traffic(
    session: Session,
    capability: Annotated[
        str, typer.Argument(help="recommend, generate, transfer or analyze; none shows all rules.", show_default=False)
    ] = "",
    shares: Annotated[
        list[str], typer.Argument(metavar="ALGORITHM[=WEIGHT]...", help="Who answers calls that name no algorithm.")
    ] = UNSET,
    shadow: Annotated[str, typer.Option(help="An algorithm that gets a copy of every call.")] = "",
) -> None:
    """Show the traffic rules, or set those of one capability: a default, a weighted split, a shadow."""
    if capability:
        if not shares:
            raise InvalidField.at("shares", "name at least one algorithm, e.g. chorale or chorale=9")
        rules = session.client.set_traffic(capability, dict(map(_share, shares)), shadow=shadow)
    else:
        rules = session.client.get_traffic()
    if session.json:
        session.answer(pb.GetTrafficResponse(traffic=rules))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("calls to", "are answered by", "shadow"):
        table.add_column(heading)
    for rule in rules:
        total = sum(share.weight for share in rule.shares) or 1.0
        split = ", ".join(f"{share.algorithm} {100 * share.weight / total:.3g} %" for share in rule.shares)
        table.add_row(enum_to_text(Capability, rule.capability), escape(split), escape(rule.shadow))
    session.out.print(table if rules else "No rules are set: each capability's default algorithm answers.")


def drain(session: Session) -> None:
    """Stop taking calls, finish those under way, and report NOT_SERVING."""
    in_flight = session.client.drain()
    if session.json:
        session.answer(pb.DrainResponse(in_flight=in_flight))
    else:
        session.out.print(f"Draining; {in_flight} calls are under way.")


def _share(text: str) -> tuple[str, float]:
    name, equals, weight = text.partition("=")
    try:
        return name, float(weight) if equals else 1.0
    except ValueError as error:
        raise InvalidField.at("shares", f"{text!r} is not ALGORITHM=WEIGHT with a number, e.g. chorale=9") from error


def _tell_algorithm(
    session: Session, answer: pb.LoadAlgorithmResponse | pb.UnloadAlgorithmResponse | pb.ReloadAlgorithmResponse
) -> None:
    if session.json:
        session.answer(answer)
        return
    algorithm = answer.algorithm
    state = enum_to_text(AlgorithmState, algorithm.state)
    cause = f": {algorithm.cause}" if algorithm.cause else ""
    session.out.print(f"[bold]{escape(algorithm.name)}[/bold] is {escape(state + cause)}")


def _tell_model(session: Session, answer: pb.PromoteModelResponse | pb.RollBackModelResponse) -> None:
    if session.json:
        session.answer(answer)
        return
    model = answer.model
    versions = ", ".join(str(version) for version in model.versions)
    session.out.print(f"[bold]{escape(model.name)}[/bold] serves version {model.version} of {versions}")
