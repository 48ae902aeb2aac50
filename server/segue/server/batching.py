"""Coalesces the calls of one model: what arrives while a batch is under way travels as the next batch.

No call waits for others to arrive. A batch costs one Triton call whatever its size, which is what makes the hop
through the gateway cheap under load.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from segue.plugin_api.errors import DeadlineExceeded, Overloaded, SegueError

Send = Callable[[Sequence[Any], float], Awaitable[Sequence[Any]]]
"""(items, seconds left) → a result or a SegueError for each item."""


@dataclass(eq=False)
class _Waiting:
    item: Any
    deadline: float
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Coalescer:
    """The queue before one model.

    Parameters
    ----------
    send
        Runs a batch.
    max_batch
        Most items in a batch.
    max_waiting
        Most items that wait; a further one is refused.
    max_under_way
        Batches under way at once: as many as the model has instances.
    """

    def __init__(self, send: Send, max_batch: int, max_waiting: int, max_under_way: int = 1) -> None:
        self._send = send
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting] = deque()
        self._free = max_under_way
        self._batches: set[asyncio.Task[None]] = set()

    async def run(self, item: Any, seconds: float) -> Any:
        """Run one item, alone or with others, within some seconds.

        Raises
        ------
        SegueError
            The item's own error, the batch's, or ``Overloaded``.
        """
        if not self._free:
            return await self._wait(item, seconds)
        self._free -= 1
        try:
            result = (await self._send([item], seconds))[0]
        finally:
            self._next()
        if isinstance(result, SegueError):
            raise result
        return result

    async def _wait(self, item: Any, seconds: float) -> Any:
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(f"{self._max_waiting} calls are waiting already")
        waiting = _Waiting(item, time.monotonic() + seconds)
        self._waiting.append(waiting)
        return await waiting.done

    def _next(self) -> None:
        """Send what has gathered, or free the place; what nobody waits for any more is never sent."""
        batch: list[_Waiting] = []
        now = time.monotonic()
        while self._waiting and len(batch) < self._max_batch:
            waiting = self._waiting.popleft()
            if waiting.done.done():
                continue
            if waiting.deadline <= now:
                waiting.done.set_exception(DeadlineExceeded("the deadline passed while the call was waiting"))
            else:
                batch.append(waiting)
        if not batch:
            self._free += 1
        else:
            task = asyncio.create_task(self._run_batch(batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)
            for waiting in batch:
                waiting.done.add_done_callback(lambda _: _cancel_if_abandoned(task, batch))

    async def _run_batch(self, batch: Sequence[_Waiting]) -> None:
        try:
            seconds = max(waiting.deadline for waiting in batch) - time.monotonic()
            results = await self._send([waiting.item for waiting in batch], seconds)
        except SegueError as error:
            results = [error] * len(batch)
        except Exception as error:  # handed to every caller, which is where it is logged
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        finally:
            self._next()
        for waiting, result in zip(batch, results, strict=True):
            if waiting.done.done():
                continue
            if isinstance(result, SegueError):
                waiting.done.set_exception(result)
            else:
                waiting.done.set_result(result)


def _cancel_if_abandoned(task: asyncio.Task[None], batch: Sequence[_Waiting]) -> None:
    if not task.done() and all(waiting.done.cancelled() for waiting in batch):
        task.cancel()
