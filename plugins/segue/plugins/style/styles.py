"""Styles by name: those that the data holds, and the groups that people name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from segue.plugin_api.errors import InvalidField

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "classical": ("hymn", "arpeggio", "chorale"),
        "jazz": ("jazz_swing", "jazz_combo", "ragtime"),
        "pop": ("pop_8beat", "pop_ballad", "pop_piano"),
        "rock": ("rock",),
        "latin": ("bossanova", "salsa"),
        "electronic": ("house", "techno", "trance", "disco"),
        "folk": ("folk",),
        "hip-hop": ("hiphop",),
    }
)
"""Group → its styles, the one that stands for it first."""
UNHEARD: Final = ("ambient",)
"""Styles that people name and no data here holds: an algorithm may make one up out of others, and then says so."""
STYLES: Final = tuple(sorted(style for members in GROUPS.values() for style in members))
"""The styles that ``score`` tells apart: sixteen of ``style_parallel_synth``, pop piano (POP909), chorales (JSB)."""


def members(name: str) -> tuple[str, ...]:
    """Return the styles that a name means: a style's own, or all of a group; spaces, hyphens and case don't matter.

    Raises
    ------
    InvalidField
        If nothing has that name.
    """
    plain = _plain(name)
    for known in (*STYLES, *UNHEARD):
        if _plain(known) == plain:
            return (known,)
    for group, styles in GROUPS.items():
        if _plain(group) == plain:
            return styles
    raise InvalidField("style", f"is {name!r}, must be one of {', '.join(dict.fromkeys([*GROUPS, *STYLES, *UNHEARD]))}")


def style_to_write(name: str, known: Sequence[str]) -> str:
    """Return the style that a name means; of a group, the first that is known.

    Raises
    ------
    InvalidField
        If none is.
    """
    for style in members(name):
        if style in known:
            return style
    groups = [group for group, styles in GROUPS.items() if set(styles) & set(known)]
    raise InvalidField("style", f"is {name!r}, must be one of {', '.join(dict.fromkeys([*groups, *known]))}")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
