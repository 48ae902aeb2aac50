"""A real ``segue serve`` in a process of its own, with its real tritonserver."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import psutil
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from segue.server.ports import free_port
from segue.v1 import admin_pb2_grpc, catalog_pb2, catalog_pb2_grpc, listening_pb2_grpc, music_service_pb2_grpc

SEGUE = (sys.executable, "-c", "from segue.command import main; main()")
READY = catalog_pb2.ALGORITHM_STATE_READY
LOADING = catalog_pb2.ALGORITHM_STATE_LOADING


class Server:
    """A running server.

    Parameters
    ----------
    folder
        Where its store, database and log are kept.
    site
        Folder of further installed plugins; None for none.
    arguments, environment
        What ``segue serve`` is given besides.
    """

    def __init__(self, folder: Path, site: Path | None = None, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.store = folder / "store"
        self.log = folder / "log"
        paths = [str(site)] if site else []
        self._command = [*SEGUE, "serve", "--address", self.address, *arguments]
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "SEGUE_STORE": str(self.store),
            "SEGUE_LOG_FORMAT": "json",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 90.0) -> "Server":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.channel = grpc.insecure_channel(
            self.address,
            options=[
                ("grpc.max_send_message_length", -1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        )
        self.music = music_service_pb2_grpc.MusicServiceStub(self.channel)
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        self.listening = listening_pb2_grpc.ListeningServiceStub(self.channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)
        self.wait(lambda: all(state != LOADING for state in self.states().values()), seconds)
        return self

    def wait(self, condition, seconds: float = 30.0) -> None:
        """Wait until something holds; a server that is not there yet counts as not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process is None or self.process.poll() is None, self.tail()
            try:
                if condition():
                    return
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE, error
            time.sleep(0.05)
        raise AssertionError(f"it did not come true within {seconds} s; {self.states()}\n{self.tail()}")

    def states(self) -> dict[str, int]:
        reply = self.catalog.ListAlgorithms(catalog_pb2.ListAlgorithmsRequest(), timeout=5)
        return {algorithm.name: algorithm.state for algorithm in reply.algorithms}

    def serving(self, name: str) -> bool:
        reply = self.health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        return reply.status == health_pb2.HealthCheckResponse.SERVING

    def processes(self) -> list[psutil.Process]:
        """The server's process and all below it."""
        if self.process is None or not psutil.pid_exists(self.process.pid):
            return []
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def triton(self) -> psutil.Process:
        return next(p for p in self.processes() if p.name() == "tritonserver")

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text().splitlines()[-lines:])

    def records(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self, seconds: float = 60.0) -> int:
        assert self.process is not None
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.process = None
        return code


def alive(process: psutil.Process) -> bool:
    """Say whether a process runs; one that ended and waits for init to notice does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def failure(call, *arguments, **keywords):
    """Make a call that must fail; return its code, its reason, its violated fields, its retry delay and its text."""
    try:
        call(*arguments, **keywords)
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        assert status is not None, f"no details: {error.code()} {error.details()}"
        info, bad, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        for detail in status.details:
            for message in (info, bad, retry):
                detail.Unpack(message)
        assert info.domain == "segue.v1"
        fields = [violation.field for violation in bad.field_violations]
        return error.code().name, info.reason, fields, retry.retry_delay.ToTimedelta().total_seconds(), error.details()
    raise AssertionError("the call succeeded")
