"""What Recommend costs through the whole gateway: ``python -m tests.benchmarks.recommend``.

A real ``segue serve`` answers histories of 50 that it has never seen, ten tracks each with causes and sentences: one
call after the other, then batches of BatchRecommend from two callers. Beside it, in the client's process and on one
core, bare numpy does the arithmetic alone: the normal equations of a history, one solve, one product with all tracks,
one partial sort. Milliseconds are those of this machine with whatever else it does meanwhile; the ratios, and the CPU
time that gateway, Triton and model spend on a request, are steadier.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from segue.plugins.recommend.model import RecommendModel
from segue.plugins.recommend.report.accuracy import SHIPPED
from segue.plugins.recommend.report.speed import bare_answer
from segue.v1 import recommend_pb2
from threadpoolctl import threadpool_limits

from ..e2e.server import Server

HISTORY, COUNT, CALLERS = 50, 10, 2


def requests(model: RecommendModel, many: int) -> tuple[list[Any], list[Any]]:
    """Draw histories, each track as likely as it has listeners; return them as requests and as rows."""
    rng = np.random.default_rng(0)
    share = model.data.audience / model.data.audience.sum()
    rows = [rng.choice(len(share), HISTORY, replace=False, p=share) for _ in range(many)]
    ids, item = model.data.catalogue.ids, recommend_pb2.HistoryItem
    return [
        recommend_pb2.RecommendRequest(
            algorithm="ials", count=COUNT, history=[item(track_id=ids[row], plays=3) for row in history]
        )
        for history in rows
    ], rows


def milliseconds(call: Callable[[Any], Any], arguments: list[Any]) -> list[float]:
    """Time a call for each argument."""
    found = []
    for argument in arguments:
        start = time.perf_counter()
        call(argument)
        found.append(1e3 * (time.perf_counter() - start))
    return found


def cpu_seconds(server: Server) -> float:
    """Return the CPU time that a server and all it started have used."""
    return sum(sum(process.cpu_times()[:2]) for process in server.processes())


def measure(server: Server, calls: int, batch: int) -> dict[str, float]:
    """Call a server that is up."""
    model = RecommendModel()
    model.load(SHIPPED / "ials" / "1", "cpu")
    asked, rows = requests(model, calls)
    server.music.Recommend(asked[0])
    single = milliseconds(server.music.Recommend, asked)
    batches = [
        recommend_pb2.BatchRecommendRequest(requests=asked[start : start + batch]) for start in range(0, calls, batch)
    ]
    spent, start = cpu_seconds(server), time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(server.music.BatchRecommend, batches))
    seconds, spent = time.perf_counter() - start, cpu_seconds(server) - spent
    answered = sum(outcome.HasField("response") for answer in answers for outcome in answer.outcomes)
    with threadpool_limits(1):
        bare = milliseconds(lambda history: bare_answer(model.scorer, [history], COUNT), rows)
    return {
        "single p50 ms": float(np.median(single)),
        "single p95 ms": float(np.percentile(single, 95)),
        "bare numpy p50 ms": float(np.median(bare)),
        "bare numpy p95 ms": float(np.percentile(bare, 95)),
        "single p50 / bare": float(np.median(single) / np.median(bare)),
        "batched requests/s": answered / seconds,
        "batched CPU ms a request": 1e3 * spent / answered,
        "batched CPU ms / bare": 1e3 * spent / answered / float(np.median(bare)),
        "failed": float(calls - answered),
    }


def main(
    calls: Annotated[int, typer.Option(min=1, help="Requests of each kind.")] = 500,
    batch: Annotated[int, typer.Option(min=1, max=200, help="Requests in a batch.")] = 100,
) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), None, SEGUE_PLUGINS='["recommend"]').start(300)
        try:
            found = measure(server, calls, batch)
        finally:
            server.stop()
    for name, value in found.items():
        Console().print(f"{name:30} {value:9.2f}")


if __name__ == "__main__":
    typer.run(main)
