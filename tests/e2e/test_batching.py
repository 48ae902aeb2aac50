"""Calls that are under way at once travel together, and a bad one fails alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from segue.v1 import generate_pb2

from ..benchmarks import recommend
from .server import failure


def request(theme):
    return generate_pb2.GenerateRequest(algorithm="mortal", theme=theme)


def test_calls_travel_in_batches(server):
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: server.music.Generate(request("sleep 0.02")), range(16)))
    assert max(response.pieces[0].tempo for response in responses) > 1


def test_a_bad_item_fails_alone_in_its_batch(server):
    with ThreadPoolExecutor(16) as pool:
        good = [pool.submit(server.music.Generate, request("sleep 0.02")) for _ in range(12)]
        bad = [pool.submit(failure, server.music.Generate, request("refuse")) for _ in range(4)]
    assert all(response.result().pieces for response in good)
    assert {(code, reason, *fields) for code, reason, fields, _, _ in (b.result() for b in bad)} == {
        ("INVALID_ARGUMENT", "INVALID_FIELD", "theme")
    }


def test_a_call_past_its_deadline_is_never_run(server):
    before = server.music.Generate(request("")).pieces[0].bars
    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(server.music.Generate, request("sleep 1.5"))
        late = [pool.submit(failure_code, server, 0.4) for _ in range(4)]
    slow.result()
    assert [future.result() for future in late] == ["DEADLINE_EXCEEDED"] * 4
    assert server.music.Generate(request("")).pieces[0].bars == before + 2


def failure_code(server, seconds):
    with pytest.raises(Exception) as caught:
        server.music.Generate(request("late"), timeout=seconds)
    return caught.value.code().name


def test_the_benchmark_of_recommend_measures(server):
    found = recommend.measure(server, calls=4, batch=2)
    assert found["failed"] == 0
    assert found["single p50 / bare"] > 0
    assert found["batched CPU ms a request"] > 0
