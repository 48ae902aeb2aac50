import pytest
from segue.plugin_api import Call
from segue.plugins.vae import plugin
from segue.plugins.vae.plugin import Vae, VaeOptions
from segue.v1 import generate_pb2

from .conftest import ask, item


class OneModel:
    """Stands for the models of a call; runs the shipped model in this process."""

    def __init__(self, model) -> None:
        self.model = model

    async def infer(self, name: str, inputs: dict) -> dict:
        assert name == "vae"
        request = generate_pb2.GenerateRequest.FromString(inputs["request"])
        one = item(inputs["seed"][0])
        one.request.CopyFrom(request)
        return {"response": [ask(self.model, one).SerializeToString()]}


async def test_the_probe_is_answered_and_looked_at(model):
    algorithm = Vae()
    call = Call(options=VaeOptions(), seed=7, models=OneModel(model), plays=None)
    algorithm.check_probe(await algorithm.generate(algorithm.probe(), call))
    with pytest.raises(ValueError, match=r"must be \[2\]"):
        algorithm.check_probe(generate_pb2.GenerateResponse())


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["vae"]
