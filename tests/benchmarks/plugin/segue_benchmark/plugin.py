"""The least an algorithm can do, so that what is measured is the gateway.

The contract has no call for bare tensors. Of its messages the smallest that carry 64 floats each way are an Analyze
request whose piece is 256 bytes, read as floats here, and its answer's embedding.
"""

import numpy as np
from segue.plugin_api import Analyzer, ModelSpec, Tensor, hookimpl
from segue.v1 import analyze_pb2, music_pb2

FLOATS = 64


class Echo(Analyzer):
    name = "echo"
    version = "1.0"
    summary = "64 floats in, 64 floats out"
    models = (
        ModelSpec(
            name="echo",
            implementation="segue_benchmark.model:EchoModel",
            inputs=(Tensor(name="x", dtype="FP32", shape=(FLOATS,)),),
            outputs=(Tensor(name="y", dtype="FP32", shape=(FLOATS,)),),
            max_batch_size=64,
            trained=False,
        ),
    )

    async def analyze(self, request, call):
        outputs = await call.models.infer("echo", {"x": np.frombuffer(request.music.midi, dtype=np.float32)})
        return analyze_pb2.AnalyzeResponse(style=analyze_pb2.StyleAnalysis(embedding=outputs["y"].tolist()))

    def probe(self):
        return analyze_pb2.AnalyzeRequest(music=music_pb2.Music(midi=np.ones(FLOATS, np.float32).tobytes()))

    def check_probe(self, response):
        if list(response.style.embedding) != [1.0] * FLOATS:
            raise ValueError(f"64 ones came back as {list(response.style.embedding)}")


@hookimpl
def register_algorithms():
    return [Echo()]
