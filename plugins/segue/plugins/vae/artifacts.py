"""What a trained version holds: two networks, their latent spaces, and what they learnt from, to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from segue.music.originality import OriginalityIndex
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
    index
        The melodies that were learnt from.
    """

    short: Network
    long: LongNetwork
    space: Space
    long_space: Space
    index: OriginalityIndex


def save(made: Artifacts, folder: Path) -> None:
    """Write weights, as float16, configuration and index."""
    tensors = {
        **{f"short.{name}": tensor for name, tensor in made.short.state_dict().items()},
        **{f"long.{name}": tensor for name, tensor in made.long.state_dict().items()},
        **{f"space.{name}": torch.from_numpy(array) for name, array in made.space.arrays().items()},
        **{f"long_space.{name}": torch.from_numpy(array) for name, array in made.long_space.arrays().items()},
    }
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"network": made.short.settings.model_dump()}, indent=1) + "\n")
    made.index.save(folder / INDEX)


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    settings = NetworkSettings(**json.loads((folder / CONFIG).read_text())["network"])
    tensors = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS).items()}

    def part(name: str) -> dict[str, torch.Tensor]:
        return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}

    short, long = Network(settings).eval(), LongNetwork(settings).eval()
    short.load_state_dict(part("short"))
    long.load_state_dict(part("long"))
    space, long_space = (
        Space(**{key: value.double().numpy() for key, value in part(name).items()}) for name in ("space", "long_space")
    )
    return Artifacts(short, long, space, long_space, OriginalityIndex.load(folder / INDEX))
