"""The charts of the pack ``style_parallel_synth``, each in all its styles, in the parts that ``score`` trains by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segue.music import Piece
from segue.plugins.packs import synth
from segue.plugins.score.data import Part, part_of


@dataclass(frozen=True)
class Chart:
    """A chart in all its styles.

    Attributes
    ----------
    number
        Its id.
    part
        The part of the data it belongs to; the same as in ``score``, whose classifier never saw the test part.
    bars
        Its length, in bars of four beats.
    melody
        Its tune.
    styles
        Style → accompaniment without the tune.
    """

    number: str
    part: Part
    bars: int
    melody: Piece
    styles: Mapping[str, Piece]

    def with_melody(self, style: str) -> Piece:
        """Return the tune, as the first track, over the accompaniment in a style."""
        return synth.join(self.melody, self.styles[style])


def read_charts(data: Path) -> list[Chart]:
    """Read the charts, in order of their ids.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the pack.
    """
    arranged: defaultdict[str, list[synth.Arrangement]] = defaultdict(list)
    for arrangement in synth.arrangements(data):
        arranged[arrangement.number].append(arrangement)
    charts = []
    for number in sorted(arranged):
        own = arranged[number]
        tune = own[0].tune()
        if tune is not None:
            styles = {arrangement.style: arrangement.band() for arrangement in own}
            charts.append(Chart(number, part_of(f"c{number}"), own[0].bars, tune, styles))
    return charts
