"""Where in its cycle of four bars each chart of the synthetic pack begins, found in its patterns.

The program that made the pack rendered all charts as one long song per style, with patterns that change from bar to bar
and come back after two or four; the song was cut where the charts end. A chart whose first bar is the third of a cycle
must not be learnt as if it were the first: bars would seem to take one of several patterns by chance.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from segue.plugins.style_seq.data import Song

CYCLE: Final = 4
"""Bars in a cycle."""
_ROUNDS: Final = 20
_UNSEEN: Final = 0.5
"""How often a pattern counts that was not seen at a place of the cycle."""

Pattern = tuple[tuple[str, str], tuple[int, ...]]
"""Style and name of a part, and the places of a bar at which it strikes."""


def find_cycles(songs: Sequence[Song]) -> dict[str, int]:
    """Return for each chart the place in the cycle of its first bar, 0-3, the same in all its styles.

    Places are exchanged chart by chart until every chart lies where its bars are likeliest among those of the others
    (iterated conditional modes), from the places that they would have if the charts followed one another. The first
    chart begins a cycle.

    Parameters
    ----------
    songs
        The charts in their styles, in the order in which they were rendered.

    References
    ----------
    J. Besag, "On the statistical analysis of dirty pictures", 1986.
    """
    bars: dict[str, list[list[Pattern]]] = {}
    for song in songs:
        _add(bars.setdefault(song.chart, [[] for _ in range(song.bars)]), song)
    starts = np.cumsum([0, *(len(own) for own in bars.values())]) % CYCLE
    found = dict(zip(bars, starts.tolist(), strict=False))
    counts = Counter(key for chart, own in bars.items() for key in _keys(own, found[chart]))
    for _ in range(_ROUNDS):
        before = dict(found)
        for chart, own in bars.items():
            counts.subtract(_keys(own, found[chart]))
            found[chart] = int(np.argmax([_fit(own, start, counts) for start in range(CYCLE)]))
            counts.update(_keys(own, found[chart]))
        if found == before:
            break
    first = next(iter(found.values()), 0)
    return {chart: (start - first) % CYCLE for chart, start in found.items()}


def _add(bars: list[list[Pattern]], song: Song) -> None:
    for voice in song.voices:
        struck: dict[int, set[int]] = defaultdict(set)
        for bar, place in voice.rows[:, :2].tolist():
            struck[bar].add(place)
        for bar, own in enumerate(bars):
            own.append(((song.style, voice.name), tuple(sorted(struck[bar]))))


def _keys(bars: Sequence[Sequence[Pattern]], start: int) -> Iterable[tuple[int, Pattern]]:
    return (((start + number) % CYCLE, pattern) for number, own in enumerate(bars) for pattern in own)


def _fit(bars: Sequence[Sequence[Pattern]], start: int, counts: Mapping[tuple[int, Pattern], int]) -> float:
    seen: NDArray[np.float64] = np.array([counts[key] for key in _keys(bars, start)], float)
    return float(np.log(seen + _UNSEEN).sum())
