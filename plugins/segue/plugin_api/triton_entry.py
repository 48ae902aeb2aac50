"""The bridge between Triton's Python backend and ``segue.plugin_api.python_model``.

The only file that imports ``triton_python_backend_utils``, which exists inside a Triton stub process alone. The
``model.py`` that the server writes into the model repository says little more than

    from segue.plugin_api.triton_entry import bind
    TritonPythonModel = bind("package.module:Class")
"""

from __future__ import annotations

import importlib
import json
import logging
import queue
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]
from segue.plugin_api.errors import Overloaded, SegueError, Unavailable, error_to_bytes
from segue.plugin_api.log_lines import FORMAT, OneLineFormatter
from segue.plugin_api.python_model import (
    Arrays,
    Item,
    MessageModel,
    Model,
    StreamModel,
    TensorModel,
    answer_batch,
    one_by_one_if_needed,
    parse_items,
    predict_batch,
    to_segue_error,
)

_FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def bind(implementation: str) -> type:
    """Return the class that Triton instantiates for ``"package.module:Class"``."""

    class TritonPythonModel:
        def initialize(self, args: dict[str, str]) -> None:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(OneLineFormatter(FORMAT))
            logging.basicConfig(level=logging.INFO, handlers=[handler])
            module, _, name = implementation.partition(":")
            model: Model = getattr(importlib.import_module(module), name)()
            device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
            model.load(Path(args["model_repository"]) / args["model_version"], device)
            config = json.loads(args["model_config"])
            self._runner = _Streams(model, config) if isinstance(model, StreamModel) else _Batches(model, config)

        def execute(self, requests: list[Any]) -> list[Any] | None:
            return self._runner.execute(requests)

        def finalize(self) -> None:
            self._runner.close()

    return TritonPythonModel


def _inputs(request: Any) -> Arrays:
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def _response_column(values: list[bytes]) -> Any:
    return np.array(values, dtype=np.object_).reshape(-1, 1)


class _Batches:
    """Runs a ``TensorModel`` or a ``MessageModel``: joins the requests of one execution, splits the answers."""

    def __init__(self, model: Model, config: dict[str, Any]) -> None:
        self._model = model
        self._outputs = {
            output["name"]: (
                pb_utils.triton_string_to_numpy(output["data_type"]),
                [max(int(d), 0) for d in output["dims"]],
            )
            for output in config["output"]
            if output["name"] != "error"
        }

    def execute(self, requests: list[Any]) -> list[Any]:
        responses: list[Any] = [None] * len(requests)
        alike: dict[Any, list[int]] = {}
        inputs = [_inputs(request) for request in requests]
        for index, (request, arrays) in enumerate(zip(requests, inputs, strict=True)):
            if request.is_cancelled():
                responses[index] = pb_utils.InferenceResponse(
                    error=pb_utils.TritonError("cancelled", pb_utils.TritonError.CANCELLED)
                )
            else:
                shapes = tuple(sorted((name, array.shape[1:]) for name, array in arrays.items()))
                alike.setdefault(shapes, []).append(index)
        for indices in alike.values():
            try:
                joined = {
                    name: np.concatenate([inputs[index][name] for index in indices]) for name in inputs[indices[0]]
                }
                outputs = self._run(joined)
            except Exception as error:  # wrong dtype or shape out of the model: a defect of the whole model
                failure = pb_utils.TritonError(to_segue_error(error).message)
                for index in indices:
                    responses[index] = pb_utils.InferenceResponse(error=failure)
                continue
            start = 0
            for index in indices:
                end = start + next(iter(inputs[index].values())).shape[0]
                tensors = [pb_utils.Tensor(name, array[start:end]) for name, array in outputs.items()]
                responses[index] = pb_utils.InferenceResponse(tensors)
                start = end
        return responses

    def _run(self, inputs: Arrays) -> Arrays:
        errors: list[SegueError | None]
        size = next(iter(inputs.values())).shape[0]
        if isinstance(self._model, MessageModel):
            answers = answer_batch(self._model, inputs)
            errors = [answer if isinstance(answer, SegueError) else None for answer in answers]
            outputs: Arrays = {
                "response": _response_column(
                    [b"" if isinstance(answer, SegueError) else answer.SerializeToString() for answer in answers]
                )
            }
        elif isinstance(self._model, TensorModel):
            outputs, errors = predict_batch(self._model, inputs)
            for name, (dtype, dims) in self._outputs.items():
                array = outputs.get(name)
                if array is None and all(errors):
                    outputs[name] = np.zeros((size, *dims), dtype=dtype)
                elif array is None or array.dtype != dtype:
                    got = "is missing" if array is None else f"has type {array.dtype}"
                    raise TypeError(f"output {name} {got}, must have type {np.dtype(dtype)}")
        else:
            raise TypeError(f"{type(self._model).__name__} is no TensorModel, MessageModel or StreamModel")
        outputs["error"] = _response_column([error_to_bytes(error) if error else b"" for error in errors])
        return outputs

    def close(self) -> None:
        """Nothing to stop."""


class _Stream:
    """A request of a ``StreamModel`` that is open."""

    def __init__(self, request: Any) -> None:
        self.inputs = _inputs(request)
        self._request = request
        self._sender = request.get_response_sender()
        self.session: Any = None
        self.came = time.monotonic()

    @property
    def cancelled(self) -> bool:
        return bool(self._request.is_cancelled())

    def send(self, response: bytes, error: bytes = b"") -> None:
        tensors = [
            pb_utils.Tensor("response", _response_column([response])),
            pb_utils.Tensor("error", _response_column([error])),
        ]
        self._sender.send(pb_utils.InferenceResponse(tensors))

    def close(self, error: SegueError | None = None) -> None:
        if error is not None:
            self.send(b"", error_to_bytes(error))
        self._sender.send(flags=_FINAL)


class _Streams:
    """Runs a ``StreamModel``: one thread steps all open sessions together."""

    def __init__(self, model: StreamModel[Any, Any], config: dict[str, Any]) -> None:
        self._model = model
        limit = int(config["parameters"]["max_queue_size"]["string_value"])
        self._waiting: queue.Queue[_Stream | None] = queue.Queue(maxsize=limit)
        self._thread = threading.Thread(target=self._loop, name="segue-streams", daemon=True)
        self._thread.start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            stream = _Stream(request)
            try:
                self._waiting.put_nowait(stream)
            except queue.Full:
                stream.close(Overloaded(f"{self._waiting.maxsize} calls are waiting already"))

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        running: list[_Stream] = []
        while True:
            running = [stream for stream in running if not self._dropped(stream)]
            while len(running) < self._model.max_sessions and (not running or not self._waiting.empty()):
                stream = self._waiting.get()
                if stream is None:
                    for other in running:
                        other.close(Unavailable("the model is being reloaded"))
                    return
                if self._open(stream):
                    running.append(stream)
            if running:
                running = self._step(running)

    def _open(self, stream: _Stream) -> bool:
        if self._dropped(stream):
            return False
        item = parse_items(self._model.request_type, stream.inputs)[0]
        try:
            if not isinstance(item, Item):
                raise item
            stream.session = self._model.start(replace(item, waited=time.monotonic() - stream.came))
        except Exception as error:
            stream.close(to_segue_error(error))
            return False
        return True

    @staticmethod
    def _dropped(stream: _Stream) -> bool:
        if stream.cancelled:
            stream.close()
            return True
        return False

    def _step(self, running: list[_Stream]) -> list[_Stream]:
        steps = one_by_one_if_needed(self._model.step, [stream.session for stream in running])
        still: list[_Stream] = []
        for stream, step in zip(running, steps, strict=True):
            if isinstance(step, SegueError):
                stream.close(step)
                continue
            for response in step.responses:
                stream.send(response.SerializeToString())
            if step.done:
                stream.close()
            else:
                still.append(stream)
        return still
