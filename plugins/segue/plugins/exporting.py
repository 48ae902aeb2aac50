"""Networks written for other runtimes: ONNX, and ONNX with int8 weights, each measured beside the original.

Weights of matrix products and embeddings are rounded to 8 bits, one scale for each tensor or column; what goes into a
product is rounded as it comes (dynamic quantisation). Files need no PyTorch: any ONNX runtime reads them.
"""

from __future__ import annotations

import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

import onnxruntime
import torch
from segue.plugin_api.training import Report
from torch import Tensor, nn

ONNX, INT8 = "model.onnx", "model.int8.onnx"
_RUNS: Final = 15
_OPSET: Final = 20

Run = Callable[..., Tensor]
"""The network, whatever runs it: the module's inputs → its output."""


class Graph(nn.Module):
    """A network with what makes its output of tensors, as one module.

    Parameters
    ----------
    network
        The network.
    call
        The network and tensors → the output.
    """

    def __init__(self, network: nn.Module, call: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network = network
        self._call = call

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the output."""
        return self._call(self.network, *inputs)


@dataclass(frozen=True)
class Exportable:
    """A network that can be written.

    Attributes
    ----------
    module
        Takes tensors, one by one, returns one.
    example
        Inputs of the usual size; what is timed.
    names
        Of the inputs, in order.
    dynamic
        For each input, the axes whose size may vary → name of the size.
    metric
        Name of what is measured on held-out data, with its unit.
    measure
        Measures a network.
    """

    module: Graph
    example: tuple[Tensor, ...]
    names: Sequence[str]
    dynamic: Sequence[dict[int, str]]
    metric: str
    measure: Callable[[Run], float]


def export(network: Exportable, out: Path, protocol: str) -> list[Report]:
    """Write a network as ONNX and as ONNX with int8 weights, and report what each loses, weighs and takes.

    Parameters
    ----------
    network
        The network.
    out
        Folder to write ``model.onnx`` and ``model.int8.onnx`` into.
    protocol
        What ``network.measure`` measures, in a sentence.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic  # needs the train extra

    out.mkdir(parents=True, exist_ok=True)
    module = network.module.eval()
    sizes = {size: torch.export.Dim(size, min=2, max=8192) for axes in network.dynamic for size in axes.values()}
    shapes = tuple({axis: sizes[size] for axis, size in axes.items()} for axes in network.dynamic)
    with _quietly():
        torch.onnx.export(
            module, network.example, out / ONNX, input_names=list(network.names), output_names=["logits"],
            dynamic_shapes=(shapes,), opset_version=_OPSET, dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
        quantize_dynamic(out / ONNX, out / INT8, weight_type=QuantType.QInt8, per_channel=True)
    weights = sum(parameter.numel() for parameter in module.parameters()) * 4
    rows = {"float32, PyTorch": _row(network, _without_gradients(module), weights)}
    for name, file in (("float32, ONNX", ONNX), ("int8, ONNX", INT8)):
        rows[name] = _row(network, _open(out / file, network.names), (out / file).stat().st_size)
    plain = rows["float32, PyTorch"][network.metric]
    for row in rows.values():
        row["change"] = row[network.metric] - plain
    shape = " x ".join(str(size) for size in network.example[0].shape[:2])
    return [
        Report(
            f"{protocol} MB as a file; ms for an input of {shape}, one thread, median of {_RUNS}, "
            f"ONNX by onnxruntime {onnxruntime.__version__}.",
            rows,
        )
    ]


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what the exporter and the quantiser say of their own parts."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _row(network: Exportable, run: Run, size: int) -> dict[str, float]:
    times = []
    for _ in range(_RUNS):
        begun = time.perf_counter()
        run(*network.example)
        times.append(1000 * (time.perf_counter() - begun))
    return {network.metric: network.measure(run), "MB": size / 1e6, "ms": statistics.median(times)}


def _without_gradients(module: nn.Module) -> Run:
    def run(*inputs: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = module(*inputs)
        return found

    return run


def _open(path: Path, names: Sequence[str]) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    used = {one.name for one in session.get_inputs()}

    def run(*inputs: Tensor) -> Tensor:
        fed: dict[str, Any] = {name: x.numpy() for name, x in zip(names, inputs, strict=True) if name in used}
        return torch.from_numpy(session.run(None, fed)[0])

    return run
