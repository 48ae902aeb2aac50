"""Waiting for a server that was just started, and saying meanwhile what for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from segue.client import SegueError
from segue.v1 import catalog_pb2


class NotReady(Exception):
    """The server ended, or needs too long; the text says what it had not done."""


class Catalog(Protocol):
    """The part of ``Client`` that is asked."""

    def algorithms(self, *, timeout: float | None = None) -> Collection[catalog_pb2.Algorithm]:
        """List the algorithms."""


def wait_until_ready(
    client: Catalog,
    running: Callable[[], bool],
    tell: Callable[[str], None],
    *,
    patience_seconds: float = 600.0,
    healing_seconds: float = 60.0,
    pause_seconds: float = 0.5,
) -> dict[str, str]:
    """Wait until every algorithm is ready; on two quiet cores it takes half a minute, on busy ones several.

    Parameters
    ----------
    client
        A connection to the server.
    running
        Says whether the server's process still runs.
    tell
        Told again and again how far it is.
    patience_seconds
        Longest to wait.
    healing_seconds
        How long the last ones may fail without any change before the others are used without them.
    pause_seconds
        Pause between two looks.

    Returns
    -------
    dict
        Algorithm → cause, of those that fail.

    Raises
    ------
    NotReady
        If the server ended, or something is still loading when patience ends.
    """
    began = changed = time.monotonic()
    before: Mapping[str, int] = {}
    while running():
        try:
            algorithms = client.algorithms(timeout=2)
        except SegueError:
            algorithms = []
        now = time.monotonic()
        states: Mapping[str, int] = {algorithm.name: algorithm.state for algorithm in algorithms}
        if states != before:
            before, changed = states, now
        loading = [name for name, state in states.items() if state == catalog_pb2.ALGORITHM_STATE_LOADING]
        failing = {a.name: a.cause for a in algorithms if a.state == catalog_pb2.ALGORITHM_STATE_FAILING}
        if states and not loading and (not failing or now - changed >= healing_seconds):
            return failing
        if now - began >= patience_seconds:
            raise NotReady(f"After {now - began:.0f} s the server is not ready: {_how_far(states, loading, failing)}.")
        tell(f"Starting Segue and its Triton: {_how_far(states, loading, failing)} ({now - began:.0f} s)")
        time.sleep(pause_seconds)
    raise NotReady("The server ended while it was starting.")


def _how_far(states: Mapping[str, int], loading: Collection[str], failing: Collection[str]) -> str:
    if not states:
        return "it does not answer yet"
    parts = [f"{len(states) - len(loading) - len(failing)} of {len(states)} algorithms are ready"]
    parts += [
        f"{what} {', '.join(sorted(names))}" for what, names in (("loading", loading), ("failing", failing)) if names
    ]
    return "; ".join(parts)
