"""Running a model half in this process, for tests of what does not need Triton."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from google.protobuf.message import Message
from segue.plugin_api import Options
from segue.plugin_api.python_model import Item, StreamModel
from segue.v1 import generate_pb2


class OneModel:
    """Stands for the models of a call: one streaming model, run in this process."""

    def __init__(self, name: str, model: StreamModel, options: Options) -> None:
        self.name, self.model, self.options = name, model, options.model_dump()

    async def stream(self, name: str, inputs: dict) -> AsyncIterator[dict]:
        assert name == self.name
        request = generate_pb2.GenerateRequest.FromString(inputs["request"])
        request.ClearField("count")
        session = self.model.start(Item(request, self.options, inputs["seed"][0]))
        done = False
        while not done:
            step = self.model.step([session])[0]
            done = step.done
            for response in step.responses:
                yield {"response": [response.SerializeToString()]}
            await asyncio.sleep(0)


def run_to_the_end(model: StreamModel, items: Sequence[Item]) -> list[list[Message]]:
    """Run sessions to their end, all in one batch; return the messages of each, or raise the error of one."""
    sessions = [model.start(one) for one in items]
    messages: list[list] = [[] for _ in items]
    live = list(range(len(items)))
    while live:
        steps = model.step([sessions[index] for index in live])
        for index, step in zip(live, steps, strict=True):
            if isinstance(step, Exception):
                raise step
            messages[index].extend(step.responses)
        live = [index for index, step in zip(live, steps, strict=True) if not step.done]
    return messages
