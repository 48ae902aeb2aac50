"""What a trained version holds: the generator, the styles it knows, when its neurons fire, and how styles are played."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from segue.plugins.style_gan.groove import Groove
from segue.plugins.style_gan.network import Generator, NetworkSettings
from torch import Tensor

WEIGHTS, CONFIG = "weights.safetensors", "config.json"
_THRESHOLD = "threshold"


@dataclass(frozen=True)
class Artifacts:
    """A trained version.

    Attributes
    ----------
    generator
        The network; the discriminators are not kept.
    styles
        Names, in the order of its embedding.
    threshold : Tensor, shape (styles, layers)
        Logits above which cells are written (``calibrate``).
    grooves
        Of each style.
    """

    generator: Generator
    styles: Sequence[str]
    threshold: Tensor
    grooves: Sequence[Groove]


def save(made: Artifacts, folder: Path) -> None:
    """Write weights, as float16, and configuration."""
    tensors = {name: tensor.half().contiguous() for name, tensor in made.generator.state_dict().items()}
    save_file(tensors | {_THRESHOLD: made.threshold.float().contiguous()}, folder / WEIGHTS)
    grooves = {name: groove._asdict() for name, groove in zip(made.styles, made.grooves, strict=True)}
    config = {"network": made.generator.settings.model_dump(), "grooves": grooves}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    config = json.loads((folder / CONFIG).read_text())
    styles = list(config["grooves"])
    tensors = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS).items()}
    threshold = tensors.pop(_THRESHOLD)
    generator = Generator(NetworkSettings(**config["network"]), len(styles)).eval()
    generator.load_state_dict(tensors)
    return Artifacts(generator, styles, threshold, [Groove(**config["grooves"][name]) for name in styles])
