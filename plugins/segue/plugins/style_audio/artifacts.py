"""What a trained version holds: the listener, and the texture and the rhythm of each style."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from segue.plugins.half_precision import load_halves, save_halves
from segue.plugins.style_audio.network import Listener, NetworkSettings, Texture
from torch import Tensor

WEIGHTS, CONFIG = "weights.safetensors", "config.json"


@dataclass(frozen=True)
class Style:
    """What is known of a style.

    Attributes
    ----------
    texture
        Its texture.
    rhythm : Tensor, shape (BANDS, PLACES), or None
        A bar of its drums, as bands; silent if it has none, None if it is not known.
    """

    texture: Texture
    rhythm: Tensor | None


@dataclass(frozen=True)
class Artifacts:
    """A trained version.

    Attributes
    ----------
    listener
        The network; none of its weights asks for a gradient.
    styles
        Name → style, in the order of the network's names.
    """

    listener: Listener
    styles: dict[str, Style]


def save(made: Artifacts, folder: Path) -> None:
    """Write weights and styles as float16, and the configuration."""
    tensors = {f"network.{name}": tensor for name, tensor in made.listener.state_dict().items()}
    textures = [style.texture for style in made.styles.values()]
    for layer in range(len(textures[0].means)):
        tensors[f"means.{layer}"] = torch.stack([texture.means[layer] for texture in textures])
        tensors[f"together.{layer}"] = torch.stack([texture.together[layer] for texture in textures])
    tensors["rhythms"] = torch.stack([style.rhythm for style in made.styles.values() if style.rhythm is not None])
    save_halves(tensors, folder / WEIGHTS)
    config = {"network": made.listener.settings.model_dump(), "styles": list(made.styles)}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    config = json.loads((folder / CONFIG).read_text())
    tensors = load_halves(folder / WEIGHTS)
    listener = Listener(NetworkSettings(**config["network"]), len(config["styles"])).eval().requires_grad_(False)
    listener.load_state_dict(
        {name.removeprefix("network."): tensor for name, tensor in tensors.items() if name.startswith("network.")}
    )
    layers = range(len(listener.deeper) + 2)
    styles = {}
    for row, name in enumerate(config["styles"]):
        means, together = (tuple(tensors[f"{kind}.{n}"][row] for n in layers) for kind in ("means", "together"))
        styles[name] = Style(Texture(means, together), tensors["rhythms"][row])
    return Artifacts(listener, styles)
