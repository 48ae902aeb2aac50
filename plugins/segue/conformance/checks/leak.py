"""Memory stays where it is over a thousand calls."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import psutil
from segue.conformance.check import BrokenPromise, Check, NotApplicable
from segue.conformance.requests import different_requests
from segue.conformance.subject import Subject

_CALLERS: Final = 4
_ROUNDS: Final = 10
_WARM_UP: Final = 0.25
"""Share of the calls before the first comparison: allocators and caches fill."""
_TELLING_CALLS: Final = 100
"""Fewer do not say whether memory that rises will go on rising."""
_PER_CALL_BYTES: Final = 50_000
_IN_ALL_BYTES: Final = 16e6
"""What allocators come and go by anyway."""


def look(subject: Subject) -> str:
    """Call again and again and fit a line to the memory of the gateway, Triton and the models' processes."""
    if subject.pid is None:
        raise NotApplicable("the server was not started here, so its memory can't be measured")
    if sys.platform != "linux":
        raise NotApplicable(f"memory is read from Linux's /proc, which {sys.platform} has not")
    requests = different_requests(subject)
    most = subject.bounds.leak_calls
    share = max(1, most // _ROUNDS)
    end = time.monotonic() + subject.bounds.seconds
    made: list[int] = [0]
    held = [written_bytes(subject.pid)]
    with ThreadPoolExecutor(_CALLERS) as pool:
        while made[-1] < most and (time.monotonic() < end or len(made) < 4):
            batch = islice(cycle(requests), min(share, subject.affordable(share, _CALLERS)))
            count = sum(1 for _ in pool.map(subject.call, batch))
            made.append(made[-1] + count)
            held.append(written_bytes(subject.pid))
    warm = next(index for index, calls in enumerate(made) if calls >= _WARM_UP * made[-1])
    growth = slope(made[warm:], held[warm:])
    rise = growth * (made[-1] - made[warm])
    if growth > _PER_CALL_BYTES and rise > _IN_ALL_BYTES:
        if made[-1] < min(_TELLING_CALLS, most):
            raise NotApplicable(
                f"{made[-1]} calls in {subject.bounds.seconds:.0f} s are too few to tell a leak from caches that fill: "
                f"memory rose by {rise / 1e6:.0f} MB; give it more seconds"
            )
        raise BrokenPromise(
            f"memory grows by {growth / 1e3:.0f} kB a call, {rise / 1e6:.0f} MB in {made[-1] - made[warm]} calls",
            f"at most {_PER_CALL_BYTES / 1e3:.0f} kB a call: keep nothing of a request",
        )
    slow = "" if made[-1] >= most else f" of {most}, as many as {subject.bounds.seconds:.0f} s allow"
    return f"{made[-1]} calls{slow}; {growth / 1e3:+.1f} kB a call"


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the median slope between all pairs of points (Theil-Sen), 0 for a single one: one leap does not count."""
    slopes = sorted((y[j] - y[i]) / (x[j] - x[i]) for i in range(len(x)) for j in range(i + 1, len(x)) if x[j] > x[i])
    return slopes[len(slopes) // 2] if slopes else 0.0


def written_bytes(pid: int) -> int:
    """Return the memory that a process and all below it wrote and hold, files apart.

    Pages of a file do not count: they become a process's own, or cease to be, as others that map the file end or start,
    and another tritonserver on the machine would look like a leak of 26 MB.
    """
    root = psutil.Process(pid)
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            rows = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        except PermissionError as error:
            raise NotApplicable(f"the memory of process {process.pid} can't be read by user {os.getuid()}") from error
        total += sum(int(row.split()[1]) << 10 for row in rows if row.startswith(("Anonymous:", "Swap:")))
    return total


LEAK: Final = Check("leak", "memory stays where it is over a thousand calls", look)
