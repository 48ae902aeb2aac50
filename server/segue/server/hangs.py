"""Finds what hangs in an embedded Triton.

Triton 2.51 waits for a model's process without an end: its ``stub-timeout-seconds`` does not bound the wait, and it
does not notice when the process dies before Python runs in it. How long something takes says little on a busy machine;
what hangs sleeps and uses no processor time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from segue.server.processes import Idleness, Process, group, tree

log = logging.getLogger(__name__)

LOADING: Final = "LOADING"
READY: Final = "READY"
States = Mapping[tuple[str, str], str]
"""(model, version) → Triton's word for its state."""

_MODEL: Final = re.compile(r"/([^/ ]+)/(\d+)/model\.py ")
"""A model's process names its ``MODEL/VERSION/model.py``; one that was only just forked does not yet."""


class HangWatch:
    """Watches one tritonserver.

    Parameters
    ----------
    leader
        Process id of the tritonserver, which leads a process group.
    ask
        Returns the states of its models; None if it does not answer.
    stall_seconds
        What sleeps this long without using the processor hangs.
    longest_seconds
        What is not done after this long hangs too, whatever it does.
    """

    def __init__(
        self,
        leader: int,
        ask: Callable[[float], Awaitable[States | None]],
        stall_seconds: float,
        longest_seconds: float,
    ) -> None:
        self._leader = leader
        self._ask = ask
        self._stall_seconds = stall_seconds
        self._longest_seconds = longest_seconds
        self._idleness = Idleness()
        self._since: dict[int, float] = {}

    async def run(self) -> str:
        """Watch; return why the tritonserver must be started anew, once it must.

        The process of a model that hangs while it loads is killed, so that it is loaded again, and nobody else notices.
        A Triton that serves something is never ended because it can't load something else.
        """
        pause = min(max(self._stall_seconds / 10, 0.2), 3.0)
        while True:
            await asyncio.sleep(pause)
            states = await self._ask(max(pause, 1.0))
            if states is not None and LOADING not in states.values():
                self._idleness, self._since = Idleness(), {}
                continue
            processes = await asyncio.to_thread(group, self._leader)
            awaited = {
                process.pid: tree(process, processes)
                for process in processes
                if states is not None and self._loads(process, states)
            }
            if states is None:
                awaited[self._leader] = [process for process in processes if process.pid == self._leader]
            elif not awaited and READY not in states.values():
                awaited[self._leader] = []
            hanging = self._hanging(processes, awaited)
            if self._leader in hanging:
                does = "does not answer" if states is None else "loads a model that has no process"
                return f"it {does}, and {hanging[self._leader]}"
            for pid, cause in hanging.items():
                command = awaited[pid][0].command
                log.error("a model's process hangs", extra={"pid": pid, "command": command, "cause": cause})
                for process in awaited[pid]:
                    with suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)

    def _loads(self, process: Process, states: States) -> bool:
        if process.parent != self._leader:
            return False
        named = _MODEL.search(process.command)
        return named is None or states.get((named[1], named[2])) == LOADING

    def _hanging(self, processes: list[Process], awaited: Mapping[int, list[Process]]) -> dict[int, str]:
        """Return which of the processes that are awaited, each with those below it, hang, and how that shows."""
        now = time.monotonic()
        idle = self._idleness.observe(processes, now)
        self._since = {pid: self._since.get(pid, now) for pid in awaited}
        causes = {}
        for pid, since in self._since.items():
            slept = min([now - since, *(idle[process.pid] for process in awaited[pid])])
            if slept >= self._stall_seconds:
                causes[pid] = f"did nothing for {slept:.1f} s"
            elif now - since >= self._longest_seconds:
                causes[pid] = f"was not done after {now - since:.0f} s"
        return causes
