"""Triton killed, a model's process killed: callers hear it, health tells it, and it heals."""

import threading
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status
from segue.v1 import generate_pb2, listening_pb2

from .server import READY, failure

FLIPS, HEALS = 2.0, 20.0
"""Seconds within which health tells that something died, and within which it serves again."""


def drone():
    return generate_pb2.GenerateRequest(algorithm="drone", bars=1)


class Load(threading.Thread):
    """Calls one algorithm over and over, and keeps what went wrong and when."""

    def __init__(self, server, request):
        super().__init__(daemon=True)
        self.server, self.request = server, request
        self.errors, self.answers, self.over = [], 0, threading.Event()

    def run(self):
        while not self.over.is_set():
            try:
                self.server.music.Generate(self.request, timeout=10)
                self.answers += 1
            except grpc.RpcError as error:
                self.errors.append(error)
                time.sleep(0.02)

    def finish(self):
        self.over.set()
        self.join()


@pytest.fixture(scope="module")
def fragile(tmp_path_factory, site):
    from .server import Server

    running = Server(
        tmp_path_factory.mktemp("fragile"), site, SEGUE_PLUGINS='["drone","dying","chorale","score"]'
    ).start()
    yield running
    running.stop()


def retry_delay(error):
    for detail in rpc_status.from_call(error).details:
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return info.retry_delay.ToTimedelta().total_seconds()
    return None


def test_triton_killed_under_load(fragile):
    gateway = fragile.process.pid
    load = [Load(fragile, drone()) for _ in range(4)]
    for thread in load:
        thread.start()
    time.sleep(0.5)
    watch = fragile.health.Watch(health_pb2.HealthCheckRequest(service="drone"))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING

    killed = time.monotonic()
    fragile.triton().kill()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert time.monotonic() - killed < FLIPS
    fragile.wait(lambda: all(state == READY for name, state in fragile.states().items() if name != "dying"), HEALS)
    assert time.monotonic() - killed < HEALS

    answered = [thread.answers for thread in load]
    time.sleep(0.5)
    for thread in load:
        thread.finish()
    errors = [error for thread in load for error in thread.errors]
    assert errors
    assert {error.code() for error in errors} == {grpc.StatusCode.UNAVAILABLE}
    assert all(retry_delay(error) for error in errors)
    assert all(thread.answers > before for thread, before in zip(load, answered, strict=True))
    assert fragile.process.pid == gateway
    watch.cancel()


def test_a_model_process_that_dies_heals_and_others_do_not_notice(fragile):
    load = Load(fragile, drone())
    load.start()
    killed = time.monotonic()
    code, reason, _, retry, _ = failure(
        fragile.music.Generate, generate_pb2.GenerateRequest(algorithm="mortal", theme="die"), timeout=20
    )
    assert (code, reason) == ("UNAVAILABLE", "ALGORITHM_UNAVAILABLE")
    assert retry > 0
    fragile.wait(lambda: not fragile.serving("mortal"), FLIPS)
    assert time.monotonic() - killed < 2 * FLIPS
    fragile.wait(lambda: fragile.serving("mortal"), HEALS)
    load.finish()
    assert load.answers > 10
    assert not load.errors


def test_without_its_database_a_server_composes_on_and_says_that_it_keeps_no_plays(fragile):
    database = fragile.folder / "plays.db"
    database.rename(fragile.folder / "aside.db")
    try:
        play = listening_pb2.Play(event_id="e", listener_id="l", track_id="t")
        record = listening_pb2.RecordPlaysRequest(plays=[play])
        code, reason, _, retry, _ = failure(fragile.listening.RecordPlays, record, timeout=20)
        assert (code, reason) == ("UNAVAILABLE", "ALGORITHM_UNAVAILABLE")
        assert retry > 0
        request = generate_pb2.GenerateRequest(algorithm="chorale", bars=2, request_id="without-database")
        first, again = (fragile.music.Generate(request, timeout=20) for _ in range(2))
        assert first.lineage.response_id != again.lineage.response_id
        assert first.pieces == again.pieces
    finally:
        (fragile.folder / "aside.db").rename(database)
    assert fragile.listening.RecordPlays(record, timeout=20).recorded == 1
