import pytest
from segue.plugin_api import Call, hookspecs
from segue.plugins.chorale import plugin
from segue.plugins.chorale.plugin import Chorale, ChoraleOptions
from segue.v1 import generate_pb2

from ..in_process import OneModel


@pytest.fixture
def call(model) -> Call:
    return Call(options=ChoraleOptions(), seed=7, models=OneModel("chorale", model, ChoraleOptions()), plays=None)


async def test_several_pieces_differ_and_the_first_is_the_single_one(call):
    one = await Chorale().generate(generate_pb2.GenerateRequest(bars=2), call)
    three = await Chorale().generate(generate_pb2.GenerateRequest(bars=2, count=3), call)
    assert len(one.pieces) == 1
    assert len(three.pieces) == 3
    assert one.pieces[0].music.midi == three.pieces[0].music.midi
    assert len({piece.music.midi for piece in three.pieces}) == 3


async def test_the_stream_ends_with_what_generate_returns(call):
    request = generate_pb2.GenerateRequest(bars=2)
    messages = [message async for message in Chorale().generate_stream(request, call)]
    assert [message.WhichOneof("event") for message in messages] == ["bar", "bar", "complete"]
    assert messages[-1].complete == await Chorale().generate(request, call)


async def test_the_probe_is_answered_and_looked_at(call):
    algorithm = Chorale()
    algorithm.check_probe(await algorithm.generate(algorithm.probe(), call))
    with pytest.raises(ValueError, match=r"must be \[1\]"):
        algorithm.check_probe(generate_pb2.GenerateResponse())


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["chorale"]
    assert hookspecs.PLUGIN_API_VERSION == 1
