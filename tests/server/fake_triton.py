"""A Triton that a test writes itself, behind a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from segue.server.triton import Triton
from tritonclient.grpc import service_pb2_grpc


@asynccontextmanager
async def connected(servicer: service_pb2_grpc.GRPCInferenceServiceServicer) -> AsyncIterator[Triton]:
    """Serve with a servicer, and yield a connection to it."""
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    triton = Triton(f"127.0.0.1:{port}", 1 << 20)
    yield triton
    await triton.close()
    await server.stop(None)
