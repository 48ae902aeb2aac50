"""ONNX networks on the processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime


def open_network(path: Path) -> Any:
    """Open a network that runs on one thread: the models of a server share its cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
