"""The commands that remake the figures of the README; ``--help`` lists them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from segue.plugin_api.training import Report
from segue.plugins.recommend.reading import read_dataset
from segue.plugins.recommend.report import accuracy as tables
from segue.plugins.recommend.report import speed as timing
from segue.plugins.recommend.report.cold_start import cold_start as measure_cold_start
from segue.plugins.recommend.report.incremental import incremental as measure_incremental
from segue.plugins.recommend.report.next_track import next_track as measure_next_track
from segue.plugins.recommend.report.trade_off import trade_off as measure_trade_off

app = typer.Typer(help="Measure the recommenders on HetRec Last.fm and print the tables of the README.")
console = Console(width=150)
Data = Annotated[Path, typer.Option("--data", help="The HetRec folder.", exists=True)]


def show(reports: Sequence[Report]) -> None:
    """Print reports as Markdown tables."""
    for report in reports:
        console.print(f"\n{report.to_markdown('.4g')}", soft_wrap=True, highlight=False, markup=False)


@app.command()
def accuracy(data: Data, splits: Annotated[int, typer.Option(min=1, help="Random splits to average.")] = 3) -> None:
    """All methods, random 80/20 per listener and on the split of LightGCN++; ials beside the library implicit."""
    show([tables.random_split(data, splits, console), timing.beside_implicit(data)])
    with tempfile.TemporaryDirectory() as work:
        show(tables.lightgcn(data, Path(work), console))


@app.command()
def cold_start(data: Data) -> None:
    """Tracks that training never saw."""
    show(measure_cold_start(data))


@app.command()
def next_track(data: Data) -> None:
    """The sequence networks against a Markov chain and item-knn."""
    show([measure_next_track(data, console)])


@app.command()
def trade_off(data: Data) -> None:
    """What novelty and diversity cost."""
    show(measure_trade_off(data))


@app.command()
def incremental(data: Data) -> None:
    """An update with new plays and tracks beside a fit on all of them."""
    show(measure_incremental(data))


@app.command()
def speed(data: Data) -> None:
    """Answers beside bare numpy, and a catalogue of a million tracks."""
    show([timing.answers(tables.SHIPPED / "ials" / "1")])
    with tempfile.TemporaryDirectory() as folder:
        show([timing.large_catalogue(read_dataset(data)[0], Path(folder))])


if __name__ == "__main__":
    app()
