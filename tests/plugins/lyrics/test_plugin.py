import pytest
from segue.plugin_api import Call
from segue.plugins.lyrics import plugin
from segue.plugins.lyrics.plugin import Lyrics, LyricsOptions
from segue.v1 import generate_pb2

from ..in_process import OneModel


@pytest.fixture
def call(model) -> Call:
    return Call(options=LyricsOptions(), seed=7, models=OneModel("lyrics", model, LyricsOptions()), plays=None)


async def test_several_verses_differ_and_the_first_is_the_single_one(call):
    one = await Lyrics().generate(generate_pb2.GenerateRequest(), call)
    three = await Lyrics().generate(generate_pb2.GenerateRequest(count=3), call)
    assert one.pieces[0] == three.pieces[0]
    assert len({piece.verse for piece in three.pieces}) == 3


async def test_the_stream_ends_with_what_generate_returns(call):
    request = generate_pb2.GenerateRequest(theme="spring")
    messages = [message async for message in Lyrics().generate_stream(request, call)]
    assert messages[-1].complete == await Lyrics().generate(request, call)
    assert {message.WhichOneof("event") for message in messages[:-1]} == {"bar"}


async def test_the_probe_is_answered_and_looked_at(call):
    algorithm = Lyrics()
    algorithm.check_probe(await algorithm.generate(algorithm.probe(), call))
    with pytest.raises(ValueError, match="two lines"):
        algorithm.check_probe(generate_pb2.GenerateResponse())


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["lyrics"]


def test_lines_of_one_length_may_be_a_number():
    assert LyricsOptions(syllables=7.0).syllables == "7"
