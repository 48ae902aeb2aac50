"""What a trained version holds: the listener, and the texture of each style."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from segue.plugins.style_audio.network import Listener, NetworkSettings, Texture

WEIGHTS, CONFIG = "weights.safetensors", "config.json"


@dataclass(frozen=True)
class Artifacts:
    """A trained version.

    Attributes
    ----------
    listener
        The network; none of its weights asks for a gradient.
    textures
        Style → its texture, in the order of the network's names.
    """

    listener: Listener
    textures: dict[str, Texture]


def save(made: Artifacts, folder: Path) -> None:
    """Write weights and textures as float16, and the configuration."""
    tensors = {f"network.{name}": tensor for name, tensor in made.listener.state_dict().items()}
    textures = list(made.textures.values())
    for layer in range(len(textures[0].means)):
        tensors[f"means.{layer}"] = torch.stack([texture.means[layer] for texture in textures])
        tensors[f"together.{layer}"] = torch.stack([texture.together[layer] for texture in textures])
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS)
    config = {"network": made.listener.settings.model_dump(), "styles": list(made.textures)}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    config = json.loads((folder / CONFIG).read_text())
    tensors = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS).items()}
    listener = Listener(NetworkSettings(**config["network"]), len(config["styles"])).eval().requires_grad_(False)
    listener.load_state_dict(
        {name.removeprefix("network."): tensor for name, tensor in tensors.items() if name.startswith("network.")}
    )
    layers = range(len(listener.deeper) + 2)
    textures = {
        style: Texture(
            tuple(tensors[f"means.{layer}"][row] for layer in layers),
            tuple(tensors[f"together.{layer}"][row] for layer in layers),
        )
        for row, style in enumerate(config["styles"])
    }
    return Artifacts(listener, textures)
