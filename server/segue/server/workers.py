"""Several gateway processes on one address, before one embedded Triton.

The parent runs the tritonserver and keeps the workers alive; the kernel spreads connections over them (SO_REUSEPORT).
The first worker loads and heals models; all of them probe, and listen once what they probed is settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

import uvloop
from pydantic import SecretStr
from segue.server.app import WHY_NOT_STARTED, App
from segue.server.leftovers import SCRATCH_PREFIX
from segue.server.logs import set_up_logging
from segue.server.ports import hold, port_of
from segue.server.settings import Settings
from segue.server.tritonserver import TritonServer

log = logging.getLogger(__name__)

_PLACE: Final = "SEGUE_WORKER"
_RESTART_SECONDS: Final = 1.0
_NOT_STARTED: Final = 3
"""Exit status of a worker that could not start."""


class Workers:
    """The parent of the workers.

    Parameters
    ----------
    settings
        The server's settings.

    Raises
    ------
    RuntimeError
        If the address can't be listened at.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            self._held = hold(settings.address)
        except OSError as error:
            raise RuntimeError(
                f"can't listen at {settings.address}: is another server there? Try --address HOST:PORT"
            ) from error
        address = f"{settings.address.rpartition(':')[0]}:{port_of(self._held)}"
        self._settings = settings.model_copy(update={"address": address})
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop, then drain the workers and stop Triton.

        Raises
        ------
        RuntimeError
            If a worker can't even start once. One that served, and died, is started until it serves again.
        """
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX))
        repository = scratch / "models"
        repository.mkdir()
        settings = self._settings
        triton = None
        if not settings.triton:
            triton = TritonServer(repository, scratch, settings.stall_seconds, settings.load_timeout_seconds)
            await triton.start()
            self._settings = self._settings.model_copy(update={"triton": triton.address})
        keepers = [
            asyncio.create_task(self._keep(index, repository if triton else None))
            for index in range(self._settings.workers)
        ]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((stopping, *keepers), return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, *keepers):
            task.cancel()
        ends = await asyncio.gather(*keepers, return_exceptions=True)
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(process.wait() for process in self._processes.values()))
        if triton is not None:
            await triton.stop()
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        self._held.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _keep(self, index: int, repository: Path | None) -> None:
        place = {"parent": os.getpid(), "index": index, "repository": str(repository) if repository else None}
        flags = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in self._settings
        }
        if self._settings.metrics_address:
            host, _, port = self._settings.metrics_address.rpartition(":")
            flags["metrics_address"] = f"{host}:{int(port) + index}"
        environment = os.environ | {_PLACE: json.dumps(place | {"settings": flags}, default=str)}
        for start in itertools.count():
            process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, env=environment)
            self._processes[index] = process
            code = await process.wait()
            if start == 0 and code == _NOT_STARTED:
                raise RuntimeError("a worker can't start: the log says why")
            log.error("worker died", extra={"worker": index, "exit_code": code})
            await asyncio.sleep(_RESTART_SECONDS)


async def _work(settings: Settings, parent: int, index: int, repository: str | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = App(settings, repository=Path(repository) if repository else None, manage=index == 0)
    starting = asyncio.create_task(server.start())
    while not stop.is_set() and os.getppid() == parent and not (starting.done() and starting.exception()):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)
    if starting.done():
        await starting
        await server.stop()
    else:
        starting.cancel()
        await asyncio.wait([starting])


def main() -> None:
    """Run one worker; its place and settings come from the parent in the environment."""
    place = json.loads(os.environ.pop(_PLACE))
    settings = Settings(**place["settings"])
    set_up_logging(settings.log_level, settings.log_format)
    try:
        uvloop.run(_work(settings, place["parent"], place["index"], place["repository"]))
    except WHY_NOT_STARTED as error:
        log.error("worker can't start: %s", error)
        sys.exit(_NOT_STARTED)


if __name__ == "__main__":
    main()
