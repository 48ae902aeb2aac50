"""A full queue is no broken promise. When one is full can't be told of a real model, so this one is made up."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from segue.conformance import Bounds, Subject, Verdict
from segue.conformance.checks.concurrency import CONCURRENCY
from segue.plugin_api import Generator
from segue.plugin_api.errors import Overloaded, Unavailable
from segue.server.errors import status_of
from segue.v1 import catalog_pb2, catalog_pb2_grpc, generate_pb2, music_service_pb2_grpc


class Patient(Generator):
    name, version, summary = "patient", "1", "Composes bars"

    async def generate(self, request, call):
        raise AssertionError

    def probe(self):
        return generate_pb2.GenerateRequest()

    def check_probe(self, response):
        raise AssertionError


class Gateway(music_service_pb2_grpc.MusicServiceServicer, catalog_pb2_grpc.CatalogServiceServicer):
    """Answers two calls at once and refuses a third."""

    def __init__(self, error) -> None:
        self.error, self.room, self.refused = error, threading.Semaphore(2), 0

    def Generate(self, request, context):
        if not self.room.acquire(blocking=False):
            self.refused += 1
            code, text, trailers = status_of(self.error, "1")
            context.set_trailing_metadata(trailers)
            context.abort(code, text)
        time.sleep(0.02)
        self.room.release()
        return generate_pb2.GenerateResponse(pieces=[generate_pb2.Piece(bars=request.seed)])

    def GetAlgorithm(self, request, context):
        ready = catalog_pb2.Algorithm(name="patient", state=catalog_pb2.ALGORITHM_STATE_READY)
        return catalog_pb2.GetAlgorithmResponse(algorithm=ready)


@pytest.mark.parametrize(
    ("error", "wrong"), [(Overloaded("full"), ""), (Unavailable("away"), "fails with UNAVAILABLE")]
)
def test_a_full_queue_breaks_no_promise_and_another_failure_does(error, wrong):
    server = grpc.server(ThreadPoolExecutor(30))
    gateway = Gateway(error)
    music_service_pb2_grpc.add_MusicServiceServicer_to_server(gateway, server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(gateway, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        result = CONCURRENCY.run(Subject(Patient(), "nowhere", channel, bounds=Bounds(seconds=2)))
    server.stop(None)
    assert gateway.refused
    assert result.verdict is (Verdict.FAIL if wrong else Verdict.PASS)
    assert wrong in result.wrong
