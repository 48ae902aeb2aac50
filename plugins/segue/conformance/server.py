"""The server that a subject is looked at on: one of our own that serves this algorithm alone, or one that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import grpc
from segue.conformance.subject import Bounds, Subject
from segue.plugin_api import ENTRY_POINT_GROUP, Algorithm, NotFound
from segue.plugin_api.errors import AlgorithmUnavailable, FailedPrecondition
from segue.server.desired import DesiredFile
from segue.server.plugins import LoadedPlugin, load_plugins
from segue.server.ports import free_port
from segue.server.settings import Settings
from segue.v1 import catalog_pb2

_SEGUE: Final = (sys.executable, "-c", "from segue.command import main; main()")
_KEPT: Final = ("SEGUE_DEVICE", "SEGUE_LOAD_TIMEOUT_SECONDS", "SEGUE_PROBE_TIMEOUT_SECONDS")
"""Settings that belong to the machine."""
_PATIENCE_SECONDS: Final = 150.0
_HEALING_SECONDS: Final = 10.0
"""A server loads a failing model again; one that fails for longer has failed."""


def _find(name: str) -> tuple[LoadedPlugin, Algorithm]:
    plugins = load_plugins()
    for plugin in plugins:
        for algorithm in plugin.algorithms:
            if algorithm.name == name:
                return plugin, algorithm
    known = sorted(algorithm.name for plugin in plugins for algorithm in plugin.algorithms)
    broken = "".join(f"; plugin {plugin.name} is quarantined: {plugin.cause}" for plugin in plugins if plugin.cause)
    raise NotFound(f"algorithm {name!r} is not installed here, must be one of {', '.join(known) or 'none'}{broken}")


def _subject(
    plugin: LoadedPlugin, algorithm: Algorithm, address: str, pid: int | None, bounds: Bounds | None
) -> Subject:
    (entry,) = entry_points(group=ENTRY_POINT_GROUP, name=plugin.name)
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(address, options=[*unlimited, ("grpc.max_reconnect_backoff_ms", 200)])
    return Subject(algorithm, entry.module, channel, pid, bounds or Bounds())


@contextmanager
def connected(name: str, address: str, *, pid: int | None = None, bounds: Bounds | None = None) -> Iterator[Subject]:
    """Look at an algorithm on a server that runs.

    Parameters
    ----------
    name
        Name of the algorithm; its plugin must be installed here too, as its probe is what is called.
    address
        HOST:PORT of the server.
    pid
        Its process, if it runs on this machine and its memory is to be measured.
    bounds
        How far to go.

    Raises
    ------
    NotFound
        If the algorithm is not installed here.
    AlgorithmUnavailable
        If the server can't be reached or does not serve it.
    """
    subject = _subject(*_find(name), address, pid, bounds)
    with subject.channel:
        state, cause = _state(subject)
        if state != catalog_pb2.ALGORITHM_STATE_READY:
            raise AlgorithmUnavailable(f"the server at {address} does not serve {name!r}: {cause}")
        yield subject


@contextmanager
def embedded(name: str, *, store: Path | None = None, bounds: Bounds | None = None) -> Iterator[Subject]:
    """Look at an algorithm on a server of its own, which loads it and those that share a model with it.

    The server keeps its plays and its log to itself, and is stopped in the end.

    Parameters
    ----------
    name
        Name of the algorithm.
    store
        Folder of the model store; the one of the settings if None. It is only read.
    bounds
        How far to go.

    Raises
    ------
    NotFound
        If the algorithm is not installed.
    FailedPrecondition
        If the server does not start, or the algorithm does not become ready; the text says why.
    """
    plugin, algorithm = _find(name)
    with tempfile.TemporaryDirectory(prefix="segue-conform-") as scratch:
        folder = Path(scratch)
        _prepare_store(folder / "store", store or Settings().store, plugin, algorithm)
        address = f"127.0.0.1:{free_port()}"
        environment = _environment(folder / "store", plugin.name)
        with (folder / "log").open("wb") as log:
            command = [*_SEGUE, "serve", "--address", address]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        subject = _subject(plugin, algorithm, address, process.pid, bounds)
        try:
            with subject.channel:
                _wait(subject, process, folder / "log")
                yield subject
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(store: Path, plugin: str) -> dict[str, str]:
    """Return this process's environment with settings of its own: a server's database is none of the suite's affair."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    own = {"SEGUE_STORE": str(store), "SEGUE_PLUGINS": json.dumps([plugin]), "SEGUE_LOG_FORMAT": "json"}
    return kept | own | {name: os.environ[name] for name in _KEPT if name in os.environ}


def _prepare_store(folder: Path, source: Path, plugin: LoadedPlugin, algorithm: Algorithm) -> None:
    """Make a store with the versions of this algorithm, in which those it shares a plugin with are unloaded."""
    folder.mkdir()
    needed = {spec.name for spec in algorithm.models}
    for name in needed:
        if (source / name).is_dir():
            (folder / name).symlink_to((source / name).resolve())
    others = {other.name for other in plugin.algorithms if not needed & {spec.name for spec in other.models}}
    with DesiredFile(folder).change() as desired:
        desired.unloaded |= others - {algorithm.name}


def _state(subject: Subject) -> tuple[int, str]:
    try:
        entry = subject.describe()
    except grpc.RpcError as error:
        return catalog_pb2.ALGORITHM_STATE_LOADING, f"{error.code().name}: {error.details()}"
    name = catalog_pb2.AlgorithmState.Name(entry.state).removeprefix("ALGORITHM_STATE_").lower()
    return entry.state, f"it is {name}: {entry.cause}" if entry.cause else f"it is {name}"


def _settled(subject: Subject) -> bool:
    """Say whether nothing is loading any more: algorithms that share a model with the subject are loaded too."""
    reply = subject.catalog.ListAlgorithms(catalog_pb2.ListAlgorithmsRequest(), timeout=10)
    return all(entry.state != catalog_pb2.ALGORITHM_STATE_LOADING for entry in reply.algorithms)


def _wait(subject: Subject, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    cause = "it took too long"
    while time.monotonic() < end and process.poll() is None:
        state, cause = _state(subject)
        if state == catalog_pb2.ALGORITHM_STATE_READY and _settled(subject):
            return
        if state not in (catalog_pb2.ALGORITHM_STATE_READY, catalog_pb2.ALGORITHM_STATE_LOADING):
            end = min(end, time.monotonic() + _HEALING_SECONDS)
        time.sleep(0.1)
    lines = [line for line in log.read_text(errors="replace").splitlines() if '"segue.calls"' not in line]
    tail = "\n".join(lines[-10:])
    raise FailedPrecondition(f"algorithm {subject.name!r} does not serve: {cause}. The server's log ends with:\n{tail}")
