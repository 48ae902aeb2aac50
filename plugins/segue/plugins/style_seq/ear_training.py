"""Teaching the ear: the shipped chord network of ``score`` goes on learning, mostly from the bands of the charts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from segue.music.cells import cut
from segue.music.grid import find_grid
from segue.music.reading import Reading
from segue.plugin_api.training import Report, Run
from segue.plugins.packs import synth
from segue.plugins.packs.pop909 import Song, songs
from segue.plugins.score.chord_net import ChordNet, cell_features
from segue.plugins.score.data import Part, part_of
from segue.plugins.score.evaluation import compare_chords
from segue.plugins.score.examples import Example, chorale_chords, crops, hide_top, song_chords
from segue.plugins.score.fitting import fit
from segue.plugins.score.networks import Networks
from segue.plugins.score.train import accuracy
from segue.plugins.style.pack import Chart, read_charts
from segue.plugins.style_seq.ear import Ear
from segue.plugins.style_seq.hearing import root_and_mode

_SHARES: Final = (0.7, 0.2, 0.1)
"""Of charts, songs of POP909 and chorales in a batch; the last two keep it from forgetting them."""
_CELLS: Final = 192
_RATE: Final = 2e-3

Chords = dict[str, NDArray[np.int64]]


def fit_ear(run: Run, network: ChordNet, steps: int) -> Ear:
    """Teach a network; goes on from the checkpoint in ``run.work``.

    Parameters
    ----------
    run
        Where data and checkpoints are.
    network
        What it knows already; it is changed.
    steps
        Training steps of 16 stretches of 24 bars.
    """
    written = read_written(run.data)
    charts = [chart for chart in read_charts(run.data) if chart.part != "test"]
    heard = [
        example
        for chart in track(charts, "charts to cells", console=run.console)
        for example in _examples(chart, written[chart.number])
    ]
    sung = [song_chords(song) for song in track(_songs(run.data), "songs to cells", console=run.console)]
    kinds = (heard, sung, chorale_chords(run.data))
    parts = [(share, _part(kind, "train")) for share, kind in zip(_SHARES, kinds, strict=True)]
    groups = [(share, own) for share, own in parts if own]
    valid = _part(heard, "valid")
    batch = crops(groups, _CELLS, 16, run.seed, hide_top)
    fit(network, batch, lambda net: accuracy(net, valid), run, "ear", steps=steps, rate=_RATE, smoothing=0.05)
    return Ear(network.eval())


def read_written(data: Path) -> Chords:
    """Return the chord of each half beat as the charts have it, by their numbers."""
    return {number: chord for number, (chord, _) in synth.written_chords(data).items()}


def _examples(chart: Chart, written: NDArray[np.int64]) -> Iterator[Example]:
    """Yield a chart in each style, with its tune and without."""
    for style, band in chart.styles.items():
        for piece in (band, chart.with_melody(style)):
            cells = cut(piece, find_grid(piece))
            middle = cells.edges[:-1] + cells.edges[1:]  # in half beats
            inside = (middle >= 0) & (middle < len(written))
            chord = written[np.clip(middle, 0, len(written) - 1).astype(np.int64)]
            yield Example(chart.part, cell_features(cells)[:, inside], chord[inside])


def _songs(data: Path) -> list[Song]:
    return songs(data) if (data / "pop909" / "index.csv").is_file() else []


def _part(examples: Sequence[Example], part: Part) -> list[Example]:
    return [example for example in examples if example.part == part]


def chords_report(ear: Ear, networks: Networks, data: Path, console: Console) -> Report:
    """Measure how well the ear hears chords, beside ``score``, in what neither learnt from."""
    written = read_written(data)
    rows: dict[str, dict[str, float]] = {}
    charts = [chart for chart in read_charts(data) if chart.part == "test"]
    pieces = [(chart.with_melody(style), written[chart.number]) for chart in charts for style in chart.styles]
    held_out = [song for song in _songs(data) if part_of(song.number) == "test"]
    for name, read in (("its ear", ear.read), ("score", networks.read)):
        told = track(pieces, f"chords by {name}", console=console)
        rows[name] = {"charts": float(np.mean([_agreement(read(piece), chords) for piece, chords in told]))}
        if held_out:
            found = [compare_chords(song, read(song.piece())) for song in track(held_out, "songs", console=console)]
            rows[name]["POP909"] = float(np.mean([metrics["majmin"] for metrics in found]))
    return Report(
        f"Chords heard, root and major or minor: share of the half beats of {len(charts)} test charts in "
        f"{len(pieces)} arrangements with their tune; share of the time of {len(held_out)} test songs of POP909.",
        rows,
    )


def _agreement(reading: Reading, written: NDArray[np.int64]) -> float:
    found = reading.chord_at((np.arange(len(written)) + 0.5) / 2)
    return float((root_and_mode(found) == root_and_mode(written)).all(axis=1).mean())
