"""What a voice should not sing where every instrument is one voice: parallels, what crosses a voice, what is no chord.

The network writes forty times as many parallel fifths and octaves as Bach and three times as many crossings: it knows
what sounds, but not from where each voice comes, nor where the others still are.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import QUALITIES
from segue.music.voices import in_parallel
from segue.plugins.transformer.elements import BAR, FIELD_SIZES, PITCH, PLACE, SLOT, Elements

AGAINST_PARALLELS: Final = 8.5
"""Nats by which a pitch is made less likely for each voice that it would move in parallel with; set, as the others, so
that pieces are like chorales of the training part."""
AGAINST_CROSSING: Final = 1.5
"""The same for each voice that it would cross."""
AGAINST_DISCORD: Final = 3.5
"""The same, on a beat, for what makes no chord with the voices above."""
_REMEMBERED: Final = 64
"""Elements in which the note before is looked for."""
_PITCH: Final = np.arange(FIELD_SIZES[PITCH])
_IS_NOTE: Final = (_PITCH > 0) & (_PITCH <= 128)
_CHORDS: Final = frozenset(
    frozenset((root + step) % 12 for step in steps)
    for name, steps in QUALITIES.items()
    for root in range(12)
    if not name.startswith("sus")
)
"""Pitch classes of triads and sevenths on all roots; that tokens lie a semitone above their pitches changes nothing."""


class Voices(NamedTuple):
    """What sounds where a voice is to strike.

    Attributes
    ----------
    before
        Slot → pitch token that it had before this place.
    now
        The same of those that have struck at this place.
    """

    before: dict[int, int]
    now: dict[int, int]


def hear(written: Elements, notes: int, place: int) -> Voices:
    """Return what sounds at a place.

    Parameters
    ----------
    written
        All elements before this one.
    notes
        How many of them are notes of this bar.
    place
        Value of that field of this element.
    """
    rows = written[-_REMEMBERED:]
    here = (np.arange(len(rows)) >= len(rows) - notes) & (rows[:, PLACE] == place)
    before, now = (
        {int(slot): int(pitch) for slot, pitch in rows[own][:, [SLOT, PITCH]]}
        for own in (~here & (rows[:, PLACE] != BAR), here)
    )
    return Voices(before, now)


def parallels(voices: Voices, slot: int) -> NDArray[np.int64]:
    """Count the voices with which a voice would go from a fifth or an octave to the next; shape (pitch tokens,)."""
    others = [
        (voices.before[other], now) for other, now in voices.now.items() if other != slot and other in voices.before
    ]
    if slot not in voices.before or not others:
        return np.zeros(len(_PITCH), np.int64)
    before, now = np.array(others).T[..., None]
    return np.asarray(in_parallel(before, voices.before[slot], now, _PITCH).sum(0), np.int64)


def crossings(voices: Voices, slot: int) -> NDArray[np.int64]:
    """Count the voices that a voice would cross, where they are or, of those still to strike, were; (pitch tokens,)."""
    found = np.zeros(len(_PITCH), np.int64)
    for other, pitch in (voices.before | voices.now).items():
        found += pitch < _PITCH if other < slot else (pitch > _PITCH) & (other > slot)
    return found


def discords(voices: Voices, slot: int, lowest: bool) -> NDArray[np.bool_]:
    """Say which pitch tokens make with the voices above no part of a chord or, of the lowest voice, no whole one."""
    above = frozenset(pitch % 12 for other, pitch in (voices.before | voices.now).items() if other < slot)
    return _discords(above, lowest)


@cache
def _discords(above: frozenset[int], whole: bool) -> NDArray[np.bool_]:
    sounds = [above | {own} for own in range(12)]
    fits = [any(own == chord or (own < chord and not whole) for chord in _CHORDS) for own in sounds]
    return np.asarray(_IS_NOTE & ~np.array(fits)[_PITCH % 12])


def against(voices: Voices, slot: int, *, on_beat: bool, lowest: bool) -> NDArray[np.float64]:
    """Return the nats by which each pitch of a voice is made less likely, shape (pitch tokens,).

    Parameters
    ----------
    voices, slot
        What sounds, and which voice is to strike.
    on_beat, lowest
        Whether that is on a beat, and whether it is the lowest of all voices.
    """
    nats = AGAINST_PARALLELS * parallels(voices, slot) + AGAINST_CROSSING * crossings(voices, slot)
    return np.asarray(nats + AGAINST_DISCORD * (discords(voices, slot, lowest) & on_beat))
