"""Chords as they are asked for: Harte's notation read into pitch classes [1]_, and the key that they suggest.

References
----------
.. [1] C. Harte et al., "Symbolic representation of musical chords: a proposed syntax for text annotations", ISMIR 2005.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from segue.music.theory import QUALITIES, chord_in_key
from segue.plugin_api.errors import InvalidField
from segue.v1 import music_pb2

_SHORTHANDS: Final = {
    **QUALITIES,
    "": (0, 4, 7),
    "minmaj7": (0, 3, 7, 11),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "9": (0, 2, 4, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "min9": (0, 2, 3, 7, 10),
    "1": (0,),
    "5": (0, 7),
}
_SYMBOL: Final = re.compile(
    r"(?P<letter>[A-G])(?P<accidentals>[#b]*)(:(?P<quality>[a-z0-9]*)(\((?P<added>[^()]*)\))?)?(/(?P<bass>[#b]*\d+))?"
)
_DEGREE: Final = re.compile(r"(?P<left_out>\*?)(?P<accidentals>[#b]*)(?P<number>1[0-3]|[1-9])")
_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MAJOR: Final = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True)
class AskedChord:
    """A chord that is asked for.

    Attributes
    ----------
    start, end
        Beats, ``start < end``.
    root, bass
        Pitch classes; None for silence.
    tones
        Its pitch classes, ascending; empty for silence.
    """

    start: float
    end: float
    root: int | None
    bass: int | None
    tones: tuple[int, ...]


def read_symbol(symbol: str) -> tuple[int | None, int | None, tuple[int, ...]]:
    """Read a chord in Harte's notation.

    Returns
    -------
    root, bass, tones
        Pitch classes, tones ascending; None, None and empty for ``N``.

    Raises
    ------
    ValueError
        Saying what of the symbol can't be read.
    """
    if symbol == "N":
        return None, None, ()
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ValueError("must be in Harte's notation, e.g. C:maj, A:min7, G:7/3 or N")
    quality = match["quality"] or ""
    if quality not in _SHORTHANDS:
        raise ValueError(f"has the quality {quality!r}, must have one of {', '.join(filter(None, _SHORTHANDS))}")
    # A root with degrees in brackets alone, such as C:(1,5), has no other tones than those and its root.
    steps = {0} if match["added"] is not None and not quality else set(_SHORTHANDS[quality])
    for text in (match["added"] or "").split(",") if match["added"] else ():
        step, left_out = _degree(text.strip())
        steps = steps - {step} if left_out else steps | {step}
    root = (_LETTERS[match["letter"]] + _shift(match["accidentals"])) % 12
    bass = _degree(match["bass"])[0] if match["bass"] else 0
    tones = tuple(sorted({(root + step) % 12 for step in steps | {bass}}))
    return root, (root + bass) % 12, tones


def _degree(text: str) -> tuple[int, bool]:
    match = _DEGREE.fullmatch(text)
    if match is None:
        raise ValueError(f"has the degree {text!r}, must be 1-13 after any of *, # and b")
    step = _MAJOR[(int(match["number"]) - 1) % 7] + _shift(match["accidentals"])
    return step % 12, bool(match["left_out"])


def _shift(accidentals: str) -> int:
    return accidentals.count("#") - accidentals.count("b")


def read_chords(chords: Sequence[music_pb2.Chord]) -> tuple[AskedChord, ...]:
    """Read the chords of a request; pitch classes, root and bass that are stated win over the symbol.

    Raises
    ------
    InvalidField
        Naming the first chord whose symbol can't be read, or whose span is empty or not after the one before.
    """
    found: list[AskedChord] = []
    for index, chord in enumerate(chords):
        start, end = chord.span.start, chord.span.end
        if end <= start:
            raise InvalidField(f"chords[{index}].span", f"is {start:g}-{end:g}, must end after it starts")
        if found and start < found[-1].end - 1e-6:
            before = f"the chord before it ends, at {found[-1].end:g}"
            raise InvalidField(f"chords[{index}].span", f"starts at {start:g}, must not be before {before}")
        try:
            root, bass, tones = read_symbol(chord.symbol)
        except ValueError as error:
            raise InvalidField(f"chords[{index}].symbol", f"is {chord.symbol!r}, {error}") from None
        if chord.HasField("root"):
            root = chord.root
        if chord.HasField("bass"):
            bass = chord.bass
        if chord.pitch_classes:
            tones = tuple(sorted({*chord.pitch_classes, *(() if bass is None else (bass,))}))
        found.append(AskedChord(start, end, root, bass, tones))
    return tuple(found)


def key_of_chords(chords: Sequence[AskedChord]) -> int | None:
    """Return the key, 0-23, in which chords are likeliest by ``chord_in_key``; None if there are none.

    Each chord counts by its length, as the known quality that shares most tones with it.
    """
    score, sounding = np.zeros(24), False
    for chord in chords:
        if chord.root is not None and chord.tones:
            tones = {(tone - chord.root) % 12 for tone in chord.tones}
            shared = [len(tones & set(own)) - 0.5 * len(tones ^ set(own)) for own in QUALITIES.values()]
            score += (chord.end - chord.start) * chord_in_key()[:, 12 * int(np.argmax(shared)) + chord.root]
            sounding = True
    return int(score.argmax()) if sounding else None
