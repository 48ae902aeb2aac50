"""``segue models``: what the model store holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from segue.plugin_api.errors import NotFound, SegueError
from segue.plugin_api.model_spec import ModelSpec
from segue.plugin_api.store import ModelStore
from segue.server.commands.plainly import plainly
from segue.server.plugins import load_plugins
from segue.server.repository import write_model
from segue.server.settings import Settings

app = typer.Typer(help="List, compare, promote and export models.", no_args_is_help=True, add_completion=False)
console = Console()

Store = Annotated[
    Path | None, typer.Option(help="Folder of the model store.", show_default="SEGUE_STORE or ~/.local/share")
]
Model = Annotated[str, typer.Argument(help="Name of the model, e.g. ials.")]


def _open(store: Path | None) -> ModelStore:
    return ModelStore(store or Settings().store)


def _specs() -> dict[str, ModelSpec]:
    return {
        spec.name: spec for plugin in load_plugins() for algorithm in plugin.algorithms for spec in algorithm.models
    }


def _spec(name: str) -> ModelSpec:
    specs = _specs()
    if name not in specs:
        raise NotFound(f"no model {name!r}; there are: {', '.join(sorted(specs)) or 'none'}")
    return specs[name]


@app.command("list")
@plainly
def list_models(store: Store = None) -> None:
    """List models and their versions. Example: segue models list."""
    models = _open(store)
    table = Table("model", "serving", "versions", "data licences", "size")
    for spec in _specs().values():
        versions = models.versions(spec)
        if not versions:
            table.add_row(spec.name, "-", "not trained yet", "", "")
            continue
        serving = models.serving(spec)
        sources = models.card(spec, serving).get("data", [])
        licences = sorted({source["licence"] for source in sources})
        size = sum(path.stat().st_size for path in versions[serving].rglob("*") if path.is_file())
        table.add_row(
            spec.name, str(serving), " ".join(map(str, versions)), "; ".join(licences), f"{size / 1e6:.1f} MB"
        )
    console.print(table)


@app.command()
@plainly
def show(
    model: Model,
    version: Annotated[int | None, typer.Option(help="Version; the one that serves if absent.")] = None,
    store: Store = None,
) -> None:
    """Print a model card. Example: segue models show ials."""
    models, spec = _open(store), _spec(model)
    console.print_json(json.dumps(models.card(spec, version or models.serving(spec))))


@app.command()
@plainly
def compare(
    model: Model,
    first: Annotated[int, typer.Argument(help="A version.")],
    second: Annotated[int, typer.Argument(help="Another version.")],
    store: Store = None,
) -> None:
    """Compare the metrics of two versions. Example: segue models compare ials 1 2."""
    models, spec = _open(store), _spec(model)
    left, right = (_metrics(models.card(spec, version)) for version in (first, second))
    table = Table("metric", f"version {first}", f"version {second}", "change")
    for name in sorted(left.keys() | right.keys()):
        values = [metrics.get(name) for metrics in (left, right)]
        change = "" if None in values else f"{values[1] - values[0]:+.4f}"  # type: ignore[operator]
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values), change)
    console.print(table)


def _metrics(card: dict[str, Any]) -> dict[str, float]:
    return {
        f"{row} {metric}": value
        for report in card.get("reports", [])
        for row, metrics in report["rows"].items()
        for metric, value in metrics.items()
    }


@app.command()
@plainly
def promote(model: Model, version: Annotated[int, typer.Argument(help="The version.")], store: Store = None) -> None:
    """Make a version the one that serves; a running server follows. Example: segue models promote ials 2."""
    _open(store).promote(_spec(model), version)
    console.print(f"{model} now serves version {version}.")


@app.command("roll-back")
@plainly
def roll_back(model: Model, store: Store = None) -> None:
    """Go back to the version that served before. Example: segue models roll-back ials."""
    console.print(f"{model} now serves version {_open(store).roll_back(_spec(model))} again.")


@app.command()
@plainly
def export(
    out: Annotated[Path, typer.Option(help="Folder to write; replaced if it is there.")],
    store: Store = None,
    device: Annotated[str, typer.Option(help="cpu or gpu: where instances are placed.")] = "cpu",
) -> None:
    """Write a Triton model repository for a Triton that runs elsewhere. Example: segue models export --out models."""
    if device not in ("cpu", "gpu"):
        raise typer.BadParameter(f"{device!r} must be cpu or gpu", param_hint="--device")
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out} is a file, must be a folder", param_hint="--out")
    if out.is_dir() and any(out.iterdir()) and not any(out.glob("*/config.pbtxt")):
        raise typer.BadParameter(f"{out} holds something that is no model repository", param_hint="--out")
    models = _open(store)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for spec in _specs().values():
        try:
            version = write_model(out, spec, models, device=device, copy=True)  # type: ignore[arg-type]
            console.print(f"{spec.name} version {version}")
        except SegueError as error:
            console.print(f"[yellow]{spec.name} left out:[/yellow] {error.message}")
