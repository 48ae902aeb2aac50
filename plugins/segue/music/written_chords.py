"""Chord symbols of MusicXML, as they stand above lead sheets."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from segue.music.theory import QUALITY_NAMES

_STEPS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_KINDS: Final = {
    "major": "maj", "minor": "min", "augmented": "aug", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "min7", "diminished-seventh": "dim7", "augmented-seventh": "aug", "half-diminished": "hdim7",
    "major-minor": "min", "major-sixth": "maj", "minor-sixth": "min", "dominant-ninth": "7", "major-ninth": "maj7",
    "minor-ninth": "min7", "dominant-11th": "7", "major-11th": "maj7", "minor-11th": "min7", "dominant-13th": "7",
    "major-13th": "maj7", "minor-13th": "min7", "suspended-second": "sus2", "suspended-fourth": "sus4", "power": "maj",
}  # fmt: skip
"""Kind of a symbol → the chord that it is taken for: what lies beyond the seventh colours it."""
SILENCE: Final = -1


def read_symbol(symbol: Element, transpose: int) -> tuple[int, int, int] | None:
    """Read a ``harmony`` element as it sounds: root, quality and bass; None if it names no chord that is known here."""
    kind = (symbol.findtext("kind") or "").strip()
    if kind == "none":
        return (SILENCE,) * 3
    root, name = _tone(symbol, "root", transpose), _KINDS.get(kind, "")
    if root is None or name not in QUALITY_NAMES:
        return None
    bass = _tone(symbol, "bass", transpose)
    return root, QUALITY_NAMES.index(name), root if bass is None else bass


def _tone(symbol: Element, which: str, transpose: int) -> int | None:
    step = (symbol.findtext(f"{which}/{which}-step") or "").strip()
    if step not in _STEPS:
        return None
    try:
        alter = round(float(symbol.findtext(f"{which}/{which}-alter") or 0))
    except (ValueError, OverflowError):
        return None
    return (_STEPS[step] + alter + transpose) % 12
