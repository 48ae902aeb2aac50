"""Versions and traffic move under load without a lost request."""

import threading
import time
from collections import Counter

import pytest
from segue.v1 import admin_pb2, catalog_pb2, generate_pb2, listening_pb2

from .server import READY, alive, failure
from .test_faults import Load

GENERATE = catalog_pb2.CAPABILITY_GENERATE


@pytest.fixture(scope="module")
def movable(tmp_path_factory, site):
    from .server import Server

    running = Server(tmp_path_factory.mktemp("movable"), site, SEGUE_PLUGINS='["drone","dying"]').start()
    (running.store / "drone" / "2").mkdir()
    (running.store / "drone" / "2" / "weights").write_text("better")
    yield running
    running.stop()


def drone(**fields):
    return generate_pb2.GenerateRequest(**{"algorithm": "drone", "bars": 1} | fields)


def version(server):
    return server.music.Generate(drone()).lineage.models[0].version


def test_promote_and_roll_back_lose_nothing(movable):
    load = [Load(movable, drone()) for _ in range(4)]
    for thread in load:
        thread.start()
    assert version(movable) == 1
    assert movable.admin.PromoteModel(admin_pb2.PromoteModelRequest(model="drone", version=2)).model.version == 2
    assert version(movable) == 2
    assert movable.admin.RollBackModel(admin_pb2.RollBackModelRequest(model="drone")).model.version == 1
    assert version(movable) == 1
    movable.admin.ReloadAlgorithm(admin_pb2.ReloadAlgorithmRequest(name="drone"))
    for thread in load:
        thread.finish()
    assert sum(thread.answers for thread in load) > 100
    assert [error for thread in load for error in thread.errors] == []


def test_unload_and_load(movable):
    movable.admin.UnloadAlgorithm(admin_pb2.UnloadAlgorithmRequest(name="drone"))
    code, reason, _, retry, text = failure(movable.music.Generate, drone())
    assert (code, reason, retry) == ("FAILED_PRECONDITION", "FAILED_PRECONDITION", 0)
    assert "unloaded by an operator" in text
    assert not movable.serving("drone")
    described = movable.admin.LoadAlgorithm(admin_pb2.LoadAlgorithmRequest(name="drone")).algorithm
    assert described.state == READY
    assert version(movable) == 1


def test_a_split_follows_its_weights_and_is_sticky(movable):
    shares = [admin_pb2.TrafficShare(algorithm="drone", weight=3), admin_pb2.TrafficShare(algorithm="mortal", weight=1)]
    traffic = admin_pb2.Traffic(capability=GENERATE, shares=shares, shadow="mortal")
    movable.admin.SetTraffic(admin_pb2.SetTrafficRequest(traffic=traffic))
    assert movable.admin.GetTraffic(admin_pb2.GetTrafficRequest()).traffic == [traffic]
    answers = Counter(movable.music.Generate(generate_pb2.GenerateRequest()).lineage.algorithm for _ in range(200))
    assert 120 < answers["drone"] < 180
    sticky = [generate_pb2.GenerateRequest(request_id=f"r{i}") for i in range(20)]
    first = [movable.music.Generate(request).lineage for request in sticky]
    assert {lineage.variant for lineage in first} == {"split"}
    assert len({lineage.algorithm for lineage in first}) == 2


@pytest.mark.parametrize(
    ("shares", "field"),
    [
        ({"nobody": 1}, "traffic.shares[0].algorithm"),
        ({"drone": 0}, "traffic.shares"),
        ({"drone": -1}, "traffic.shares[0].weight"),
    ],
)
def test_wrong_traffic_is_named(movable, shares, field):
    message = admin_pb2.Traffic(
        capability=GENERATE,
        shares=[admin_pb2.TrafficShare(algorithm=name, weight=weight) for name, weight in shares.items()],
    )
    code, _, fields, *_ = failure(movable.admin.SetTraffic, admin_pb2.SetTrafficRequest(traffic=message))
    assert (code, fields) == ("INVALID_ARGUMENT", [field])


def test_plays_are_kept_and_erased(movable):
    play = listening_pb2.Play(event_id="1", listener_id="ann", track_id="t")
    request = listening_pb2.RecordPlaysRequest(plays=[play, play])
    assert movable.listening.RecordPlays(request) == listening_pb2.RecordPlaysResponse(recorded=1, duplicates=1)
    assert len(movable.listening.ListPlays(listening_pb2.ListPlaysRequest(listener_id="ann")).plays) == 1
    assert movable.listening.EraseListener(listening_pb2.EraseListenerRequest(listener_id="ann")).erased == 1


def test_sigterm_finishes_what_is_under_way_and_leaves_no_process(movable):
    slow = generate_pb2.GenerateRequest(algorithm="mortal", theme="sleep 1.0")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(movable.music.Generate(slow)))
    caller.start()
    time.sleep(0.3)
    below = movable.processes()
    assert {"tritonserver"} <= {process.name() for process in below}
    movable.process.terminate()
    caller.join()
    assert answers
    assert movable.process.wait(30) == 0
    assert not [process for process in below if alive(process)]
    movable.start()
