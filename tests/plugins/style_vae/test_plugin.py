import pytest
from segue.plugin_api import Call
from segue.plugin_api.python_model import Item
from segue.plugins.score.model import analyze
from segue.plugins.style import arrangement
from segue.plugins.style_vae import plugin
from segue.plugins.style_vae.plugin import StyleVae, StyleVaeOptions
from segue.v1 import analyze_pb2, transfer_pb2

from .conftest import ask


class Models:
    """Stands for the models of a call; runs the shipped ones in this process."""

    def __init__(self, model, networks) -> None:
        self.model, self.networks = model, networks

    async def infer(self, name: str, inputs: dict) -> dict:
        if name == "score":
            request = analyze_pb2.AnalyzeRequest.FromString(inputs["request"])
            answer = analyze(request, {"chords": "sevenths", "max_issues": 0}, self.networks)
        else:
            request = transfer_pb2.TransferRequest.FromString(inputs["request"])
            answer = ask(self.model, Item(request, StyleVaeOptions().model_dump(), 1, inputs["context"]))
        return {"response": [answer.SerializeToString()]}


async def test_the_probe_is_answered_and_looked_at(model, networks):
    algorithm = StyleVae()
    call = Call(options=StyleVaeOptions(), seed=7, models=Models(model, networks), plays=None)
    response = await algorithm.transfer(algorithm.probe(), call)
    algorithm.check_probe(response)
    names = [figure.name for figure in response.figures]
    assert {"rhythmic intensity", "polyphony", "register", "loudness", "chroma similarity", "melody kept"} <= set(names)
    with pytest.raises(ValueError, match="MIDI"):
        algorithm.check_probe(transfer_pb2.TransferResponse())
    struck = next(figure for figure in response.figures if figure.name == "rhythmic intensity")
    struck.after = struck.before
    with pytest.raises(ValueError, match="more than"):
        algorithm.check_probe(response)


def test_the_limits_that_are_stated_are_those_that_hold():
    assert (StyleVae.limits["notes"], StyleVae.limits["bars"]) == (arrangement.MAX_NOTES, arrangement.MAX_BARS)


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["style-vae"]
