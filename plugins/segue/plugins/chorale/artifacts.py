"""What a trained version holds: weights, configuration, and the chorales that it must not copy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from segue.music.originality import OriginalityIndex
from segue.plugins.chorale.data import Chorale
from segue.plugins.chorale.network import Network, NetworkSettings
from segue.plugins.chorale.voices import frames_to_piece
from segue.plugins.half_precision import load_halves, save_halves

WEIGHTS, CONFIG, INDEX = "weights.safetensors", "config.json", "originality.safetensors"


def reference_counts(pieces: Sequence[Chorale]) -> list[list[int]]:
    """Count pieces by mode (major, minor, other) and reference pitch class; shape (3, 12)."""
    counts = np.zeros((3, 12), int)
    for piece in pieces:
        counts[piece.mode - 1, piece.reference] += 1
    found: list[list[int]] = counts.tolist()
    return found


def index_of(parts: Mapping[str, Sequence[Chorale]]) -> OriginalityIndex:
    """Index all voices of the pieces of all parts."""
    pieces = {f"{part} {n}": piece for part, own in parts.items() for n, piece in enumerate(own)}
    return OriginalityIndex.build([frames_to_piece(piece.frames) for piece in pieces.values()], list(pieces))


def save(network: Network, counts: list[list[int]], index: OriginalityIndex, folder: Path) -> None:
    """Write weights, as float16, configuration and index."""
    save_halves(network.state_dict(), folder / WEIGHTS)
    config = {"network": network.settings.model_dump(), "reference_counts": counts}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
    index.save(folder / INDEX)


def load(folder: Path) -> tuple[Network, list[list[int]]]:
    """Read network and reference counts."""
    config = json.loads((folder / CONFIG).read_text())
    network = Network(NetworkSettings(**config["network"])).eval()
    network.load_state_dict(load_halves(folder / WEIGHTS))
    return network, config["reference_counts"]
