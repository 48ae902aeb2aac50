"""What a trained version holds: the network, the scales of the sliders, and what each style is usually like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from segue.plugins.half_precision import load_halves, save_halves
from segue.plugins.style.basses import PLAYED_ON
from segue.plugins.style_vae.attributes import Scale
from segue.plugins.style_vae.network import Network, NetworkSettings
from torch import Tensor

WEIGHTS: Final = "weights.safetensors"
CONFIG: Final = "config.json"
_LATENTS: Final = "latents"


@dataclass(frozen=True)
class Habits:
    """What a style is usually like in the training music.

    Attributes
    ----------
    figures
        Medians of the four figures of ``attributes.measure``.
    low, high
        General MIDI programs of its lowest and its other notes.
    late
        Quarters by which what lies on each sixteenth of a quarter is played late.
    """

    figures: tuple[float, ...]
    low: int
    high: int
    late: tuple[float, ...]


@dataclass(frozen=True)
class Artifacts:
    """A trained version, ready to rewrite.

    Attributes
    ----------
    network
        The network.
    scale, block_scale
        Quantiles of the figures of pieces and of blocks.
    habits
        Style → what it is usually like, in the order of the network's styles, which count from 1.
    latents : Tensor, shape (styles, latent)
        Mean latent vector of the blocks of each style.
    """

    network: Network
    scale: Scale
    block_scale: Scale
    habits: Mapping[str, Habits]
    latents: Tensor

    @property
    def styles(self) -> list[str]:
        """Names of the styles it knows."""
        return list(self.habits)


def save(made: Artifacts, folder: Path) -> None:
    """Write weights, as float16, and configuration."""
    save_halves({**made.network.state_dict(), _LATENTS: made.latents}, folder / WEIGHTS)
    config = {
        "network": made.network.settings.model_dump(),
        "scale": made.scale.as_dict(),
        "block_scale": made.block_scale.as_dict(),
        "habits": {name: vars(habit) for name, habit in made.habits.items()},
    }
    (folder / CONFIG).write_text(json.dumps(config) + "\n")


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote; a style whose lowest notes are no bass's in the music that was counted gets one."""
    config = json.loads((folder / CONFIG).read_text())
    habits = {
        name: Habits(tuple(told["figures"]), PLAYED_ON.get(name, told["low"]), told["high"], tuple(told["late"]))
        for name, told in config["habits"].items()
    }
    network = Network(NetworkSettings(**config["network"]), len(habits)).eval()
    tensors = load_halves(folder / WEIGHTS)
    latents = tensors.pop(_LATENTS)
    network.load_state_dict(tensors)
    return Artifacts(network, Scale.from_dict(config["scale"]), Scale.from_dict(config["block_scale"]), habits, latents)
