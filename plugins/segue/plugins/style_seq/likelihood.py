"""How likely held-out accompaniments are to the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from segue.plugin_api.training import Report
from segue.plugins.style_seq.batches import SECTION, Stretch, collate, cut, part_name, part_names
from segue.plugins.style_seq.data import CHORALE, POP, Song
from segue.plugins.style_seq.network import Network, nats
from segue.plugins.style_seq.profile import PROFILE, describe

_PIECES: Final = 40


@torch.inference_mode()
def likelihood(network: Network, songs: Sequence[Song]) -> Report:
    """Measure nats an element on stretches of test pieces: the style told by name, by the part itself, by neither."""
    names = _names(songs)
    rows: dict[str, dict[str, float]] = {}
    rng = np.random.default_rng(0)
    for kind in ("synthetic", POP, CHORALE):
        own = [song for song in songs if song.part == "test" and _kind(song) == kind]
        if not own:
            continue
        chosen = [own[index] for index in rng.permutation(len(own))[:_PIECES].tolist()]
        stretches = []
        for song in chosen:
            voice = song.voices[int(rng.integers(len(song.voices)))]
            bars = min(SECTION + 1, song.bars)
            first = int(rng.integers(song.bars - bars + 1))
            profile = describe(voice.rows, song.bars, voice.family)
            stretches.append(cut(song, voice, song.content, first, bars, names[song.style, voice.name], profile))
        for way, change in (("by name", 0), ("by example", -1)):
            rows.setdefault(way, {})[kind] = _nats(
                network, [s._replace(name=s.name if change == 0 else -1) for s in stretches]
            )
        silent = [s._replace(name=-1, profile=np.zeros(PROFILE, np.float32)) for s in stretches]
        rows.setdefault("style not told", {})[kind] = _nats(network, silent)
    return Report(
        f"Nats an element, a note or a bar line, of stretches of at most {SECTION + 1} bars from {_PIECES} test pieces "
        "of each kind; the sound of the source and how lively it is are told. By example: the part itself, all of it, "
        "is the example.",
        rows,
    )


def _kind(song: Song) -> str:
    return song.style if song.style in (POP, CHORALE) else "synthetic"


def _names(songs: Sequence[Song]) -> dict[tuple[str, str], int]:
    index = {name: row for row, name in enumerate(part_names([song for song in songs if song.part == "train"]))}
    return {
        (s.style, v.name): index[part_name(s.style, v)]
        for s in songs
        for v in s.voices
        if part_name(s.style, v) in index
    }


def _nats(network: Network, stretches: Sequence[Stretch]) -> float:
    total, count = 0.0, 0
    for at in range(0, len(stretches), 8):
        batch = collate(stretches[at : at + 8])
        style = network.style_of(batch.name, batch.profile, batch.family)
        found, _ = nats(network, batch.fields, batch.bar, batch.bars, style)
        total += sum(float(field.sum()) for field in found.values())
        count += len(found["place"])
    return total / count
