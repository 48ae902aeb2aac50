"""How fast pieces are composed: ``python -m tests.benchmarks.composing``.

Pieces of eight bars through a real gateway and its tritonserver: the time to the first bar and to the whole piece, one
piece at a time; and how many times as many notes a second come when 16 are asked for at once as one after the other.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from segue.music import midi_to_piece
from segue.v1 import generate_pb2

from tests.e2e.server import Server

_ALONE, _AT_ONCE, _ROUNDS = 20, 16, 3
_WISHES = (("chorale", ""), ("transformer", "chorale"), ("transformer", "pop_piano"))


def request(algorithm: str, style: str, seed: int) -> generate_pb2.GenerateRequest:
    """Ask for eight bars."""
    return generate_pb2.GenerateRequest(algorithm=algorithm, style=style, bars=8, seed=seed)


def streamed(server: Server, wish: generate_pb2.GenerateRequest) -> tuple[float, float]:
    """Return the seconds to the first message and to the last."""
    began = time.perf_counter()
    stream = server.music.GenerateStream(generate_pb2.GenerateStreamRequest(request=wish), timeout=60)
    times = [time.perf_counter() - began for _ in stream]
    return times[0], times[-1]


def notes_a_second(server: Server, algorithm: str, style: str, at_once: int) -> float:
    """Compose 16 pieces, so many at once."""

    def notes(seed: int) -> int:
        answer = server.music.Generate(request(algorithm, style, seed), timeout=60)
        return len(midi_to_piece(answer.pieces[0].music.midi)[0])

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        composed = sum(pool.map(notes, range(_AT_ONCE)))
    return composed / (time.perf_counter() - began)


def main() -> None:
    """Measure composing through the gateway."""
    table = Table("", "first bar, median / p95 s", "8 bars, median / p95 s", "16 at once beside one by one")
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch), SEGUE_PLUGINS='["chorale","transformer"]').start()
        try:
            for algorithm, style in _WISHES:
                streamed(server, request(algorithm, style, 99))
                times = [streamed(server, request(algorithm, style, seed)) for seed in range(_ALONE)]
                cells = (f"{np.median(t):.2f} / {np.percentile(t, 95):.2f}" for t in zip(*times, strict=True))
                alone = notes_a_second(server, algorithm, style, 1)
                ratios = (notes_a_second(server, algorithm, style, _AT_ONCE) / alone for _ in range(_ROUNDS))
                table.add_row(f"{algorithm} {style}", *cells, ", ".join(f"{ratio:.1f}" for ratio in ratios))
        finally:
            server.stop()
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
