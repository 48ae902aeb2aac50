"""Both clients: which error a failure becomes, what is tried again, and when time is over."""

import asyncio
import threading
import time

import grpc
import pytest
from segue.client import (
    DeadlineExceeded,
    InternalError,
    InvalidField,
    InvalidOption,
    MessageTooLarge,
    Overloaded,
    RetryPolicy,
    Unavailable,
    Unsupported,
)
from segue.v1.music_pb2 import Music

BUSY = grpc.StatusCode.UNAVAILABLE


async def test_errors_are_named_with_their_fields(client, fake):
    violations = (("bars", "is 900, must be at most 512"), ("options.x", "is unknown"))
    fake.outcomes["Generate"].append(
        fake.Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_OPTION", violations=violations)
    )
    with pytest.raises(InvalidOption) as caught:
        await client.generate(bars=900)
    assert caught.value.violations == list(violations)
    assert caught.value.call_id == "c0ffee"
    assert caught.value.retry_after is None
    assert isinstance(caught.value.__cause__, grpc.RpcError)


async def test_unavailable_is_tried_again_after_what_the_server_asks(client, fake):
    fake.outcomes["Recommend"] += [fake.Failure(BUSY, "ALGORITHM_UNAVAILABLE", retry_after=0.15)] * 2
    started = time.monotonic()
    await client.recommend(listener_id="a")
    assert time.monotonic() - started > 0.3
    assert len(fake.calls("Recommend")) == 3


async def test_overload_is_tried_again(client, fake):
    fake.outcomes["Recommend"].append(fake.Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=0.01))
    await client.recommend(listener_id="a")
    assert len(fake.calls("Recommend")) == 2


async def test_retries_end(make_client, fake):
    fake.outcomes["Recommend"] += [fake.Failure(BUSY, "DRAINING", retry_after=0.01)] * 9
    client = make_client(retry=RetryPolicy(attempts=3, first_pause_seconds=0.001))
    with pytest.raises(Unavailable) as caught:
        await client.recommend(listener_id="a")
    assert caught.value.reason == "DRAINING"
    assert caught.value.retry_after == pytest.approx(0.01)
    assert len(fake.calls("Recommend")) == 3
    await client.close()


async def test_a_pause_that_outlives_the_deadline_is_not_made(client, fake, monkeypatch):
    def pause(seconds):
        raise AssertionError(f"it pauses for {seconds} s")

    monkeypatch.setattr(time, "sleep", pause)
    monkeypatch.setattr(asyncio, "sleep", pause)
    fake.outcomes["Recommend"] += [fake.Failure(BUSY, "ALGORITHM_UNAVAILABLE", retry_after=90)] * 2
    with pytest.raises(Unavailable):
        await client.recommend(listener_id="a", timeout=60)
    assert len(fake.calls("Recommend")) == 1


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "INTERNAL", "DEADLINE_EXCEEDED", "ABORTED", "UNIMPLEMENTED"])
async def test_other_failures_are_final(client, fake, code):
    fake.outcomes["Recommend"] += [fake.Failure(grpc.StatusCode[code])] * 2
    with pytest.raises(Exception, match=r"failed|answer|offer"):
        await client.recommend(listener_id="a")
    assert len(fake.calls("Recommend")) == 1


async def test_rolling_back_is_never_tried_twice(client, fake):
    fake.outcomes["RollBackModel"].append(fake.Failure(BUSY, "DRAINING", retry_after=0.01))
    with pytest.raises(Unavailable):
        await client.roll_back("chorale-gru")
    assert len(fake.calls("RollBackModel")) == 1


async def test_the_timeout_is_told_and_kept(make_client, fake, midi):
    given_up = threading.Event()
    fake.outcomes["Analyze"].append(lambda request, context: given_up.wait(60) and fake.canned["Analyze"])
    client = make_client(timeout=700)
    with pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
        await client.analyze(midi, timeout=0.3)
    given_up.set()
    await client.plugins()
    assert 600 < fake.calls("ListPlugins")[0].seconds < 710  # gRPC rounds up
    with pytest.raises(InvalidField, match="leaves no time"):
        await client.plugins(timeout=0)
    await client.close()


async def test_a_message_that_grpc_refuses_is_told_from_a_quota(client):
    with pytest.raises(MessageTooLarge):
        await client.analyze(Music(midi=bytes(65 << 20)))


async def test_statuses_without_a_reason(client, fake):
    for code, kind in (("UNKNOWN", InternalError), ("RESOURCE_EXHAUSTED", Overloaded), ("UNIMPLEMENTED", Unsupported)):
        fake.outcomes["Drain"].extend([fake.Failure(grpc.StatusCode[code])] * 5)
        with pytest.raises(kind):
            await client.drain()
        fake.outcomes["Drain"].clear()
