"""Fitted weights in a file: rows of numbers by name, seen to when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file


def save(rows: Mapping[str, NDArray[np.float32]], file: Path) -> None:
    """Write rows."""
    save_file({name: np.ascontiguousarray(row, np.float32) for name, row in rows.items()}, file)


def load(file: Path, widths: Mapping[str, int]) -> dict[str, NDArray[np.float32]]:
    """Read what ``save`` wrote.

    Parameters
    ----------
    file
        Where.
    widths
        Name → how many numbers its row must have.

    Raises
    ------
    ValueError
        If a row is missing or of another number than this code needs.
    """
    rows = load_file(file)
    for name, width in widths.items():
        if name not in rows or rows[name].shape != (width,):
            raise ValueError(f"{file} holds no {name!r} of {width} numbers")
    return rows
