import pytest
from segue.plugin_api import Call
from segue.plugins.gan import plugin
from segue.plugins.gan.plugin import Gan, GanOptions
from segue.v1 import generate_pb2

from .conftest import ask, item


class OneModel:
    """Stands for the models of a call; runs the shipped model in this process."""

    def __init__(self, model) -> None:
        self.model = model

    async def infer(self, name: str, inputs: dict) -> dict:
        assert name == "gan"
        one = item(inputs["seed"][0])
        one.request.CopyFrom(generate_pb2.GenerateRequest.FromString(inputs["request"]))
        return {"response": [ask(self.model, one).SerializeToString()]}


async def test_the_probe_is_answered_and_looked_at(model):
    algorithm = Gan()
    call = Call(options=GanOptions(), seed=7, models=OneModel(model), plays=None)
    algorithm.check_probe(await algorithm.generate(algorithm.probe(), call))
    with pytest.raises(ValueError, match="four bars"):
        algorithm.check_probe(generate_pb2.GenerateResponse())


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["gan"]
