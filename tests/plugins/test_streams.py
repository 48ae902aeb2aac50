"""What Triton's bridge does with streams, with the shipped models: a cancelled one leaves before the next step, and one
that waits takes its place in that step.

Triton itself is stood in for: only so is it known between which two steps a stream was cancelled.
"""

import importlib
import json
import queue
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from segue.plugin_api.python_model import Step
from segue.plugins.chorale.model import ChoraleModel
from segue.plugins.chorale.plugin import Chorale
from segue.plugins.lyrics.model import LyricsModel
from segue.plugins.lyrics.plugin import Lyrics
from segue.plugins.transformer.model import TransformerModel
from segue.plugins.transformer.plugin import Transformer
from segue.v1 import generate_pb2

FAMILIES = [(Chorale, ChoraleModel), (Transformer, TransformerModel), (Lyrics, LyricsModel)]
CONFIG = {"parameters": {"max_queue_size": {"string_value": "8"}}}
FINAL = 1


class Column:
    def __init__(self, name: str, values: list) -> None:
        self._name, self._values = name, np.array(values, object).reshape(1, -1)

    def name(self) -> str:
        return self._name

    def as_numpy(self) -> np.ndarray:
        return self._values


class Request:
    """A request as Triton hands it over, which keeps what is sent."""

    def __init__(self, algorithm, seed: int) -> None:
        self.sent: list[bytes] = []
        self.closed = threading.Event()
        self.cancelled = False
        options = json.dumps(algorithm.Options().model_dump())
        request = generate_pb2.GenerateRequest(bars=4) if algorithm.name != "lyrics" else generate_pb2.GenerateRequest()
        columns = {"request": request.SerializeToString(), "options": options, "seed": seed, "context": b""}
        self._columns = [Column(name, [value]) for name, value in columns.items()]

    def inputs(self) -> list[Column]:
        return self._columns

    def is_cancelled(self) -> bool:
        return self.cancelled

    def get_response_sender(self) -> "Request":
        return self

    def send(self, response=None, flags: int = 0) -> None:
        if response is not None:
            self.sent.append(response)
        if flags == FINAL:
            self.closed.set()


class Stepped:
    """A model that takes a step when it is told to, and says which sessions were in it."""

    def __init__(self, model, most: int) -> None:
        self._model, self.max_sessions = model, most
        self.request_type = model.request_type
        self.go: queue.Queue = queue.Queue()
        self.took: queue.Queue = queue.Queue()

    def start(self, item):
        return item.seed, self._model.start(item)

    def step(self, sessions) -> list[Step]:
        self.go.get(timeout=60)
        steps = self._model.step([session for _, session in sessions])
        self.took.put([seed for seed, _ in sessions])
        return steps


@pytest.fixture
def streams(monkeypatch):
    bridge = ModuleType("triton_python_backend_utils")
    bridge.TRITONSERVER_RESPONSE_COMPLETE_FINAL = FINAL
    bridge.Tensor = lambda name, values: bytes(values[0, 0])
    bridge.InferenceResponse = lambda tensors: tensors[0]
    monkeypatch.setitem(sys.modules, bridge.__name__, bridge)
    monkeypatch.delitem(sys.modules, "segue.plugin_api.triton_entry", raising=False)
    yield importlib.import_module("segue.plugin_api.triton_entry")._Streams
    sys.modules.pop("segue.plugin_api.triton_entry")


@pytest.mark.parametrize(("algorithm", "model"), FAMILIES, ids=[kind.name for kind, _ in FAMILIES])
def test_a_cancelled_stream_frees_its_slot_before_the_next_step(streams, algorithm, model):
    made = model()
    made.load(Path(str(algorithm.models[0].shipped)) / "1", "cpu")
    stepped = Stepped(made, most=2)
    runner = streams(stepped, CONFIG)
    gone, stays, waits = (Request(algorithm(), seed) for seed in (1, 2, 3))
    runner.execute([gone, stays, waits])

    def step() -> list[int]:
        stepped.go.put(None)
        return stepped.took.get(timeout=60)

    first = step()  # what the thread had opened when the step began
    while first != [1, 2]:
        first = step()
    gone.cancelled = True
    under_way = step()  # may have been taken up before it was cancelled
    assert set(under_way) <= {1, 2, 3}
    after = step()
    assert after == [2, 3]
    assert gone.closed.wait(10)
    told = len(gone.sent)
    while not stays.closed.is_set():
        stepped.go.put(None)
        assert 1 not in stepped.took.get(timeout=60)
    assert len(gone.sent) == told
    assert generate_pb2.GenerateStreamResponse.FromString(stays.sent[-1]).complete.pieces
    waits.cancelled = True
    stepped.go.put(None)
    assert waits.closed.wait(10)
    runner.close()
