"""What a trained version holds: the generator, the styles it knows, how they are written and played."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segue.plugins.half_precision import load_halves, save_halves
from segue.plugins.style_gan.decode import Part, Texture
from segue.plugins.style_gan.groove import Groove
from segue.plugins.style_gan.network import Generator, NetworkSettings

WEIGHTS, CONFIG = "weights.safetensors", "config.json"


@dataclass(frozen=True)
class Artifacts:
    """A trained version.

    Attributes
    ----------
    generator
        The network; the discriminators are not kept.
    styles
        Names, in the order of its embedding.
    textures, grooves
        How each is written, and played.
    """

    generator: Generator
    styles: Sequence[str]
    textures: Sequence[Texture]
    grooves: Sequence[Groove]


def save(made: Artifacts, folder: Path) -> None:
    """Write weights, as float16, and configuration."""
    save_halves(made.generator.state_dict(), folder / WEIGHTS)
    about = zip(made.styles, made.textures, made.grooves, strict=True)
    styles = {name: {"texture": texture, "groove": groove} for name, texture, groove in about}
    config = {"network": made.generator.settings.model_dump(), "styles": styles}
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    config = json.loads((folder / CONFIG).read_text())
    styles = config["styles"]
    generator = Generator(NetworkSettings(**config["network"]), len(styles)).eval()
    generator.load_state_dict(load_halves(folder / WEIGHTS))
    textures = [_texture(*about["texture"]) for about in styles.values()]
    return Artifacts(generator, list(styles), textures, [Groove(*about["groove"]) for about in styles.values()])


def _texture(voices: int, bass: Sequence[float], upper: Sequence[float], drums: float) -> Texture:
    return Texture(voices, Part(*bass), Part(*upper), drums)  # type: ignore[arg-type]
