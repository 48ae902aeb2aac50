"""How long transfers take: ``python -m tests.benchmarks.transfer FOLDER``.

The folder's three-minute MIDI files through a real gateway and its tritonserver, one at a time: in several styles by
``style-seq``, by the sliders of ``style-vae``, as jazz by ``style-gan``, and polished. Beside each algorithm stands the
time of an analysis of the same files in the same run, which all but ``polish`` begin with.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from segue.v1 import analyze_pb2, music_pb2, transfer_pb2

from tests.benchmarks.analysis import three_minutes
from tests.e2e.server import Server

_PLUGINS = '["score","polish","style_seq","style_vae","style_gan"]'
console = Console()


def wishes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is measured: a name, and the fields of the request."""
    for style in ("disco", "techno", "rock", "jazz", "bossanova", "pop_piano", "hymn"):
        yield f"style-seq, {style}", {"algorithm": "style-seq", "style": style}
    yield "style-vae, sliders", {"attributes": music_pb2.Attributes(rhythmic_intensity=0.8, register=0.3)}
    yield "style-gan, jazz", {"algorithm": "style-gan", "style": "jazz"}
    yield "polish", {"polish": transfer_pb2.Polish()}


def measure(server: Server, files: list[bytes]) -> dict[str, list[tuple[float, float]]]:
    """Return for each wish the seconds to the first message and to the answer, for each file."""
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for data in track(files, "songs", console=console):
        music = music_pb2.Music(midi=data)
        began = time.perf_counter()
        server.music.Analyze(analyze_pb2.AnalyzeRequest(music=music, algorithm="score"), timeout=60)
        taken["analysis"].append((time.perf_counter() - began,) * 2)
        for name, fields in wishes():
            request = transfer_pb2.TransferRequest(music=music, seed=1, **fields)
            began = time.perf_counter()
            stream = server.music.TransferStream(transfer_pb2.TransferStreamRequest(request=request), timeout=60)
            times = [time.perf_counter() - began for _ in stream]
            taken[name].append((times[0], times[-1]))
    return taken


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of MIDI files, e.g. POP909.", exists=True)],
    most: Annotated[int, typer.Option(min=1, help="How many files.")] = 5,
) -> None:
    """Measure transfers of three-minute songs through the gateway."""
    files = three_minutes(folder, most)
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch), SEGUE_PLUGINS=_PLUGINS).start()
        try:
            measure(server, files[:1])  # what is made once for all pieces is made now
            found = measure(server, files)
        finally:
            server.stop()
    table = Table("", "seconds, median", "longest", "first message, median", "times the analysis, median")
    analysis = np.array(found.pop("analysis"))[:, 1]
    for name, pairs in found.items():
        first, whole = np.array(pairs).T
        cells = (np.median(whole), whole.max(), np.median(first), np.median(whole / analysis))
        table.add_row(name, *(f"{value:.2f}" for value in cells))
    console.print(f"{len(files)} three-minute songs; an analysis takes {np.median(analysis):.2f} s in the median.")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
