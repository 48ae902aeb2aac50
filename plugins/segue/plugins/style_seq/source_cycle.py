"""Where in a cycle of four bars a piece begins, heard in its accompaniment.

A pattern of two or four bars - a clave, a bass line that answers itself - may have been cut anywhere. The accompaniment
of the piece is told to the network as an example of itself; the place of its first bar that makes its notes likeliest
is where the new patterns begin, too.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import numpy as np
import torch
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_seq.arrange import Frames
from segue.plugins.style_seq.batches import SECTION, Stretch, collate, phases
from segue.plugins.style_seq.composer import MOST_IN_BAR
from segue.plugins.style_seq.content import Content
from segue.plugins.style_seq.cycles import CYCLE
from segue.plugins.style_seq.elements import BEATS, write
from segue.plugins.style_seq.ensemble import read_parts
from segue.plugins.style_seq.network import Network, nats

_BARS: Final = 32
"""Bars that are listened to."""
_SURE: Final = 12.0
"""Nats by which another place must be likelier than that of the first bar of a cycle."""
_STRAIGHT: Final = 0.9
"""Share of the bars that must have four beats."""
_LONGEST: Final = SECTION * (MOST_IN_BAR + 1)
"""Elements of a section of a part beyond which it is no pattern that the network could play, and is passed over."""
_ELEMENTS: Final = 2048


def hear_cycle(arrangement: Arrangement, frames: Frames, content: Content, network: Network) -> int:
    """Return the place in the cycle of the first bar of a piece, 0-3; 0 where none is clearly likelier.

    Parameters
    ----------
    arrangement, frames, content
        The piece, its layout in bars of 4/4, and what was read in it.
    network
        The network that is to compose.
    """
    listening = listen_for_cycle(arrangement, frames, content, network)
    while True:
        try:
            next(listening)
        except StopIteration as heard:
            return int(heard.value)


@torch.inference_mode()
def listen_for_cycle(
    arrangement: Arrangement, frames: Frames, content: Content, network: Network
) -> Generator[float, None, int]:
    """Return what ``hear_cycle`` does, but yield 0 between passes of the network: nothing is composed yet."""
    if (frames.beats == BEATS).mean() < _STRAIGHT or frames.first.any() or frames.compound.any():
        return 0
    likely = np.zeros(CYCLE)
    bars = min(_BARS, len(frames))
    stretches: list[Stretch] = []
    owner: list[int] = []
    for part in read_parts(arrangement.piece, arrangement.melody, frames, content.root.reshape(-1)):
        for first in range(0, bars, SECTION):
            count = min(SECTION, bars - first)
            table, chroma = content.table(first, count)
            elements, lively = write(part.rows, first, count), content.lively[first : first + count]
            if len(elements) > _LONGEST:
                continue
            for cycle in range(CYCLE):
                phase = phases(first, count, len(frames), cycle)
                stretches.append(Stretch(elements, table, chroma, phase, lively, -1, part.profile, part.role.family))
                owner.append(cycle)
    for chosen in _batches(stretches):
        batch = collate([stretches[index] for index in chosen])
        style = network.style_of(batch.name, batch.profile, batch.family)
        found, row = nats(network, batch.fields, batch.bar, batch.bars, style)
        each = np.bincount(row.numpy(), found["place"].double().numpy(), len(chosen))
        np.add.at(likely, np.array(owner)[chosen], -each)
        yield 0.0
    best = int(likely.argmax())
    return best if likely[best] > likely[0] + _SURE else 0


def _batches(stretches: list[Stretch]) -> list[list[int]]:
    """Group stretches of about one length, of ``_ELEMENTS`` in all at most."""
    groups: list[list[int]] = [[]]
    for index in np.argsort([len(s.elements) for s in stretches], kind="stable").tolist():
        if groups[-1] and (len(groups[-1]) + 1) * len(stretches[index].elements) > _ELEMENTS:
            groups.append([])
        groups[-1].append(index)
    return groups if stretches else []
