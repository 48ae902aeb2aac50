"""What a trained version holds: two networks, their latent spaces, and what they learnt from, to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.originality import OriginalityIndex
from segue.plugins.half_precision import load_halves, save_halves
from segue.plugins.vae.form import THROUGH
from segue.plugins.vae.latent import Space
from segue.plugins.vae.network import LongNetwork, Network, NetworkSettings

WEIGHTS, CONFIG, INDEX = "weights.safetensors", "config.json", "originality.safetensors"


@dataclass(frozen=True)
class Artifacts:
    """A trained version, ready to compose.

    Attributes
    ----------
    short, long
        The networks of two and of sixteen bars.
    space, long_space
        Where their latent vectors lie.
    forms : ndarray of int, shape (forms, 8)
        Of real melodies of sixteen bars, as ``form.forms`` finds them.
    open : ndarray, shape (latent, latent)
        Lower Cholesky factor of the covariance of what the network of sixteen bars leaves open of two bars.
    index
        The melodies that were learnt from.
    """

    short: Network
    long: LongNetwork
    space: Space
    long_space: Space
    forms: NDArray[np.int64]
    open: NDArray[np.float64]
    index: OriginalityIndex


def save(made: Artifacts, folder: Path) -> None:
    """Write weights, as float16, configuration and index."""
    tensors = {
        **{f"short.{name}": tensor for name, tensor in made.short.state_dict().items()},
        **{f"long.{name}": tensor for name, tensor in made.long.state_dict().items()},
        **{f"space.{name}": torch.from_numpy(array) for name, array in made.space.arrays().items()},
        **{f"long_space.{name}": torch.from_numpy(array) for name, array in made.long_space.arrays().items()},
        "form.forms": torch.from_numpy(made.forms),
        "form.open": torch.from_numpy(made.open),
    }
    save_halves(tensors, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"network": made.short.settings.model_dump()}, indent=1) + "\n")
    made.index.save(folder / INDEX)


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote; a version from before forms were kept composes through."""
    settings = NetworkSettings(**json.loads((folder / CONFIG).read_text())["network"])
    tensors = load_halves(folder / WEIGHTS)

    def part(name: str) -> dict[str, torch.Tensor]:
        return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}

    short, long = Network(settings).eval(), LongNetwork(settings).eval()
    short.load_state_dict(part("short"))
    long.load_state_dict(part("long"))
    space, long_space = (
        Space(**{key: value.double().numpy() for key, value in part(name).items()}) for name in ("space", "long_space")
    )
    form = {name: tensor.double().numpy() for name, tensor in part("form").items()}
    found = form.get("forms", THROUGH[None]).astype(np.int64)
    left_open = form.get("open", np.zeros((settings.latent, settings.latent)))
    return Artifacts(short, long, space, long_space, found, left_open, OriginalityIndex.load(folder / INDEX))
