"""From the measurements of all rounds to ratios and tables.

A ratio is taken within a round, between stretches that ran within seconds of each other; what is reported is the
median of the rounds with the smallest and the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.table import Table

from .load import Measurement

Round = dict[tuple[str, int], Measurement]
"""(target, calls in flight) → what was measured."""


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, smallest and largest."""
    found = sorted(values)
    return {"median": median(found), "min": found[0], "max": found[-1]}


def cell(rounds: list[Round], name: str, in_flight: int, base: str) -> dict[str, Any]:
    """Summarise one target at one number in flight, beside the base."""
    here = [each[name, in_flight] for each in rounds]
    there = [each[base, in_flight] for each in rounds]

    def versus(value: Callable[[Measurement], float]) -> dict[str, float]:
        return spread(value(a) / value(b) for a, b in zip(here, there, strict=True))

    return {
        "throughput_ratio": versus(lambda m: m.per_second),
        "p50_ratio": versus(lambda m: m.p50_ms),
        "p99_ratio": versus(lambda m: m.p99_ms),
        "added_p50_ms": spread(a.p50_ms - b.p50_ms for a, b in zip(here, there, strict=True)),
        "added_p99_ms": spread(a.p99_ms - b.p99_ms for a, b in zip(here, there, strict=True)),
        "per_second": spread(m.per_second for m in here),
        "p50_ms": spread(m.p50_ms for m in here),
        "p99_ms": spread(m.p99_ms for m in here),
        "cpu_ms": {part: spread(m.cpu_ms[part] for m in here) for part in here[0].cpu_ms},
        "rounds": [asdict(m) for m in here],
    }


def summarise(rounds: list[Round], base: str) -> dict[str, dict[str, Any]]:
    """Return target → calls in flight → summary, as JSON has it."""
    summary: dict[str, dict[str, Any]] = {}
    for name, in_flight in rounds[0]:
        summary.setdefault(name, {})[str(in_flight)] = cell(rounds, name, in_flight, base)
    return summary


def _range(values: dict[str, float]) -> str:
    return f"{values['median']:,.2f} [dim]{values['min']:,.2f} to {values['max']:,.2f}[/dim]"


def table(summary: dict[str, dict[str, Any]], in_flight: int, base: str) -> Table:
    """Show all targets at one number in flight: ratios first, absolute figures after."""
    shown = Table(title=f"[bold]{in_flight} in flight[/bold]", title_justify="left", box=None, pad_edge=False)
    shown.add_column("", no_wrap=True)
    for heading in (f"calls/s ÷ {base}'s", "p50 - its, ms", "p99 - its, ms", "calls/s", "p50 ms", "p99 ms"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("CPU ms a call", no_wrap=True)
    for name, cells in summary.items():
        values = cells[str(in_flight)]
        shown.add_row(
            name,
            *(_range(values[key]) for key in ("throughput_ratio", "added_p50_ms", "added_p99_ms")),
            f"{values['per_second']['median']:,.0f}",
            *(f"{values[key]['median']:,.2f}" for key in ("p50_ms", "p99_ms")),
            ", ".join(f"{part} {spent['median']:.2f}" for part, spent in values["cpu_ms"].items()),
        )
    return shown
