"""What a trained version holds: the network, the ensemble of each style, and the ear for chords."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.half_precision import load_halves, save_halves
from segue.plugins.score.chord_net import ChordNet
from segue.plugins.style_seq.batches import part_name
from segue.plugins.style_seq.data import Song
from segue.plugins.style_seq.ear import Ear
from segue.plugins.style_seq.elements import FIRST_DRUM, LOWEST, PITCH, PITCHES, half_beat, root_pitch
from segue.plugins.style_seq.network import Network, NetworkSettings
from segue.plugins.transformer.elements import family

WEIGHTS, EAR, CONFIG = "weights.safetensors", "ear.safetensors", "config.json"
_FEWEST: Final = 0.2
"""Share of the pieces of a style in which a part must play to belong to its ensemble."""


@dataclass(frozen=True)
class Role:
    """A part of the ensemble of a style.

    Attributes
    ----------
    name
        Its row in the network's table.
    track, program, drums
        Name of the track, General MIDI program, and whether it is a drum kit.
    low, high
        Lowest and highest pitch it plays.
    notes
        Mean notes in a bar.
    """

    name: int
    track: str
    program: int
    drums: bool
    low: int
    high: int
    notes: float

    @property
    def family(self) -> int:
        """Family of the instrument."""
        return family(self.program, self.drums)


@dataclass(frozen=True)
class Artifacts:
    """A trained version, ready to play: network, the parts of each style, and what hears chords."""

    network: Network
    ensembles: Mapping[str, tuple[Role, ...]]
    ear: Ear


def ensembles(songs: Sequence[Song], names: Sequence[str]) -> dict[str, tuple[Role, ...]]:
    """Describe the parts of each style, most usual pieces of it taken together."""
    found: dict[str, tuple[Role, ...]] = {}
    for style in sorted({song.style for song in songs}):
        own = [song for song in songs if song.style == style]
        bars = sum(song.bars for song in own)
        roles = []
        for index, name in enumerate(names):
            if not name.startswith(f"{style}/"):
                continue
            playing = [(song, voice) for song in own for voice in song.voices if part_name(style, voice) == name]
            if len(playing) < _FEWEST * len(own):
                continue
            voice = playing[0][1]
            pitch = np.concatenate([pitches(song, voice.rows, voice.drums) for song, voice in playing])
            low, high = np.percentile(pitch, (0.2, 99.8)).round().astype(int).tolist()
            track = name.partition("/")[2] or style
            roles.append(Role(index, track, voice.program, voice.drums, low, high, round(len(pitch) / bars, 2)))
        found[style] = tuple(roles)
    return found


def pitches(song: Song, rows: NDArray[np.int64], drums: bool) -> NDArray[np.int64]:
    """Return the MIDI pitches of the notes of a part."""
    field = rows[:, 1 + PITCH] - 1
    if drums:
        return np.asarray(field - PITCHES + FIRST_DRUM)
    root = song.content.root.reshape(-1)[half_beat(rows)]
    return np.asarray(field + LOWEST + root_pitch(root))


def save(network: Network, parts: Mapping[str, Sequence[Role]], ear: Ear, folder: Path) -> None:
    """Write a version; weights as float16."""
    for module, name in ((network, WEIGHTS), (ear.network, EAR)):
        save_halves(module.state_dict(), folder / name)
    config = {
        "network": network.settings.model_dump(),
        "names": network.names.num_embeddings,
        "ensembles": {style: [asdict(role) for role in roles] for style, roles in parts.items()},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")


def load(folder: Path) -> Artifacts:
    """Read what ``save`` wrote."""
    config = json.loads((folder / CONFIG).read_text())
    network = Network(NetworkSettings(**config["network"]), config["names"])
    chords = ChordNet()
    for module, name in ((network, WEIGHTS), (chords, EAR)):
        module.load_state_dict(load_halves(folder / name))
    parts = {style: tuple(Role(**role) for role in roles) for style, roles in config["ensembles"].items()}
    return Artifacts(network.eval(), parts, Ear(chords.eval()))
