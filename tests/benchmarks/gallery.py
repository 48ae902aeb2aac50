"""Ten pieces in all styles, before and after: ``python -m tests.benchmarks.gallery DATA FOLDER``.

Test pieces of OpenEWLD (lead sheets), JSB (chorales) and POP909 (songs) go through a real gateway; eight bars of each
are drawn beside what came of them in one style of every group, and the figures that the answers carry are printed.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table
from segue.music import Piece, midi_to_piece, piece_to_midi
from segue.plugins.polish.data import read
from segue.v1 import music_pb2, transfer_pb2

from tests.e2e.server import Server

STYLES: Final = ("classical", "jazz", "pop", "rock", "latin", "electronic", "ambient", "folk", "hip-hop")
_PIECES: Final = (("openewld", "lead sheet", 4), ("jsb_chorales", "chorale", 3), ("pop909", "pop song", 3))
_FIRST, _BARS = 8, 8
_SIZE: Final = (2.05, 1.25)
_DRUM_ROOM: Final = 14
_TUNE, _BASS, _REST = "#111111", "#1f5fbf", "#e07b00"
console = Console()


def pieces(data: Path) -> Iterator[tuple[str, Piece]]:
    """Yield ten test pieces with their kind, the first sixteen bars or what there is of them."""
    found = read(data, "test")
    for pack, kind, count in _PIECES:
        own = [piece for piece in found.get(pack, []) if piece.beats >= 4 * (_FIRST + _BARS)]
        for number in range(min(count, len(own))):
            piece = own[number * len(own) // count]
            yield f"{kind} {number + 1}", piece.select(piece.start < 4 * (_FIRST + _BARS))


def draw(axes: Axes, piece: Piece, tune: set[tuple[float, int]], low: int, high: int) -> None:
    """Draw bars of a piece: the tune black, the bass blue, the rest orange, drums as dots below."""
    begin = piece.bar_starts[min(_FIRST, len(piece.bar_starts) - 1)]
    drums = piece.is_drum
    for note in np.flatnonzero(~drums).tolist():
        start, pitch = float(piece.start[note]), int(piece.pitch[note])
        sung = (round(start, 2), pitch) in tune
        colour = _TUNE if sung else _BASS if pitch < 48 else _REST
        axes.hlines(pitch, start, piece.end[note], colour, linewidth=1.9 if sung else 1.3, zorder=2 + sung)
    kinds = np.unique(piece.pitch[drums]).tolist()
    for row, kind in enumerate(kinds):
        own = piece.start[drums & (piece.pitch == kind)]
        axes.plot(own, np.full(len(own), low - 3 - row * _DRUM_ROOM / max(len(kinds), 6)), ".", color="#888888", ms=1.1)
    axes.set_xlim(begin, begin + 4 * _BARS)
    axes.set_ylim(low - _DRUM_ROOM - 3, high + 2)
    axes.set_xticks(piece.bar_starts[_FIRST : _FIRST + _BARS], [])
    axes.set_yticks([])
    axes.tick_params(length=2)
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)


def main(
    data: Annotated[Path, typer.Argument(help="Folder of data packs.", exists=True)],
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")],
    algorithm: Annotated[str, typer.Option(help="Who transfers.")] = "style-seq",
    styles: Annotated[str, typer.Option(help="Styles, with commas between them.")] = ",".join(STYLES),
) -> None:
    """Transfer ten pieces to some styles, draw them and print the figures."""
    wanted = styles.split(",")
    chosen = list(pieces(data))
    rows: list[list[Piece]] = []
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch), SEGUE_PLUGINS='["score","style_seq","style_vae","style_gan"]').start()
        try:
            for _, piece in track(chosen, "pieces", console=console):
                row = [piece]
                for style in wanted:
                    request = transfer_pb2.TransferRequest(
                        music=music_pb2.Music(midi=piece_to_midi(piece)), style=style, algorithm=algorithm, seed=1
                    )
                    answer = server.music.Transfer(request, timeout=120)
                    figures[style].append({figure.name: figure.after for figure in answer.figures})
                    row.append(midi_to_piece(answer.music.midi)[0])
                rows.append(row)
        finally:
            server.stop()
    _draw(chosen, ["before", *wanted], rows, folder / f"{algorithm}-gallery.png")
    names = sorted(set.intersection(*(set(own) for told in figures.values() for own in told)))
    table = Table("", *names)
    for style, told in figures.items():
        table.add_row(style, *(f"{np.mean([own[name] for own in told]):.3f}" for name in names))
    console.print(table)


def _draw(chosen: list[tuple[str, Piece]], titles: list[str], rows: list[list[Piece]], path: Path) -> None:
    columns = len(titles)
    figure = Figure(figsize=(_SIZE[0] * columns, _SIZE[1] * len(rows)), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    for index, ((name, source), row) in enumerate(zip(chosen, rows, strict=True)):
        pitched = np.concatenate([piece.pitch[~piece.is_drum] for piece in row])
        low, high = np.percentile(pitched, (0.5, 99.5)).astype(int).tolist()
        keys = [set(zip(np.round(p.start, 2).tolist(), p.pitch.tolist(), strict=True)) for p in row[1:]]
        tune = set(zip(np.round(source.start, 2).tolist(), source.pitch.tolist(), strict=True)).intersection(*keys)
        for column, piece in enumerate(row):
            axes = figure.add_subplot(len(rows), columns, index * columns + column + 1)
            draw(axes, piece, tune, low, high)
            if not index:
                axes.set_title(titles[column], fontsize=9)
            if not column:
                axes.set_ylabel(name, fontsize=8)
    figure.subplots_adjust(0.015, 0.01, 0.998, 0.975, 0.03, 0.06)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    console.print(f"Wrote {path}")


if __name__ == "__main__":
    typer.run(main)
