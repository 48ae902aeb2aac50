"""One frozen description of a model: its tensors, its batching, its backend.

The Triton configuration, the padding in the gateway and the input checks in the model half all come from it, so they
can't disagree. Shapes leave the batch axis out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from segue.plugin_api.errors import InvalidRequest

DataType = Literal["BOOL", "INT32", "INT64", "FP32", "BYTES"]
VARIABLE: Final = -1
"""Length of an axis that differs from item to item."""

_NUMPY: Final[Mapping[str, Any]] = MappingProxyType(
    {"BOOL": np.bool_, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "BYTES": np.object_}
)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output of a model.

    Parameters
    ----------
    name
        Name of the tensor.
    dtype
        Element type.
    shape
        Shape of one item, without the batch axis. The first axis may be ``VARIABLE``.
    buckets
        Lengths that a variable axis is padded to, ascending; the last is the longest accepted. Equal lengths are
        what lets requests travel in one batch.
    pad
        Value of the padding. A boolean input ``NAME_mask`` (true where there is data) travels beside a bucketed input.
    """

    name: str
    dtype: DataType
    shape: tuple[int, ...] = (1,)
    buckets: tuple[int, ...] = ()
    pad: float | bytes = 0

    def __post_init__(self) -> None:
        if VARIABLE in self.shape[1:]:
            raise ValueError(f"tensor {self.name}: only the first axis may be VARIABLE, got shape {self.shape}")
        if self.buckets and (self.shape[:1] != (VARIABLE,) or list(self.buckets) != sorted(set(self.buckets))):
            raise ValueError(
                f"tensor {self.name}: buckets {self.buckets} need a VARIABLE first axis and ascending lengths"
            )

    @property
    def numpy_dtype(self) -> Any:
        """The numpy type of the elements."""
        return _NUMPY[self.dtype]

    @property
    def mask(self) -> Tensor | None:
        """The mask that travels beside a bucketed tensor."""
        return Tensor(name=f"{self.name}_mask", dtype="BOOL", shape=(VARIABLE,)) if self.buckets else None

    def check(self, value: Any) -> NDArray[Any]:
        """Return one item's value as an array of this tensor's type and shape.

        Raises
        ------
        InvalidRequest
            If type, shape or length is wrong, or a number is not finite.
        """
        if self.dtype == "BYTES":
            array = (
                np.asarray(value, dtype=np.object_) if not isinstance(value, bytes) else np.array([value], np.object_)
            )
        else:
            array = np.asarray(value)
            if array.dtype != self.numpy_dtype:
                if not np.can_cast(array.dtype, self.numpy_dtype, casting="same_kind"):
                    raise InvalidRequest(self.name, f"has type {array.dtype}, must be {self.dtype}")
                array = array.astype(self.numpy_dtype)
        if array.ndim != len(self.shape) or any(
            w not in (VARIABLE, g) for w, g in zip(self.shape, array.shape, strict=True)
        ):
            raise InvalidRequest(self.name, f"has shape {array.shape}, must be {self.shape}")
        if self.buckets and array.shape[0] > self.buckets[-1]:
            raise InvalidRequest(self.name, f"has {array.shape[0]} elements, must have at most {self.buckets[-1]}")
        if self.dtype == "FP32" and not np.isfinite(array).all():
            raise InvalidRequest(self.name, "holds NaN or infinity, must be finite")
        return array

    def stack(self, items: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Join checked items into one batch, padded to the smallest bucket that holds the longest.

        Returns
        -------
        dict
            This tensor's name → array of shape (batch, ...), and the mask's if there is one.
        """
        if not self.buckets:
            return {self.name: np.concatenate([item[np.newaxis] for item in items])}
        longest = max(item.shape[0] for item in items)
        length = next(bucket for bucket in self.buckets if bucket >= longest)
        batch = np.full((len(items), length, *self.shape[1:]), self.pad, dtype=self.numpy_dtype)
        mask = np.zeros((len(items), length), dtype=np.bool_)
        for row, item in enumerate(items):
            batch[row, : item.shape[0]] = item
            mask[row, : item.shape[0]] = True
        return {self.name: batch, f"{self.name}_mask": mask}


ERROR: Final = Tensor(name="error", dtype="BYTES")
"""Output that every Python model has: empty, or the error of this one item, so that its batch-mates live."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model as Triton is to serve it.

    Parameters
    ----------
    name
        Name in the model store and on Triton: lower-case letters, digits, hyphens.
    implementation
        ``"package.module:Class"``, a subclass of ``segue.plugin_api.python_model.Model``, run by Triton's Python
        backend. It is never imported by the gateway.
    inputs, outputs
        Tensors. A Python model gets ``ERROR`` as a further output.
    backend
        Triton backend. A native one (``"onnxruntime"``, ``"pytorch"``, ...) has no implementation; its files are
        those of the version's folder in the store.
    max_batch_size
        Most items in one execution, at least 1.
    stream
        True if one request gets many responses.
    instances
        Copies of the model that run side by side.
    max_queue_size
        Requests that may wait; a further one is refused as overloaded.
    shipped
        Folder of version folders (``1/``, ...) that came with the plugin.
    trained
        False for a model that is code alone: it needs no weights, and its version is 1 without any file.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    implementation: str = ""
    backend: str = "python"
    max_batch_size: int = 16
    stream: bool = False
    instances: int = 1
    max_queue_size: int = 256
    shipped: Path | None = None
    trained: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", self.name):
            raise ValueError(f"model name {self.name!r} must be lower-case letters, digits and hyphens, at most 63")
        if (self.backend == "python") != bool(self.implementation):
            raise ValueError(f"model {self.name}: the python backend, and only it, needs an implementation")
        if self.max_batch_size < 1 or self.instances < 1 or self.max_queue_size < 1:
            raise ValueError(f"model {self.name}: max_batch_size, instances and max_queue_size must be at least 1")

    def wire_inputs(self) -> tuple[Tensor, ...]:
        """The inputs as they travel, masks included."""
        masks = (tensor.mask for tensor in self.inputs)
        return (*self.inputs, *(mask for mask in masks if mask is not None))

    def wire_outputs(self) -> tuple[Tensor, ...]:
        """The outputs as they travel, the error of each item included."""
        return (*self.outputs, ERROR) if self.backend == "python" else self.outputs

    def to_pbtxt(self, version: int, *, device: Literal["cpu", "gpu"] = "cpu") -> str:
        """Write Triton's ``config.pbtxt`` that serves one version.

        No queue policy is stated: with one of any kind Triton 2.51 forgets now and then to wake its batcher, and a call
        waits for its half-second tick (and see triton-inference-server/server#8870). The gateway bounds its own queue,
        and a call that its caller gave up is cancelled in Triton's, so it is not run either.
        """
        parameters = {"max_queue_size": self.max_queue_size, **self.parameters}
        lines = [
            f'name: "{self.name}"',
            f'backend: "{self.backend}"',
            f"max_batch_size: {self.max_batch_size}",
            *(_tensor_pbtxt("input", tensor) for tensor in self.wire_inputs()),
            *(_tensor_pbtxt("output", tensor) for tensor in self.wire_outputs()),
            f"instance_group [{{ kind: KIND_{device.upper()} count: {self.instances} }}]",
            f"version_policy {{ specific {{ versions: [{version}] }} }}",
            "dynamic_batching { }",
            *(
                f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
                for key, value in sorted(parameters.items())
            ),
        ]
        if self.stream:
            lines.append("model_transaction_policy { decoupled: true }")
        return "\n".join(lines) + "\n"


def _tensor_pbtxt(kind: str, tensor: Tensor) -> str:
    dtype = "STRING" if tensor.dtype == "BYTES" else tensor.dtype
    dims = ", ".join(str(length) for length in tensor.shape)
    return f'{kind} [{{ name: "{tensor.name}" data_type: TYPE_{dtype} dims: [{dims}] }}]'


def message_model(name: str, implementation: str, **settings: Any) -> ModelSpec:
    """Describe a model that takes a request message and gives a response message, each as bytes.

    Its implementation derives from ``MessageModel``, or from ``StreamModel`` with ``stream=True``.

    Parameters
    ----------
    name, implementation
        As in ``ModelSpec``.
    **settings
        Further fields of ``ModelSpec``.
    """
    return ModelSpec(
        name=name,
        implementation=implementation,
        inputs=(
            Tensor(name="request", dtype="BYTES"),
            Tensor(name="context", dtype="BYTES"),
            Tensor(name="options", dtype="BYTES"),
            Tensor(name="seed", dtype="INT64"),
        ),
        outputs=(Tensor(name="response", dtype="BYTES"),),
        **settings,
    )
