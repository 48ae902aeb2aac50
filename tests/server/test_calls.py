import logging
from types import SimpleNamespace

import pytest
from segue.plugin_api.algorithm import StreamingGenerator
from segue.plugin_api.errors import InternalError
from segue.server.calls import Calls
from segue.server.envelope import CurrentCall, current_call
from segue.server.metrics import SHADOW_CALLS
from segue.server.plugins import LoadedPlugin
from segue.server.routing import Route
from segue.server.served import ServedAlgorithm
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


class Composer(StreamingGenerator):
    name = "composer"
    version = "1"
    summary = "Composes in the order of the contract, or not"

    def __init__(self, *events):
        self.events = events
        self.ended = False

    async def generate_stream(self, request, call):
        for event in self.events:
            yield generate_pb2.GenerateStreamResponse(**event)
        self.ended = True

    def probe(self):
        return generate_pb2.GenerateRequest()

    def check_probe(self, response):
        pass


BAR, COMPLETE = {"bar": generate_pb2.Bar(number=1)}, {"complete": generate_pb2.GenerateResponse()}


async def streamed(composer):
    """What the gateway sends of a stream, and whether the algorithm had ended by then."""
    served = ServedAlgorithm(composer, LoadedPlugin("here", "here 1"), {})
    router = SimpleNamespace(route=lambda *_: Route(served, "named"))
    current_call.set(CurrentCall("call-7", 0.0))
    stream = Calls(router, None, None, None).stream(catalog_pb2.CAPABILITY_GENERATE, generate_pb2.GenerateRequest())
    return [(response.WhichOneof("event"), composer.ended) async for response in stream]


async def test_the_answer_is_sent_when_nothing_is_left_to_cancel():
    assert await streamed(Composer(BAR, BAR, COMPLETE)) == [("bar", False), ("bar", False), ("complete", True)]


async def test_a_stream_that_breaks_the_order_is_sent_as_it_is():
    assert await streamed(Composer(COMPLETE, BAR)) == [("complete", False), ("bar", False)]
