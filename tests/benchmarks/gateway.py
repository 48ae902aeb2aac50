"""What the hop through the gateway costs: ``python -m tests.benchmarks.gateway``.

The same client puts the same load on Triton called directly, on gateways before that Triton, and on MLServer and
KServe, in turn, several rounds long. README.md says what is compared with what.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from . import peers, report, servers
from .load import Client, Target

BASE = "Triton"
_WIDTH = 150
console = Console(width=None if Console().width >= _WIDTH else _WIDTH)


async def measure(
    targets: Sequence[Target],
    *,
    in_flight: Sequence[int],
    rounds: int,
    warm_up_seconds: float,
    seconds: float,
    channels: int,
) -> list[report.Round]:
    """Visit every target at every number in flight, in an order that moves on by one each round."""
    clients = [Client(target, channels) for target in targets]
    measured: list[report.Round] = []
    try:
        for client in clients:
            await client.check(servers.FLOATS.tolist())
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("measuring", total=rounds * len(in_flight) * len(clients))
            for index in range(rounds):
                found: report.Round = {}
                first = index % len(clients)
                for count in in_flight:
                    for client in clients[first:] + clients[:first]:
                        found[client.target.name, count] = await client.measure(count, warm_up_seconds, seconds)
                        progress.advance(task)
                measured.append(
                    {(c.target.name, count): found[c.target.name, count] for c in clients for count in in_flight}
                )
    finally:
        for client in clients:
            await client.close()
    return measured


async def run(*, workers: Sequence[int], with_peers: bool, cache: Path, **load: Any) -> dict[str, Any]:
    """Start everything, measure, and return the result as JSON has it."""
    missing: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segue-benchmark-")))
        plugins = servers.install_plugin(scratch)
        stack.callback(sys.path.remove, str(plugins))
        base = await stack.enter_async_context(servers.triton(scratch))
        targets = [base]
        for count in workers:
            targets.append(await stack.enter_async_context(servers.gateway(count, plugins, base, scratch)))
        for name, start in (("MLServer", peers.mlserver), ("KServe", peers.kserve)) if with_peers else ():
            try:
                targets.append(await stack.enter_async_context(start(cache, scratch)))
            except (RuntimeError, OSError) as error:
                missing[name] = str(error)
        before = os.getloadavg()
        rounds = await measure(targets, **load)
        after = os.getloadavg()
    return {
        "machine": {"cores": os.cpu_count(), "load_before": before[0], "load_after": after[0]},
        "versions": {name: version(name) for name in ("segue", "grpcio", "protobuf", "nvidia-pytriton", "numpy")},
        "peers": {name: pins for name, pins in peers.PINS.items() if with_peers and name not in missing},
        "missing": missing,
        "load": load,
        "targets": report.summarise(rounds, BASE),
    }


def main(
    output: Annotated[Path | None, typer.Option(help="Write the result here, as JSON.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often every server is visited.")] = 7,
    seconds: Annotated[float, typer.Option(help="Length of a visit.")] = 2.0,
    warm_up_seconds: Annotated[float, typer.Option(help="Discarded at the start of a visit.")] = 0.5,
    in_flight: Annotated[list[int], typer.Option(help="Calls under way at once; repeatable.")] = [1, 16, 64],  # noqa: B006
    workers: Annotated[list[int], typer.Option(help="Gateway processes; repeatable.")] = [1, 2],  # noqa: B006
    channels: Annotated[int, typer.Option(help="Connections of the client to each server.")] = 8,
    with_peers: Annotated[bool, typer.Option("--peers/--no-peers", help="Measure MLServer and KServe too.")] = True,
    cache: Annotated[Path, typer.Option(help="Folder of the peers' environments.")] = Path("~/.cache/segue-benchmarks"),
) -> None:
    """Measure what the hop through the gateway costs, beside Triton called directly and two peers."""
    load = {"in_flight": in_flight, "rounds": rounds, "warm_up_seconds": warm_up_seconds, "seconds": seconds}
    result = asyncio.run(
        run(workers=workers, with_peers=with_peers, cache=cache.expanduser(), channels=channels, **load)
    )
    for count in in_flight:
        console.print(report.table(result["targets"], count, BASE), "")
    machine = result["machine"]
    console.print(
        f"Median of {rounds} rounds, smallest to largest; ratios and differences are taken within a round. "
        f"{machine['cores']} cores, load average {machine['load_before']:.1f} before and "
        f"{machine['load_after']:.1f} after."
    )
    for name, cause in result["missing"].items():
        console.print(f"[red]{name} was not measured:[/red] {cause}")
    if output is not None:
        output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
