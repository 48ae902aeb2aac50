"""The servers under load: one Triton, gateways before it, and the peers, all up at once on free loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from segue.plugin_api.store import ModelStore
from segue.server.ports import free_port
from segue.server.repository import write_model
from segue.server.tritonserver import TritonServer
from segue.v1 import analyze_pb2, music_pb2
from tritonclient.grpc import service_pb2, service_pb2_grpc

from .load import Target

HERE = Path(__file__).parent
FLOATS = np.linspace(-1, 1, 64, dtype=np.float32)
_INFER = "/inference.GRPCInferenceService/ModelInfer"
_ANALYZE = "/segue.v1.MusicService/Analyze"
_START_SECONDS = 60.0


def infer_request() -> bytes:
    """Return the request that Triton, MLServer and KServe all understand."""
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, FLOATS.size])
    request = service_pb2.ModelInferRequest(model_name="echo", inputs=[tensor], raw_input_contents=[FLOATS.tobytes()])
    return request.SerializeToString()


def infer_floats(answer: bytes) -> Sequence[float]:
    """Read the floats of their answer."""
    reply = service_pb2.ModelInferResponse.FromString(answer)
    place = [output.name for output in reply.outputs].index("y")
    if reply.raw_output_contents:
        return np.frombuffer(reply.raw_output_contents[place], dtype=np.float32).tolist()
    return list(reply.outputs[place].contents.fp32_contents)


def analyze_request() -> bytes:
    """Return the request that the gateway's echo algorithm understands."""
    return analyze_pb2.AnalyzeRequest(music=music_pb2.Music(midi=FLOATS.tobytes())).SerializeToString()


def analyze_floats(answer: bytes) -> Sequence[float]:
    """Read the floats of its answer."""
    return list(analyze_pb2.AnalyzeResponse.FromString(answer).style.embedding)


def infer_target(name: str, address: str, processes: dict[str, int]) -> Target:
    """Describe a server that speaks the inference protocol."""
    return Target(name, address, _INFER, infer_request(), infer_floats, processes)


@asynccontextmanager
async def process(
    arguments: Sequence[str | Path], environment: Mapping[str, str], log: Path
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Run a server with its output in a file; stop it at the end."""
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            arguments,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                await asyncio.to_thread(child.wait, 20)
            except subprocess.TimeoutExpired:
                child.kill()


async def wait_until(ready: Callable[[], object], child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an awaitable check says yes.

    Raises
    ------
    RuntimeError
        With the end of its log, if the server ends or is not ready in time.
    """
    until = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < until:
        with contextlib.suppress(grpc.aio.AioRpcError):
            if await ready():
                return
        await asyncio.sleep(0.2)
    text = await asyncio.to_thread(log.read_text, errors="replace")
    raise RuntimeError(f"did not start: {text[-800:].strip()}")


async def model_ready(channel: grpc.aio.Channel) -> bool:
    """Ask a server of the inference protocol whether the model is ready."""
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    return bool((await stub.ModelReady(service_pb2.ModelReadyRequest(name="echo"), timeout=2)).ready)


async def algorithm_ready(channel: grpc.aio.Channel) -> bool:
    """Ask a gateway whether the algorithm is ready."""
    stub = health_pb2_grpc.HealthStub(channel)
    reply = await stub.Check(health_pb2.HealthCheckRequest(service="echo"), timeout=2)
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def install_plugin(scratch: Path) -> Path:
    """Lay the benchmark's plugin where importlib.metadata finds it, which leaves the environment as it is."""
    folder = scratch / "plugins"
    shutil.copytree(HERE / "plugin", folder)
    described = folder / "segue_benchmark-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: segue-benchmark\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[segue.plugins]\nbenchmark = segue_benchmark.plugin\n")
    sys.path.insert(0, str(folder))  # the tritonserver that this process starts finds its modules here
    return folder


@asynccontextmanager
async def triton(scratch: Path) -> AsyncIterator[Target]:
    """Run a tritonserver that holds the echo model."""
    from segue_benchmark.plugin import Echo  # type: ignore[import-not-found]

    repository = scratch / "repository"
    repository.mkdir()
    write_model(repository, Echo.models[0], ModelStore(scratch / "store"))
    server = TritonServer(repository, scratch)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            load = service_pb2.RepositoryModelLoadRequest(model_name="echo")
            await stub.RepositoryModelLoad(load, wait_for_ready=True, timeout=_START_SECONDS)
        yield infer_target("Triton", server.address, {"triton": server.pid or 0})
    finally:
        await server.stop()


@asynccontextmanager
async def gateway(workers: int, plugins: Path, before: Target, scratch: Path) -> AsyncIterator[Target]:
    """Run a gateway before a Triton that is up."""
    name = f"Segue, {workers} worker{'s' * (workers > 1)}"
    address = f"127.0.0.1:{free_port()}"
    environment = {
        "PYTHONPATH": os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "SEGUE_PLUGINS": json.dumps(["benchmark"]),
        "SEGUE_STORE": str(scratch / f"gateway-{workers}" / "store"),
    }
    start = "from segue.server.commands.serve import app; app()"
    arguments = [sys.executable, "-c", start, "--address", address, "--triton", before.address]
    log = scratch / f"gateway-{workers}.log"
    async with process([*arguments, "--workers", str(workers)], environment, log) as child:
        async with grpc.aio.insecure_channel(address) as channel:
            await wait_until(lambda: algorithm_ready(channel), child, log)
        processes = {"server": child.pid} | before.processes
        yield Target(name, address, _ANALYZE, analyze_request(), analyze_floats, processes)
