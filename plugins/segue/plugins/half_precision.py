"""Weights as float16 in a file, of half the size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor


def save_halves(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write tensors by name, each rounded to float16."""
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, file)


def load_halves(file: Path) -> dict[str, Tensor]:
    """Read what ``save_halves`` wrote, as float32."""
    return {name: tensor.float() for name, tensor in load_file(file).items()}
