import logging

import pytest
from segue.plugin_api.errors import InternalError
from segue.server.calls import Calls
from segue.server.envelope import CurrentCall, current_call
from segue.server.metrics import SHADOW_CALLS
from segue.v1 import catalog_pb2, generate_pb2


class Shadow:
    name = "shadow"


@pytest.mark.parametrize(
    ("raised", "reason"), [(InternalError("it broke"), "INTERNAL"), (TimeoutError(), "DEADLINE_EXCEEDED")]
)
async def test_a_shadow_that_fails_is_counted_and_a_defect_is_logged(monkeypatch, caplog, raised, reason):
    async def fail(*_):
        raise raised

    calls = Calls(None, None, None, None)
    monkeypatch.setattr(calls, "_run_one", fail)
    current_call.set(CurrentCall("call-7", 0.0))
    counter = SHADOW_CALLS.labels("shadow", reason)
    before = counter._value.get()
    with caplog.at_level(logging.ERROR):
        await calls._run_shadow(catalog_pb2.CAPABILITY_GENERATE, Shadow(), generate_pb2.GenerateRequest())
    assert counter._value.get() == before + 1
    assert ("it broke" in caplog.text) == isinstance(raised, InternalError)
