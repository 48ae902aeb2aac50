"""How fast a piece is analysed: ``python -m tests.benchmarks.analysis FOLDER``.

Whole analyses of the folder's three-minute MIDI files through a real gateway and its tritonserver, one at a time; and
the key of the same files by music21's ``analyze("key")``, by Segue's histogram and ends (the same job), and by Segue's
chords and local keys (more than that job), one after the other on each file in one process. CPU time is given beside
wall time because other work on the machine lengthens the one only.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from segue.music import Piece, midi_to_piece
from segue.music.keys import guess_key
from segue.plugins.score.networks import shipped_networks, use_one_thread
from segue.v1 import analyze_pb2, music_pb2

from tests.e2e.server import Server

_SHORTEST, _LONGEST = 165.0, 195.0
_WARM_UP = 3
console = Console()


def three_minutes(folder: Path, most: int) -> list[bytes]:
    """Return the files that last three minutes, a quarter more or less."""
    found: list[bytes] = []
    for path in sorted(folder.rglob("*.mid")):
        data = path.read_bytes()
        piece = midi_to_piece(data)[0]
        if len(piece) and _SHORTEST <= float(piece.beats_to_seconds(piece.beats)) <= _LONGEST:
            found.append(data)
        if len(found) == most:
            break
    return found


def through_the_gateway(files: list[bytes], rounds: int, algorithm: str) -> list[float]:
    """Return how long each whole analysis by an algorithm took its caller, in milliseconds."""
    taken = []
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch), SEGUE_PLUGINS='["score"]').start()
        try:
            requests = [
                analyze_pb2.AnalyzeRequest(algorithm=algorithm, music=music_pb2.Music(midi=data))
                for data in (files * rounds)
            ]
            for number, request in enumerate(track(requests[:_WARM_UP] + requests, algorithm, console=console)):
                began = time.perf_counter()
                server.music.Analyze(request, timeout=60)
                if number >= _WARM_UP:
                    taken.append(1e3 * (time.perf_counter() - began))
        finally:
            server.stop()
    return taken


def keys(files: list[bytes]) -> dict[str, list[float]]:
    """Return the CPU milliseconds that each way of finding the key takes on each file, reading not counted."""
    import music21

    use_one_thread()  # as its model does
    networks = shipped_networks()
    ways: dict[str, Callable[[Piece], int]] = {
        "Segue, histogram and ends": guess_key,
        "Segue, chords and local keys": lambda piece: networks.read(piece).keys.best,
    }
    taken: dict[str, list[float]] = {"music21": [], **{name: [] for name in ways}}
    for data in track(files, "keys", console=console):
        stream = music21.converter.parseData(data, format="midi")
        taken["music21"].append(_milliseconds(lambda stream=stream: stream.analyze("key")))
        piece = midi_to_piece(data)[0]
        for name, way in ways.items():
            way(piece)  # what is made once for all pieces is made now
            taken[name].append(_milliseconds(lambda way=way, piece=piece: way(piece), 20))
    return taken


def _milliseconds(call: Callable[[], object], times: int = 1) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return 1e3 * (time.process_time() - began) / times


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of MIDI files, e.g. POP909.", exists=True)],
    most: Annotated[int, typer.Option(min=1, help="How many files.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="How often each goes through the gateway.")] = 5,
) -> None:
    """Measure whole analyses through the gateway, and key finding beside music21."""
    files = three_minutes(folder, most)
    if not files:
        raise typer.BadParameter(f"holds no MIDI file of {_SHORTEST:.0f} to {_LONGEST:.0f} seconds")
    for algorithm, what in (("score", "all but the emotion"), ("emotion", "all, the emotion over time included")):
        taken = through_the_gateway(files, rounds, algorithm)
        console.print(
            f"{algorithm} ({what}) of {len(files)} three-minute files through the gateway, {len(taken)} calls: "
            f"median {np.median(taken):.0f} ms, p95 {np.percentile(taken, 95):.0f} ms."
        )
    table = Table("key of the same files", "median CPU ms", "median times as fast as music21", "smallest")
    found = keys(files)
    for name, values in found.items():
        ratio = np.array(found["music21"]) / np.array(values)
        table.add_row(name, f"{np.median(values):.3f}", f"{np.median(ratio):.1f}", f"{ratio.min():.1f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
