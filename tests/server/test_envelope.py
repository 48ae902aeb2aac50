import asyncio
from contextlib import AsyncExitStack

import grpc
import pytest
from segue.plugin_api.errors import InvalidField
from segue.server.envelope import Envelope
from segue.server.settings import Settings


class Gone:
    """The context of a call whose caller has gone: nothing more can be told."""

    def time_remaining(self):
        return 5.0

    async def abort(self, *status):
        raise grpc.aio.InternalError('Failed "abort": the call is over')


async def test_a_caller_that_goes_away_while_it_is_refused_is_a_cancelled_call(caplog):
    envelope = Envelope(Settings(), admin_open=False)
    with caplog.at_level("INFO"), pytest.raises(asyncio.CancelledError):
        async with envelope._call("/segue.v1.MusicService/Generate", Gone()):
            raise InvalidField("bars", "is 0, must be at least 1")
    assert envelope.in_flight == 0
    assert [record.reason for record in caplog.records if hasattr(record, "reason")] == ["CANCELLED"]


class Refused(Exception):
    """What the context of a call raises, as gRPC does, once it has told the caller."""


class Waiting:
    """The context of a call whose caller waits."""

    def time_remaining(self):
        return None

    def invocation_metadata(self):
        return ()

    async def abort(self, code, *rest):
        raise Refused(code)


async def test_an_overloaded_server_still_answers_its_operator():
    envelope = Envelope(Settings(max_in_flight=2), admin_open=True)

    def call(method):
        return envelope._call(f"/segue.v1.{method}", Waiting())

    async with AsyncExitStack() as calls:
        for _ in range(2):
            await calls.enter_async_context(call("MusicService/Generate"))
        with pytest.raises(Refused, match="RESOURCE_EXHAUSTED"):
            await calls.enter_async_context(call("MusicService/Generate"))
        for _ in range(16):
            await calls.enter_async_context(call("AdminService/GetTraffic"))
        with pytest.raises(Refused, match="RESOURCE_EXHAUSTED"):
            await calls.enter_async_context(call("AdminService/GetTraffic"))
    assert envelope.in_flight == 0
