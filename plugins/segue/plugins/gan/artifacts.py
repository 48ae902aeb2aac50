"""What a trained version holds: the generator, the styles it knows, and what it learnt from, to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from segue.music.originality import OriginalityIndex
from segue.plugins.gan.network import Generator, NetworkSettings
from segue.plugins.half_precision import load_halves, save_halves

WEIGHTS, CONFIG, INDEX = "weights.safetensors", "config.json", "originality.safetensors"


@dataclass(frozen=True)
class Artifacts:
    """A trained version, ready to compose.

    Attributes
    ----------
    generator
        The network; the critic is not kept.
    styles
        Names, in the order of its embedding.
    index
        The songs that were learnt from.
    """

    generator: Generator
    styles: list[str]
    index: OriginalityIndex


def save(made: Artifacts, folder: Path) -> None:
    """Write weights, as float16, configuration and index."""
    tensors = {name: tensor for name, tensor in made.generator.state_dict().items() if tensor.is_floating_point()}
    save_halves(tensors, folder / WEIGHTS)
    config = {"network": made.generator.settings.model_dump(), "styles": made.styles}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
    made.index.save(folder / INDEX)


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    config = json.loads((folder / CONFIG).read_text())
    generator = Generator(NetworkSettings(**config["network"]), len(config["styles"])).eval()
    # The counts of batches seen, which nothing needs, are not kept.
    generator.load_state_dict(load_halves(folder / WEIGHTS), strict=False)
    return Artifacts(generator, config["styles"], OriginalityIndex.load(folder / INDEX))
