"""Closed-loop load on one gRPC method, and what it cost.

Requests and answers are bytes: the client neither builds nor reads messages, so that every server meets the same
client. ``n`` in flight means n callers, each of which sends its next request when it has its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np

_TICKS = os.sysconf("SC_CLK_TCK")
_DEADLINE_SECONDS = 20.0


@dataclass(frozen=True)
class Target:
    """A server under load.

    Attributes
    ----------
    name
        Name in the report.
    address, method, request
        Where, what and with which bytes to call.
    floats
        Reads the floats out of an answer.
    processes
        Process id of each part of the server; what it started counts with it.
    """

    name: str
    address: str
    method: str
    request: bytes
    floats: Callable[[bytes], Sequence[float]]
    processes: dict[str, int]


@dataclass
class Measurement:
    """What one stretch of load showed.

    Attributes
    ----------
    calls
        Calls answered.
    per_second
        Calls answered in a second.
    p50_ms, p99_ms
        Latency as the caller sees it, in milliseconds.
    cpu_ms
        CPU time a call cost each process, in milliseconds; the client's own is under ``"client"``.
    """

    calls: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: dict[str, float] = field(default_factory=dict)


class Client:
    """Connections to one target.

    Parameters
    ----------
    target
        What to call.
    channels
        Connections; callers are spread over them evenly.
    """

    def __init__(self, target: Target, channels: int) -> None:
        self.target = target
        options = [("grpc.use_local_subchannel_pool", 1)]  # a connection each, instead of one shared
        self._channels = [grpc.aio.insecure_channel(target.address, options=options) for _ in range(channels)]
        self._calls = [channel.unary_unary(target.method) for channel in self._channels]

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def check(self, expected: Sequence[float]) -> None:
        """Call once on every connection and look at the values that come back."""
        for call in self._calls:
            floats = list(self.target.floats(await call(self.target.request, timeout=_DEADLINE_SECONDS)))
            if not np.allclose(floats, expected):
                raise ValueError(f"{self.target.name} answered {floats}, not {list(expected)}")

    async def measure(self, in_flight: int, warm_up_seconds: float, seconds: float) -> Measurement:
        """Keep ``in_flight`` calls under way; measure after a warm-up."""
        gc.collect()
        gc.disable()  # a full collection in the client stops all callers at once
        try:
            return await self._measure(in_flight, warm_up_seconds, seconds)
        finally:
            gc.enable()

    async def _measure(self, in_flight: int, warm_up_seconds: float, seconds: float) -> Measurement:
        latencies: list[tuple[float, float]] = []
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as callers:
            for index in range(in_flight):
                callers.create_task(self._caller(self._calls[index % len(self._calls)], latencies, stop))
            await asyncio.sleep(warm_up_seconds)
            cpu_before, start = self._cpu_seconds(), time.perf_counter()
            await asyncio.sleep(seconds)
            end, cpu_after = time.perf_counter(), self._cpu_seconds()
            stop.set()
        taken = np.array([latency for finished, latency in latencies if start <= finished < end])
        if not taken.size:
            raise TimeoutError(f"{self.target.name} answered nothing within {seconds} s")
        p50, p99 = np.percentile(1e3 * taken, [50, 99])
        return Measurement(
            calls=taken.size,
            per_second=taken.size / (end - start),
            p50_ms=float(p50),
            p99_ms=float(p99),
            cpu_ms={part: 1e3 * _spent(cpu_before[part], cpu_after[part]) / taken.size for part in cpu_after},
        )

    async def _caller(
        self, call: Callable[..., Awaitable[bytes]], latencies: list[tuple[float, float]], stop: asyncio.Event
    ) -> None:
        request = self.target.request
        while not stop.is_set():
            started = time.perf_counter()
            await call(request, timeout=_DEADLINE_SECONDS)
            finished = time.perf_counter()
            latencies.append((finished, finished - started))

    def _cpu_seconds(self) -> dict[str, dict[int, float]]:
        parts = self.target.processes | {"client": os.getpid()}
        return {part: cpu_seconds([pid] if part == "client" else family(pid)) for part, pid in parts.items()}


def _spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Add up over the processes that lived all the time: a model's former process may end meanwhile."""
    return sum(after[pid] - before[pid] for pid in after.keys() & before.keys())


def _stat(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat after the process's name, which may itself hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pids: Sequence[int]) -> dict[int, float]:
    """Return the CPU time that processes have used, in seconds, to a hundredth."""
    spent = {}
    for pid in pids:
        with contextlib.suppress(OSError):  # it may end while we look
            fields = _stat(pid)
            spent[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
    return spent


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            children.setdefault(int(_stat(entry.name)[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found
