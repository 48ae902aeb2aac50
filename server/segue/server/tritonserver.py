"""The embedded tritonserver: found in the nvidia-pytriton wheel, started as a child, restarted when it dies.

Only the wheel's binary is used. It speaks gRPC on a loopback port that stays the same over restarts. One that hangs is
killed, and so restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.util
import logging
import os
import platform
import shutil
import signal
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from segue.plugin_api.log_lines import line_to_text
from segue.server.hangs import HangWatch
from segue.server.leftovers import claim, remove_shared_memory, sweep
from segue.server.ports import hold, port_of
from segue.server.triton import LOADS_AT_ONCE, Triton

log = logging.getLogger(__name__)
triton_log = logging.getLogger("triton")

_BACKOFF_SECONDS: Final = (0.2, 1.0, 3.0, 10.0, 30.0)
_STEADY_SECONDS: Final = 60.0
"""A server that ran this long starts its next restart at the shortest pause again."""
_NO_GPU: Final = "CudaDriverHelper has not been initialized"
"""What Triton calls an error at every start on a machine without a GPU."""
_SECRETS: Final = ("SEGUE_ADMIN_TOKEN", "SEGUE_DATABASE_URL")
"""Settings that a model's process, which runs other people's code, has no business with."""
_PR_SET_PDEATHSIG: Final = 1
_prctl: Final = ctypes.CDLL(None).prctl  # found now: a child between fork and exec must not load libraries


class NoEmbeddedTriton(RuntimeError):
    """The machine can't run the embedded tritonserver; the text says why and what to do."""


@dataclass(frozen=True)
class Installation:
    """Where the wheel keeps its parts."""

    binary: Path
    libraries: Path
    backends: Path
    stub: Path


def find_installation() -> Installation:
    """Find the embedded tritonserver.

    Raises
    ------
    NoEmbeddedTriton
        If the wheel is not installed, or the machine is not one it runs on.
    """
    elsewhere = "Use a Triton that runs elsewhere: segue serve --triton HOST:PORT"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise NoEmbeddedTriton(
            f"The embedded Triton runs on x86-64 Linux, not {sys.platform}/{platform.machine()}. {elsewhere}"
        )
    module = importlib.util.find_spec("pytriton")
    if module is None or module.origin is None:
        raise NoEmbeddedTriton(
            f"The embedded Triton is not installed: pip install 'segue[server,models,triton]'. {elsewhere}"
        )
    package = Path(module.origin).parent
    root = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = root / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise NoEmbeddedTriton(f"The embedded Triton has no Python backend for Python {version}. {elsewhere}")
    library_folder = Path(sysconfig.get_config_var("LIBDIR") or "")
    name = f"libpython{version}.so.1.0"
    if not (library_folder / name).is_file() and not _loadable(name):
        raise NoEmbeddedTriton(
            f"The embedded Triton needs {name}, which this Python was built without: use a Python with a shared "
            f"library (on Debian: apt install libpython{version}), or name its folder in LD_LIBRARY_PATH. {elsewhere}"
        )
    return Installation(
        binary=root / "bin" / "tritonserver",
        libraries=package.parent / "nvidia_pytriton.libs",
        backends=root / "backends",
        stub=stub,
    )


def _loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


class TritonServer:
    """A supervised tritonserver.

    Parameters
    ----------
    repository
        Folder of the model repository; models are loaded on demand.
    scratch
        Folder for the backend's copy; removed by the caller.
    stall_seconds, load_timeout_seconds
        When it, or a model's process that loads, is taken to hang: see ``HangWatch``.
    """

    def __init__(
        self, repository: Path, scratch: Path, stall_seconds: float = 30.0, load_timeout_seconds: float = 120.0
    ) -> None:
        self._installation = find_installation()
        self._repository = repository
        self._scratch = scratch
        self._stall_seconds = stall_seconds
        self._load_timeout_seconds = load_timeout_seconds
        self._held = hold("127.0.0.1:0")
        self._port = port_of(self._held)
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._claim: IO[str] | None = None
        self._shared_memory_prefix = f"segue_{os.getpid()}_{self._port}_"

    @property
    def address(self) -> str:
        """HOST:PORT of its gRPC endpoint."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and keep it running until ``stop``."""
        sweep()
        self._claim = claim(self._scratch, self._shared_memory_prefix)
        backends = self._scratch / "backends"
        shutil.copytree(self._installation.backends / "python", backends / "python")
        stub = shutil.copy2(self._installation.stub, backends / "python")
        os.chmod(stub, 0o755)  # noqa: PTH101, S103 - a wheel does not keep the bit
        await self._spawn()
        self._supervisor = asyncio.create_task(self._supervise(), name="triton-supervisor")

    async def stop(self, seconds: float = 15.0) -> None:
        """Stop it: SIGTERM, then SIGKILL to its whole process group."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)
        self._sweep()
        if self._claim is not None:
            self._claim.close()
        self._held.close()

    async def _spawn(self) -> None:
        arguments = [
            f"--model-repository={self._repository}",
            f"--backend-directory={self._scratch / 'backends'}",
            "--model-control-mode=explicit",
            "--strict-readiness=false",
            # Ours are complete, and to have one completed costs a process of its own for each model.
            "--disable-auto-complete-config",
            f"--model-load-thread-count={LOADS_AT_ONCE}",
            "--allow-http=false",
            "--allow-metrics=false",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={self._port}",
            "--reuse-grpc-port=true",
            "--exit-timeout-secs=10",
            "--pinned-memory-pool-byte-size=0",
            f"--backend-config=python,shm-region-prefix-name={self._shared_memory_prefix}",
        ]
        libraries = [str(self._installation.libraries), str(sysconfig.get_config_var("LIBDIR") or "")]
        # A second BLAS thread spins while it waits: on busy cores a model needs four times the processor time to load.
        inherited = {name: value for name, value in os.environ.items() if name not in _SECRETS}
        environment = {"OPENBLAS_NUM_THREADS": "1", **inherited} | {
            "LD_LIBRARY_PATH": os.pathsep.join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")]).strip(os.pathsep),
            # A stub ignores PYTHONPATH: it finds this environment by the python on its PATH, and the rest of our path
            # is added by the model.py that repository.py writes.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "SEGUE_PYTHON_PATH": os.pathsep.join(path for path in sys.path if path),
        }
        self._process = await asyncio.create_subprocess_exec(
            self._installation.binary,
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        log.info("tritonserver started", extra={"pid": self._process.pid, "address": self.address})

    async def _supervise(self) -> None:
        failures = 0
        while True:
            process = self._process
            assert process is not None
            started = time.monotonic()
            reader = asyncio.create_task(_stream_log(process))
            watch = asyncio.create_task(self._end_if_it_hangs(process))
            try:
                code = await process.wait()
            finally:
                watch.cancel()
            self._sweep()
            await asyncio.gather(reader, watch, return_exceptions=True)
            failures = 0 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
            pause = _BACKOFF_SECONDS[min(max(failures - 1, 0), len(_BACKOFF_SECONDS) - 1)]
            log.error("tritonserver died", extra={"exit_code": code, "restart_in_seconds": pause})
            await asyncio.sleep(pause)
            await self._spawn()

    async def _end_if_it_hangs(self, process: asyncio.subprocess.Process) -> None:
        triton = Triton(self.address, 1 << 20)
        try:
            watch = HangWatch(process.pid, triton.states, self._stall_seconds, self._load_timeout_seconds)
            cause = await watch.run()
            log.error("tritonserver hangs", extra={"pid": process.pid, "cause": cause})
            os.killpg(process.pid, signal.SIGKILL)
        except Exception:
            log.exception("tritonserver is no longer watched for hangs")
        finally:
            await triton.close()

    def _sweep(self) -> None:
        """Remove what a killed server leaves: stub processes and shared memory."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        remove_shared_memory(self._shared_memory_prefix)


def _die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _stream_log(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # a line beyond the reader's limit: dropped, so that the pipe never fills
            continue
        if not line:
            return
        # Lines of Triton's glog, and those of our models (``triton_entry``), begin with I, W or E.
        text = line_to_text(line.decode(errors="replace"))
        level = {"W": logging.WARNING, "E": logging.ERROR}.get(text[:1], logging.DEBUG)
        if _NO_GPU in text:
            level = logging.DEBUG
        triton_log.log(level, "%s", text)
