"""Streaming calls are read to their end: Triton 2.51 may die of one that is cancelled while it ends."""

import asyncio
import struct

import numpy as np
import pytest
from segue.plugin_api import message_model
from segue.plugin_api.errors import InvalidField, SegueError, error_to_bytes
from tritonclient.grpc import service_pb2, service_pb2_grpc

from .fake_triton import connected

SPEC = message_model("streaming", "nowhere:Model", stream=True, trained=False)
INPUTS = {
    tensor.name: np.array([b""], object) if tensor.dtype == "BYTES" else np.zeros(1, np.int64) for tensor in SPEC.inputs
}


class EndingSlowly(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Sends what it is given, and then takes a moment to end the call."""

    def __init__(self):
        self.replies, self.ended, self.delay = [], asyncio.Queue(), 0.1

    async def ModelStreamInfer(self, requests, context):
        try:
            async for _ in requests:
                pass
            for reply in self.replies:
                yield reply
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.ended.put_nowait("cancelled")
            raise
        self.ended.put_nowait("read to its end")


def response(message=b"", error=b"", final=False):
    reply = service_pb2.ModelStreamInferResponse()
    infer = reply.infer_response
    infer.model_name, infer.model_version = SPEC.name, "1"
    infer.parameters["triton_final_response"].bool_param = final
    if not final:
        for name, data in (("response", message), ("error", error)):
            infer.outputs.add(name=name, datatype="BYTES", shape=[1, 1])
            infer.raw_output_contents.append(struct.pack("<I", len(data)) + data)
    return reply


@pytest.fixture
async def served():
    servicer = EndingSlowly()
    async with connected(servicer) as triton:
        yield triton, servicer


async def collect(triton, seconds=5.0):
    return [output async for output in triton.stream(SPEC, INPUTS, seconds)]


async def test_a_stream_is_read_to_its_end(served):
    triton, servicer = served
    servicer.replies = [response(b"one"), response(b"two"), response(final=True)]
    outputs = await collect(triton)
    assert [output.tensors["response"][0] for output in outputs] == [b"one", b"two"]
    assert await servicer.ended.get() == "read to its end"


async def test_a_stream_with_an_error_is_read_to_its_end_too(served):
    triton, servicer = served
    wrong = error_to_bytes(InvalidField("tempo", "must be above 0"))
    servicer.replies = [response(b"one"), response(error=wrong), response(final=True)]
    with pytest.raises(SegueError, match="must be above 0"):
        await collect(triton)
    assert await servicer.ended.get() == "read to its end"


async def test_an_error_that_triton_tells_is_not_lost_while_the_end_is_awaited(served):
    triton, servicer = served
    servicer.replies = [service_pb2.ModelStreamInferResponse(error_message="the model fell over")]
    with pytest.raises(SegueError, match="fell over"):
        await collect(triton)
    servicer.delay = 60.0
    with pytest.raises(SegueError, match="fell over"):
        await collect(triton, seconds=3.0)  # the end does not come in time


async def test_a_stream_that_nobody_wants_any_more_is_cancelled(served):
    triton, servicer = served
    servicer.replies = [response(b"one"), response(b"two")]
    stream = triton.stream(SPEC, INPUTS, 5.0)
    await anext(stream)
    await stream.aclose()
    assert await servicer.ended.get() == "cancelled"
