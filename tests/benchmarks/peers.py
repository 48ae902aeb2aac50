"""MLServer and KServe, each in an environment of its own, one process each, their model in it: they have no hop."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from segue.server.ports import free_port

from .load import Target
from .servers import HERE, infer_target, model_ready, process, wait_until

PINS = {
    "MLServer": ("mlserver==1.7.1", "grpcio==1.85.1", "protobuf==6.33.6"),
    "KServe": ("kserve==0.21.0", "grpcio==1.85.1", "protobuf==6.33.6"),
}
_INSTALL_SECONDS = 600.0


def _environment(name: str, cache: Path) -> Path:
    """Return the Python of a peer's environment; make it if it is not there yet.

    Raises
    ------
    RuntimeError
        With the installer's words, if it can't be made.
    """
    pins = PINS[name]
    folder = cache / pins[0].replace("==", "-")
    python, stamp = folder / "bin" / "python", folder / "pins.txt"
    if stamp.is_file() and stamp.read_text() == "\n".join(pins):
        return python
    shutil.rmtree(folder, ignore_errors=True)
    if uv := shutil.which("uv"):
        commands = [[uv, "venv", "--python", sys.executable, folder], [uv, "pip", "install", "--python", python, *pins]]
    else:
        commands = [[sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", *pins]]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        if done.returncode:
            raise RuntimeError(f"{pins[0]} can't be installed: {done.stderr.strip()[-500:]}")
    stamp.write_text("\n".join(pins))
    return python


@asynccontextmanager
async def mlserver(cache: Path, scratch: Path) -> AsyncIterator[Target]:
    """Run MLServer with parallel_workers=0: its model in its own process, which is its fastest way here."""
    python = await asyncio.to_thread(_environment, "MLServer", cache)
    folder = scratch / "mlserver"
    folder.mkdir()
    port = free_port()
    settings = {
        "host": "127.0.0.1",
        "grpc_port": port,
        "http_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(
        json.dumps({"name": "echo", "implementation": "mlserver_echo.EchoModel"})
    )
    command: list[str | Path] = [python.parent / "mlserver", "start", folder]
    async with _peer("MLServer", command, port, scratch / "mlserver.log") as target:
        yield target


@asynccontextmanager
async def kserve(cache: Path, scratch: Path) -> AsyncIterator[Target]:
    """Run KServe's model server as it comes."""
    python = await asyncio.to_thread(_environment, "KServe", cache)
    port = free_port()
    command: list[str | Path] = [
        python,
        HERE / "peer_models" / "kserve_echo.py",
        f"--grpc_port={port}",
        f"--http_port={free_port()}",
    ]
    async with _peer("KServe", command, port, scratch / "kserve.log") as target:
        yield target


@asynccontextmanager
async def _peer(name: str, command: list[str | Path], port: int, log: Path) -> AsyncIterator[Target]:
    address = f"127.0.0.1:{port}"
    async with process(command, {"PYTHONPATH": str(HERE / "peer_models")}, log) as child:
        async with grpc.aio.insecure_channel(address) as channel:
            await wait_until(lambda: model_ready(channel), child, log)
        yield infer_target(name, address, {"server": child.pid})
