import pytest
from segue.plugin_api import Call
from segue.plugin_api.python_model import Item
from segue.plugins.score.model import analyze
from segue.plugins.style_gan import plugin
from segue.plugins.style_gan.plugin import StyleGan, StyleGanOptions
from segue.v1 import analyze_pb2, transfer_pb2


class BothModels:
    """Stands for the models of a call; runs the shipped ones in this process."""

    def __init__(self, model, networks) -> None:
        self.model, self.networks = model, networks

    async def infer(self, name: str, inputs: dict) -> dict:
        if name == "score":
            request = analyze_pb2.AnalyzeRequest.FromString(inputs["request"])
            return {
                "response": [
                    analyze(request, {"chords": "sevenths", "max_issues": 0}, self.networks).SerializeToString()
                ]
            }
        assert name == "style-gan"
        request = transfer_pb2.TransferRequest.FromString(inputs["request"])
        one = Item(request, StyleGanOptions().model_dump(), inputs["seed"][0], inputs["context"])
        return {"response": [self.model.answer([one])[0].SerializeToString()]}


async def test_the_probe_is_answered_and_looked_at(model, networks):
    algorithm = StyleGan()
    call = Call(options=StyleGanOptions(), seed=7, models=BothModels(model, networks), plays=None)
    response = await algorithm.transfer(algorithm.probe(), call)
    algorithm.check_probe(response)
    figures = {figure.name: figure for figure in response.figures}
    assert figures["probability of jazz"].after > figures["probability of jazz"].before
    with pytest.raises(ValueError, match="MIDI"):
        algorithm.check_probe(transfer_pb2.TransferResponse())


def test_the_hook_registers_it():
    assert [algorithm.name for algorithm in plugin.register_algorithms()] == ["style-gan"]
