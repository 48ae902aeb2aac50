"""``segue train``: real data in, the next version of a model out."""

from __future__ import annotations

import errno
import importlib
import json
import math
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from segue.plugin_api.algorithm import Algorithm
from segue.plugin_api.errors import FailedPrecondition, NotFound, Unsupported
from segue.plugin_api.store import CARD, ModelStore, digest_folder
from segue.plugin_api.training import Report, Run, Trainer, TrainingSettings
from segue.server.commands.plainly import plainly
from segue.server.commands.trainer_settings import given_settings, read_settings, show_settings
from segue.server.plugins import load_plugins
from segue.server.settings import Settings

app = typer.Typer(help="Train or evaluate an algorithm's model.", add_completion=False)
console = Console()


@app.command(epilog="What --set can say, for each algorithm: segue train ials --settings")
@plainly
def train(
    algorithm: Annotated[str, typer.Argument(help="Name of the algorithm, e.g. ials.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder or file of training data; only --settings needs none.", exists=True)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Model store to write the next version into.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn at random.", min=0, max=2**32 - 1)] = 0,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="Only measure the version that serves.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Only write the version that serves as ONNX and as int8 into this folder.")
    ] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, a setting of the trainer.")] = None,
    only_settings: Annotated[bool, typer.Option("--settings", help="Only list what --set can say.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reports, or the settings, as JSON.")] = False,
) -> None:
    """Train an algorithm's model on your data and put it into the store, or measure it with --evaluate, or export it.

    An interrupted training goes on where it stopped. Serve the new version with 'segue models promote'.

    Example: segue train ials --data lastfm_2k --out store
    """
    chosen = _algorithm(algorithm)
    trainer = _trainer(chosen)
    if only_settings:
        show_settings(algorithm, trainer, console, as_json=as_json)
        return
    if data is None:
        raise typer.BadParameter("names no data to learn from", param_hint="--data")
    progress = Console(stderr=as_json)
    store = ModelStore(out or Settings().store)
    spec = chosen.models[0]
    if evaluate:
        reports = trainer.evaluate(data, store.path(spec, store.serving(spec)), progress)
        _show(reports, as_json=as_json)
        return
    if export:
        reports = trainer.export(data, store.path(spec, store.serving(spec)), export, progress)
        _show(reports, as_json=as_json)
        return
    settings = read_settings(trainer, setting or [])
    work = store.root / ".training" / spec.name
    work.mkdir(parents=True, exist_ok=True)
    if int(os.environ.get("RANK", "0")):  # under torchrun, the first process alone writes the version
        with tempfile.TemporaryDirectory() as aside:
            trainer.train(Run(data, Path(aside), work, seed, Console(quiet=True)), settings)
        return
    started = time.monotonic()
    with store.new_version(spec) as artifacts, _full_disk_told(store.root):
        run = Run(data=data, artifacts=artifacts, work=work, seed=seed, console=progress)
        reports = trainer.train(run, settings)
        card = _card(chosen, run, settings, reports, time.monotonic() - started + run.earlier_seconds)
        (artifacts / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    written = max(store.versions(spec))
    _show(reports, as_json=as_json)
    if not as_json:
        where = f" --store {shlex.quote(str(out))}" if out else ""
        told = f"Wrote {spec.name} version {written}. Serve it: segue models promote {spec.name} {written}{where}"
        console.print(told, markup=False, soft_wrap=True)


@contextmanager
def _full_disk_told(folder: Path) -> Iterator[None]:
    """Say in a sentence that the disk is full: libraries say it each in an error of their own.

    Raises
    ------
    FailedPrecondition
        If it is.
    """
    try:
        yield
    except Exception as error:
        told = list(_with_causes(error))
        full = any(isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in told)
        if full or any(f"os error {errno.ENOSPC}" in str(one) for one in told):  # the latter as Rust has it
            text = f"no space is left for {folder}: no version was written; with more, the same command goes on"
            raise FailedPrecondition(text) from error
        raise


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _algorithm(name: str) -> Algorithm:
    found = {algorithm.name: algorithm for plugin in load_plugins() for algorithm in plugin.algorithms}
    if name not in found:
        trainable = sorted(known for known, algorithm in found.items() if algorithm.trainer)
        raise NotFound(f"no algorithm {name!r}; those that can be trained: {', '.join(trainable) or 'none'}")
    return found[name]


def _trainer(algorithm: Algorithm) -> Trainer:
    if not algorithm.trainer:
        raise Unsupported(f"algorithm {algorithm.name!r} has nothing to train")
    module, _, name = algorithm.trainer.partition(":")
    trainer: Trainer = getattr(importlib.import_module(module), name)()
    return trainer


def _card(
    algorithm: Algorithm, run: Run, settings: TrainingSettings, reports: Sequence[Report], seconds: float
) -> dict[str, Any]:
    """Return the model card: how the version was made, from what, and how good it is."""
    command = f"segue train {algorithm.name} --data {shlex.quote(run.data.name)} --seed {run.seed}"
    return {
        "model": algorithm.models[0].name,
        "algorithm": f"{algorithm.name} {algorithm.version}",
        "summary": algorithm.summary,
        "command": f"{command} {given_settings(settings)}".strip(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "seed": run.seed,
        "settings": settings.model_dump(mode="json"),
        "data": [
            {
                "name": source.name,
                "licence": source.licence,
                "non_commercial": source.non_commercial,
                "digest": digest_folder(source.path),
            }
            for source in run.sources
        ],
        "reports": [_told(report) for report in reports],
        "environment": {"python": platform.python_version(), **_versions("numpy", "torch", "segue")},
    }


def _told(report: Report) -> dict[str, Any]:
    """Return a report as JSON can say it: a figure that could not be measured (no number, or infinite) is left out."""
    rows = {
        name: {metric: value for metric, value in row.items() if math.isfinite(value)}
        for name, row in report.rows.items()
    }
    return {"protocol": report.protocol, "rows": rows}


def _versions(*names: str) -> dict[str, str]:
    return {name: version(name) for name in names if name in sys.modules or name == "segue"}


def _show(reports: Sequence[Report], *, as_json: bool) -> None:
    if as_json:
        console.print_json(json.dumps([_told(report) for report in reports]))
        return
    for report in reports:
        metrics = list(dict.fromkeys(metric for row in report.rows.values() for metric in row))
        cells = [["", *metrics]]
        for name, row in report.rows.items():
            cells.append([name, *(f"{row[metric]:.4g}" if metric in row else "" for metric in metrics)])
        if len(metrics) > len(report.rows):  # the longer way down, as terminals are narrow
            cells = [list(column) for column in zip(*cells, strict=True)]
        console.print(report.protocol)
        table = Table(*cells[0])
        for line in cells[1:]:
            table.add_row(*line)
        console.print(table)
