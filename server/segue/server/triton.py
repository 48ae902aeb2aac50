"""Speaks Triton's gRPC: the only file that imports tritonclient.

Requests are built as protobuf directly: tritonclient's InferInput copies more than the gateway can afford per call.
"""

from __future__ import annotations

import asyncio
import math
import os
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray
from segue.plugin_api.errors import (
    AlgorithmUnavailable,
    Cancelled,
    DeadlineExceeded,
    InternalError,
    ModelServerUnavailable,
    Overloaded,
    SegueError,
    bytes_to_error,
)
from segue.plugin_api.model_spec import ERROR, ModelSpec, Tensor
from segue.server.errors import without_folders
from tritonclient.grpc import service_pb2, service_pb2_grpc

LOADS_AT_ONCE: Final = max(4, os.cpu_count() or 1)
"""Models that load side by side; Triton's own default is 4."""
_NO_CONNECTION: Final = ("failed to connect", "errors resolving", "DNS resolution failed")
_NUMPY: Final = {"BOOL": np.bool_, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32}


@dataclass(frozen=True)
class Output:
    """What a model gave for one item.

    Attributes
    ----------
    tensors
        Tensor name → array without a batch axis.
    version
        Version of the model that answered.
    """

    tensors: dict[str, NDArray[Any]]
    version: int


class Triton:
    """A connection to one tritonserver.

    Parameters
    ----------
    address
        HOST:PORT of its gRPC endpoint.
    max_message_bytes
        Largest message either way.
    """

    def __init__(self, address: str, max_message_bytes: int) -> None:
        self._channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", max_message_bytes),
                ("grpc.max_send_message_length", max_message_bytes),
                # A restarted server is to be found at once, not after gRPC's usual growing pauses.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.keepalive_time_ms", 60_000),
            ],
        )
        self._stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._load_slots = asyncio.Semaphore(LOADS_AT_ONCE)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def live(self, seconds: float) -> bool:
        """Say whether the server answers at all."""
        try:
            reply = await self._stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=seconds)
        except grpc.aio.AioRpcError:
            return False
        return bool(reply.live)

    async def states(self, seconds: float) -> dict[tuple[str, str], str] | None:
        """Return (model, version) → Triton's word for its state; None if the server does not answer in time."""
        try:
            reply = await self._stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(), timeout=seconds)
        except grpc.aio.AioRpcError:
            return None
        return {(model.name, model.version): model.state for model in reply.models}

    async def lost(self) -> None:
        """Return the moment that a server which answered no longer does."""
        ready = grpc.ChannelConnectivity.READY
        while True:
            while (state := self._channel.get_state(try_to_connect=True)) is not ready:
                await self._channel.wait_for_state_change(state)
            await self._channel.wait_for_state_change(ready)
            if not await self.live(1.0):
                return

    async def load(self, model: str, seconds: float) -> None:
        """Load or reload a model from the repository; versions that served go on until the new one does.

        Parameters
        ----------
        model
            Its name.
        seconds
            Longest that it may take, counted from when it is this model's turn: what waits for others is not late.

        Raises
        ------
        SegueError
            With Triton's reason if it can't be loaded.
        """
        try:
            async with self._load_slots:
                await self._stub.RepositoryModelLoad(
                    service_pb2.RepositoryModelLoadRequest(model_name=model), timeout=seconds
                )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise ModelServerUnavailable("the model server can't be reached") from None
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise AlgorithmUnavailable(f"model {model} did not load within {seconds:g} s") from None
            raise AlgorithmUnavailable(f"model {model} failed to load: {_last_line(error.details())}") from None

    async def unload(self, model: str, seconds: float) -> None:
        """Unload a model; one that is not loaded is left alone."""
        try:
            await self._stub.RepositoryModelUnload(
                service_pb2.RepositoryModelUnloadRequest(model_name=model), timeout=seconds
            )
        except grpc.aio.AioRpcError as error:
            raise ModelServerUnavailable(
                f"model {model} could not be unloaded: {_last_line(error.details())}"
            ) from None

    async def infer(
        self, spec: ModelSpec, items: Sequence[Mapping[str, NDArray[Any]]], seconds: float
    ) -> list[Output | SegueError]:
        """Run a batch of checked items.

        Parameters
        ----------
        spec
            The model.
        items
            For each item its inputs, as ``Tensor.check`` returned them.
        timeout
            Seconds left; Triton is told when they are over, so that a call nobody waits for is never run.

        Returns
        -------
        list
            For each item its output, or the error that the model gave to it alone.

        Raises
        ------
        SegueError
            If the batch as a whole failed.
        """
        try:
            reply = await self._stub.ModelInfer(_request(spec, items), timeout=seconds)
        except grpc.aio.AioRpcError as error:
            raise _translate(error, spec) from None
        return _split(spec, reply, len(items))

    async def stream(self, spec: ModelSpec, item: Mapping[str, NDArray[Any]], seconds: float) -> AsyncIterator[Output]:
        """Run a streaming model on one checked item; closing the iterator cancels it.

        What has ended is read to its end: Triton 2.51 dies now and then of a call that is cancelled while it ends.

        Raises
        ------
        SegueError
            What the model raised, or why it could not be run.
        """
        request = _request(spec, [item])
        request.parameters["triton_enable_empty_final_response"].bool_param = True
        call = self._stub.ModelStreamInfer(_once(request), timeout=seconds)
        failure: SegueError | None = None
        try:
            async for reply in call:
                if failure is not None:
                    continue
                if reply.error_message:
                    failure = _from_text(reply.error_message, spec)
                elif reply.infer_response.outputs:
                    output = _split(spec, reply.infer_response, 1)[0]
                    if isinstance(output, SegueError):
                        failure = output
                    else:
                        yield output
            if failure is not None:
                raise failure
        except grpc.aio.AioRpcError as error:
            raise failure or _translate(error, spec) from None
        finally:
            call.cancel()


async def _once(request: Any) -> AsyncIterator[Any]:
    yield request


def _request(spec: ModelSpec, items: Sequence[Mapping[str, NDArray[Any]]]) -> Any:
    request = service_pb2.ModelInferRequest(model_name=spec.name)
    for tensor in spec.inputs:
        for name, batch in tensor.stack([item[tensor.name] for item in items]).items():
            dtype = tensor.dtype if name == tensor.name else "BOOL"
            request.inputs.add(name=name, datatype=dtype, shape=batch.shape)
            request.raw_input_contents.append(_pack_bytes(batch) if dtype == "BYTES" else batch.tobytes())
    return request


def _pack_bytes(batch: NDArray[Any]) -> bytes:
    """Write byte strings as Triton does: a little-endian length before each."""
    return b"".join(struct.pack("<I", len(element)) + element for element in batch.flat)


def _unpack_bytes(data: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        position += 4 + length
        yield data[position - length : position]


def _split(spec: ModelSpec, reply: Any, count: int) -> list[Output | SegueError]:
    tensors: dict[str, NDArray[Any]] = {}
    for described, data in zip(reply.outputs, reply.raw_output_contents, strict=True):
        shape = tuple(described.shape)
        if described.datatype == "BYTES":
            array = np.fromiter(_unpack_bytes(data), dtype=np.object_)
        else:
            array = np.frombuffer(data, dtype=_NUMPY[described.datatype])
        if array.size != math.prod(shape) or shape[:1] != (count,):
            # A Triton whose environment has numpy 2 reports READY and answers without bytes.
            raise AlgorithmUnavailable(f"model {spec.name} answered {array.size} values for a shape of {list(shape)}")
        tensors[described.name] = array.reshape(shape)
    missing = [tensor.name for tensor in spec.wire_outputs() if tensor.name not in tensors]
    if missing:
        raise AlgorithmUnavailable(f"model {spec.name} answered without {missing}")
    version = int(reply.model_version)
    errors = tensors.pop(ERROR.name)[:, 0].tolist() if spec.backend == "python" else [b""] * count
    return [
        bytes_to_error(error) if error else Output({name: array[row] for name, array in tensors.items()}, version)
        for row, error in enumerate(errors)
    ]


def check_item(inputs: Sequence[Tensor], given: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Check one item's inputs against the tensors of a model.

    Raises
    ------
    InternalError
        If an input is missing or unknown: a defect of the gateway half.
    InvalidRequest
        If a value is of the wrong type, shape or length.
    """
    if given.keys() != {tensor.name for tensor in inputs}:
        raise InternalError(f"inputs {sorted(given)} given, {sorted(tensor.name for tensor in inputs)} needed")
    return {tensor.name: tensor.check(given[tensor.name]) for tensor in inputs}


def _translate(error: grpc.aio.AioRpcError, spec: ModelSpec) -> SegueError:
    details = error.details() or ""
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded("the deadline passed while the model was at work")
        case grpc.StatusCode.CANCELLED:
            return Cancelled("the call was cancelled")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return InternalError(f"model {spec.name}: {details}")
        case grpc.StatusCode.UNAVAILABLE if not _is_triton_text(details):
            return ModelServerUnavailable("the model server can't be reached; try again")
    return _from_text(details, spec)


def _is_triton_text(details: str) -> bool:
    """Tell what Triton itself calls UNAVAILABLE from a connection that failed, even to a host named model-server."""
    if details.startswith(_NO_CONNECTION):
        return False
    return "queue" in details or "timeout" in details.lower() or "model" in details


def _from_text(details: str, spec: ModelSpec) -> SegueError:
    """Triton has one code for several failures and no details; its text is all there is."""
    text = details.lower()
    if "maximum queue size" in text:
        return Overloaded(f"{spec.max_queue_size} calls of {spec.name} are waiting already")
    if "timeout expired" in text:
        return DeadlineExceeded("the deadline passed while the call was waiting for the model")
    if "cancelled" in text:
        return Cancelled("the call was cancelled")
    if any(
        phrase in text for phrase in ("unknown model", "not ready", "not found", "no available versions", "unloaded")
    ):
        return AlgorithmUnavailable(f"model {spec.name} is not loaded")
    if "stub" in text or "healthy" in text:
        return AlgorithmUnavailable(f"the process of model {spec.name} died; it is being restarted")
    return InternalError(f"model {spec.name}: {details}")


def _last_line(details: str | None) -> str:
    """Return the telling line of a Triton error, which may be a whole traceback: the exception itself."""
    lines = [line.strip() for line in (details or "no reason given").splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("File ", "/", "At:", "raise ", "self."))]
    return without_folders((telling or lines)[0])[:300]
