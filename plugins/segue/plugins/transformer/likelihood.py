"""How well the network foresees held-out music."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.plugin_api.training import Report
from segue.plugins.transformer.data import Song
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, Elements
from segue.plugins.transformer.network import Network, nats
from segue.plugins.transformer.segments import Segment, collate, cut

FIELDS: Final = ("place", "slot", "pitch", "length", "velocity")
_PACKS: Final = {"pop_piano": "POP909", "chorale": "JSB chorales", "lead_sheet": "OpenEWLD"}
_MOST: Final = 64
_BARS: Final = 16


def pack_of(song: Song) -> str:
    """Return the name of the pack that a song comes from."""
    return _PACKS.get(song.style, "synthetic styles")


def held_out_segments(songs: Sequence[Song], most: int = _MOST) -> dict[str, list[Segment]]:
    """Cut a segment of at most 16 bars from each of some songs of each pack: first bars and middle ones by turns."""
    by_pack: dict[str, list[Song]] = defaultdict(list)
    for song in songs:
        by_pack[pack_of(song)].append(song)
    found: dict[str, list[Segment]] = {}
    for pack, own in by_pack.items():
        chosen = [own[index] for index in np.unique(np.linspace(0, len(own) - 1, most).astype(int))]
        cuts = [cut(song, song.bars // 8 * 4 * (row % 2), min(_BARS, song.bars)) for row, song in enumerate(chosen)]
        found[pack] = [segment for segment in cuts if segment is not None]
    return found


@torch.no_grad()
def mean_nats(network: Network, songs: Sequence[Song], most: int = _MOST, told: bool = True) -> dict[str, float]:
    """Return nats per element of each pack and of all packs alike, and ``all``'s parts by field."""
    sums: dict[str, dict[str, float]] = {}
    device = next(network.parameters()).device
    for pack, segments in held_out_segments(songs, most).items():
        total, count = dict.fromkeys(FIELDS, 0.0), 0
        for segment in segments:
            inputs, targets, family = collate([segment], segment.controls[None] * told)
            found = nats(network, inputs.to(device), targets.to(device), family.to(device))
            count += len(found["place"])
            for name, values in found.items():
                total[name] += float(values.sum())
        sums[pack] = {name: value / count for name, value in total.items()}
    rows = {pack: sum(fields.values()) for pack, fields in sums.items()}
    fields = {name: float(np.mean([row[name] for row in sums.values()])) for name in FIELDS}
    return {"all": float(np.mean(list(rows.values()))), **rows, **fields}


def measure_likelihood(network: Network, songs: dict[str, list[Song]]) -> list[Report]:
    """Report the nats per element on the test part, beside a baseline that knows how common each value is."""
    test = held_out_segments(songs["test"])
    train = [segment for own in held_out_segments(songs["train"], 4 * _MOST).values() for segment in own]
    counts = _counts([segment.elements for segment in train])
    unigram = {pack: _unigram([s.elements for s in own], counts) for pack, own in test.items()}
    number = sum(map(len, test.values()))
    protocol = (
        f"Test part, {number} segments of at most {_BARS} bars, one of a piece, at most {_MOST} of a pack, split by "
        "song or chart; nats per element (a whole note or a bar line) given the ensemble; 'all' is the mean of the "
        "packs and the fields add up to it. Synthetic styles are made from patterns: what little they cost says so."
    )
    rows = {
        "transformer": mean_nats(network, songs["test"]),
        "transformer, controls not told": mean_nats(network, songs["test"], told=False),
        "transformer, validation part": mean_nats(network, songs["valid"]),
        "unigram": {"all": float(np.mean(list(unigram.values()))), **unigram},
    }
    return [Report(protocol, rows)]


def _counts(pieces: Sequence[Elements]) -> list[NDArray[np.float64]]:
    rows = np.concatenate([piece[1:] for piece in pieces])
    return [np.bincount(rows[:, index], minlength=size) + 1e-1 for index, size in enumerate(FIELD_SIZES)]


def _unigram(pieces: Sequence[Elements], counts: Sequence[NDArray[np.float64]]) -> float:
    rows = np.concatenate([piece[1:] for piece in pieces])
    notes = rows[rows[:, 0] > BAR]
    total = -np.log(counts[0] / counts[0].sum())[rows[:, 0]].sum()
    for index in range(1, len(FIELD_SIZES)):
        share = counts[index][1:] / counts[index][1:].sum()
        total -= np.log(share)[notes[:, index] - 1].sum()
    return float(total / len(rows))
