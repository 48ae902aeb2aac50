"""``grpc.health.v1``, truthfully: a name for each algorithm, and the whole server under the empty name.

The server as a whole serves while it is not draining and at least one algorithm is ready. The catalog serves as long as
the process does: the name by which a supervisor tells a server to restart from one whose Triton is away.
"""

from __future__ import annotations

import asyncio
from typing import Final

from grpc_health.v1 import health, health_pb2
from segue.server.fleet import READY
from segue.server.metrics import ALGORITHM_READY
from segue.server.served import ServedAlgorithm

OVERALL: Final = ("", "segue.v1.MusicService")
LIVE: Final = "segue.v1.CatalogService"


class Health:
    """Reports states to the health service."""

    def __init__(self) -> None:
        self.servicer = health.aio.HealthServicer()
        self._ready: dict[str, bool] = {}
        self._draining = False
        self._updates: set[asyncio.Task[None]] = set()

    def update(self, served: ServedAlgorithm) -> None:
        """Take in an algorithm's state."""
        self._ready[served.name] = served.state == READY
        ALGORITHM_READY.labels(served.name).set(served.state == READY)
        self.publish()

    def drain(self) -> None:
        """Report NOT_SERVING for everything from now on."""
        self._draining = True
        self.publish()

    def publish(self) -> None:
        """Tell the health service how things stand."""
        states = {name: ready and not self._draining for name, ready in self._ready.items()}
        states |= dict.fromkeys(OVERALL, any(states.values()))
        states[LIVE] = True
        task = asyncio.create_task(self._set(states))
        self._updates.add(task)
        task.add_done_callback(self._updates.discard)

    async def _set(self, states: dict[str, bool]) -> None:
        status = health_pb2.HealthCheckResponse
        for name, serving in states.items():
            await self.servicer.set(name, status.SERVING if serving else status.NOT_SERVING)
