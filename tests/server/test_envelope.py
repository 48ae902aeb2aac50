import asyncio

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
