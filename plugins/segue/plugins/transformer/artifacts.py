"""What a trained version holds: weights, typical controls of each style, and the melodies that it must not copy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from segue.music import Piece, TrackInfo
from segue.music.originality import OriginalityIndex
from segue.plugins.half_precision import load_halves, save_halves
from segue.plugins.transformer.controls import Figures, measure
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.elements import METRES, bar_steps, decode, to_piece
from segue.plugins.transformer.network import Network, NetworkSettings
from segue.plugins.transformer.progressions import Progressions
from segue.plugins.transformer.segments import Segment, draw

WEIGHTS, CONFIG, PROFILES, MELODIES = "weights.safetensors", "config.json", "profiles.json", "melodies.safetensors"
PROGRESSIONS: Final = "progressions.json"
_PROFILES_OF_STYLE: Final = 64


@dataclass(frozen=True)
class Profile:
    """What a training segment is like.

    Attributes
    ----------
    minor, metre, lead
        Whether its key is minor, the index of its metre, and whether its first instrument carries the tune.
    programs, drums
        Its instruments.
    shift
        How far it was moved to have C as its tonic.
    figures
        What is measured in it, as it was before it was moved.
    """

    minor: bool
    metre: int
    lead: bool
    programs: tuple[int, ...]
    drums: tuple[bool, ...]
    shift: int
    figures: Figures


def profile(segment: Segment, song: Song) -> Profile:
    """Describe a segment of a song."""
    notes = decode(segment.elements, segment.shift)
    drums = np.array(song.drums)
    minor = bool(segment.controls[1] == 2)
    metre = METRES[song.metre]
    figures = measure(notes, drums[notes.slot], segment.bars, bar_steps(metre), segment.tempo, minor)
    rounded = Figures(*(round(figure, 3) for figure in figures))
    return Profile(minor, song.metre, song.lead, segment.programs, song.drums, segment.shift, rounded)


def profiles(songs: Sequence[Song]) -> dict[str, list[Profile]]:
    """Describe some segments of each style."""
    by_style: dict[str, list[Song]] = {}
    for song in songs:
        by_style.setdefault(song.style, []).append(song)
    rng = np.random.default_rng(0)
    found: dict[str, list[Profile]] = {}
    for style, own in sorted(by_style.items()):
        chosen = [own[int(rng.integers(len(own)))] for _ in range(_PROFILES_OF_STYLE)]
        found[style] = [profile(draw([song], rng), song) for song in chosen]
    return found


def melodies(songs: Sequence[Song]) -> OriginalityIndex:
    """Index the tunes of songs, once each; of chorales all voices."""
    found: dict[str, Piece] = {}
    for song in songs:
        if song.lead:
            notes = song.notes if song.style == "chorale" else song.notes.select(song.notes.slot == 0)
            tracks = tuple(TrackInfo(program=program) for program in song.programs)
            title = song.title.removesuffix(f" ({song.style})")
            found.setdefault(title, to_piece(notes, METRES[song.metre], tracks=tracks))
    return OriginalityIndex.build(list(found.values()), list(found))


def save(network: Network, songs: Sequence[Song], folder: Path) -> None:
    """Write a version; weights as float16."""
    save_halves(network.state_dict(), folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"network": network.settings.model_dump()}, indent=1) + "\n")
    lines = {style: [asdict(p) | {"figures": list(p.figures)} for p in own] for style, own in profiles(songs).items()}
    (folder / PROFILES).write_text(json.dumps(lines) + "\n")
    melodies(songs).save(folder / MELODIES)
    Progressions.of(songs).save(folder / PROGRESSIONS)


def load_network(folder: Path) -> Network:
    """Read the weights."""
    config = json.loads((folder / CONFIG).read_text())
    network = Network(NetworkSettings(**config["network"])).eval()
    network.load_state_dict(load_halves(folder / WEIGHTS))
    return network


def load_profiles(folder: Path) -> Mapping[str, Sequence[Profile]]:
    """Read the profiles of each style."""
    lines = json.loads((folder / PROFILES).read_text())
    return {
        style: [
            Profile(
                **row
                | {
                    "figures": Figures(*row["figures"]),
                    "programs": tuple(row["programs"]),
                    "drums": tuple(row["drums"]),
                }
            )
            for row in own
        ]
        for style, own in lines.items()
    }


def load_melodies(folder: Path) -> OriginalityIndex:
    """Read the index of melodies."""
    return OriginalityIndex.load(folder / MELODIES)
