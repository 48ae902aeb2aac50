"""Form: sections by name, the bars of each, and which bring back the bars of an earlier one.

Two sections of one name are the same music: the later one has the bars of the first again, its last bar anew (half of
its bars if its name ends in a prime, ``A'``). An intro is thinner: fewer notes, and no tune where another instrument
plays. An outro cadences: dominant, then the tonic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugin_api import InvalidField
from segue.plugins.transformer.elements import BAR, PLACE, Elements
from segue.plugins.transformer.grammar import Rules

_SHORT: Final = frozenset({"intro", "outro", "coda", "ending", "break"})
"""Sections that are half as long as others."""
_ENDINGS: Final = frozenset({"outro", "coda", "ending"})
_USUAL: Final = 4
"""Bars of a short section where the length is left open; others have twice as many."""


@dataclass(frozen=True)
class Section:
    """A part of a piece.

    Attributes
    ----------
    name
        As asked for.
    first, bars
        Its first bar, counted from 0, and how many it has.
    source
        First bar of the section whose music it brings back, -1 if it is new.
    again
        How many of its bars are brought back.
    """

    name: str
    first: int
    bars: int
    source: int = -1
    again: int = 0

    @property
    def key(self) -> str:
        """What two sections of the same music have in common."""
        return self.name.strip().rstrip("'").strip().lower()

    def sentence(self) -> str:
        """Say what was done."""
        where = f"{self.name} bars {self.first + 1}-{self.first + self.bars}"
        if self.source >= 0 and self.again:
            new = "" if self.again == self.bars else ", the rest of it new"
            return f"{where} ({self.again} bars from bar {self.source + 1} again{new})"
        return f"{where} (thinner)" if self.key == "intro" else f"{where} (cadence)" if self.key in _ENDINGS else where


def lay_out(names: Sequence[str], bars: int, most: int) -> tuple[Section, ...]:
    """Split the bars of a piece over sections.

    Parameters
    ----------
    names
        Of the sections, in order.
    bars
        Of the piece; 0 leaves it open.
    most
        Bars that a piece can have.

    Raises
    ------
    InvalidField
        If a name is empty, or there are more sections than bars.
    """
    blank = [index for index, name in enumerate(names) if not name.strip(" '")]
    if blank:
        raise InvalidField(f"form[{blank[0]}]", f"is {names[blank[0]]!r}, must be the name of a section")
    weights = [1 if Section(name, 0, 0).key in _SHORT else 2 for name in names]
    room = bars or min(most, _USUAL * sum(weights))
    if room < len(names):
        raise InvalidField("form", f"has {len(names)} sections, must have at most one for each of {room} bars")
    unit = room // sum(weights)
    sizes = [unit * weight for weight in weights] if unit else [1] * len(names)
    sizes[-1] += room - sum(sizes)
    found: list[Section] = []
    for name, size in zip(names, sizes, strict=True):
        section = Section(name, sum(one.bars for one in found), size)
        earlier = next((one for one in found if one.key == section.key), None)
        if earlier is not None:
            anew = size // 2 if name.strip().endswith("'") else 1 if size > 1 else 0
            section = replace(section, source=earlier.first, again=min(size - anew, earlier.bars))
        found.append(section)
    last = found[-1]
    if last.again == last.bars:  # the last bar of a piece closes it
        found[-1] = replace(last, again=last.again - 1)
    return tuple(found)


def ends_in_cadence(sections: Sequence[Section]) -> bool:
    """Say whether the last section is one that cadences."""
    return bool(sections) and sections[-1].key in _ENDINGS


def sources(sections: Sequence[Section], bars: int) -> NDArray[np.int64]:
    """Return for each bar the one whose music it brings back, -1 for new ones."""
    found = np.full(bars, -1, np.int64)
    for section in sections:
        found[section.first : section.first + section.again] = section.source + np.arange(section.again)
    return found


def intro_bars(sections: Sequence[Section], bars: int) -> NDArray[np.bool_]:
    """Return which bars are of an intro."""
    found = np.zeros(bars, bool)
    for section in sections:
        found[section.first : section.first + section.bars] = section.key == "intro"
    return found


def bring_back(rules: Rules, written: Elements, bar: int) -> Rules:
    """Return the rules with the music of a bar that comes back given; ``written`` ends with the bar's own line."""
    if not len(rules.sources) or bar >= rules.bars or rules.sources[bar] < 0:
        return rules
    source = int(rules.sources[bar])
    lines = np.flatnonzero(written[:, PLACE] == BAR)
    given = [*(rules.given or (np.zeros((0, 5), np.int64),) * rules.bars)]
    given[bar] = written[lines[source] + 1 : lines[source + 1]].copy()
    free = rules.free.copy()
    free[bar] = False
    return replace(rules, given=tuple(given), free=free)
