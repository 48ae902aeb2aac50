"""What may come next: masks that make every piece valid and of exactly the bars that were asked for.

Notes ascend in place, slot and pitch; every instrument keeps to its range; no bar is silent; the last bar sounds the
tonic chord over its root, no higher than the piece went before. Notes that are given are written where they belong, and
nothing else where they play. Where a chord begins that is asked for, or drawn for the piece, the lowest free instrument
strikes its bass.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.transformer.elements import (
    BAR,
    DRUM_LENGTH,
    FIELD_SIZES,
    FIRST_PLACE,
    LENGTH,
    LENGTHS,
    PITCH,
    PLACE,
    SLOT,
    Elements,
)
from segue.plugins.transformer.harmony import Harmony

MOST_IN_BAR: Final = 96
_NONE: Final = np.zeros((0, 5), np.int64)


@dataclass(frozen=True)
class Rules:
    """What a piece must be.

    Attributes
    ----------
    bars, steps
        Its bars, and steps of the grid in one.
    drums
        Whether each slot is a drum kit.
    pitches
        Pitch tokens that each slot may play, shape (slots, FIELD_SIZES[PITCH]).
    closing
        The same in the last bar and on the first beat.
    leaning
        What is added to the score of each pitch token, in nats: notes of the key and its chord are likelier.
    free
        Whether each slot is to be composed, by bar; shape (bars, slots).
    given
        For each bar the elements that are given in it, in order.
    harmony
        The chords that are asked for, or drawn where none are; None if there are none.
    sources
        For each bar the earlier one whose music it brings back, -1 for new ones; empty if all are new.
    thin
        Whether fewer notes than usual are wanted in each bar; empty if in none.
    in_voices
        Whether each slot is one voice, and should not go in parallel with another.
    """

    bars: int
    steps: int
    drums: NDArray[np.bool_]
    pitches: NDArray[np.bool_]
    closing: NDArray[np.bool_]
    leaning: NDArray[np.float64]
    free: NDArray[np.bool_]
    given: tuple[Elements, ...]
    harmony: Harmony | None = None
    sources: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    thin: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    in_voices: bool = False

    def pitches_at(self, bar: int, step: int) -> NDArray[np.bool_]:
        """Return the pitches that each slot may play at a step of a bar."""
        if self.harmony is not None and self.harmony.asked and self.harmony.covers(bar, step):
            return self.pitches
        return self.closing if bar == self.bars - 1 or bar == step == 0 else self.pitches

    def rests_in(self, bar: int) -> bool:
        """Say whether a bar is one held chord: the last, where each slot is a voice and nothing is given."""
        given = self.given[bar] if self.given else _NONE
        return self.in_voices and 0 < bar == self.bars - 1 and bool(self.free[bar].all()) and not len(given)

    def leaning_at(self, bar: int, step: int) -> NDArray[np.float64]:
        """Return what is added to the score of each pitch token there: by the chord, or else by the key."""
        if self.harmony is not None and self.harmony.covers(bar, step):
            return self.harmony.leaning(bar, step, self.leaning)
        return self.leaning

    def bass_slot(self, bar: int) -> int | None:
        """Return the slot that strikes the bass of the chords of a bar: the last pitched one that is free."""
        free = np.flatnonzero(self.free[bar] & ~self.drums)
        return int(free[-1]) if len(free) else None


def close_within(rules: Rules, written: Elements, bar: int) -> Rules:
    """Return the rules with the last bar, if this is it, no higher than each instrument was in what is written."""
    if bar != rules.bars - 1:
        return rules
    closing = rules.closing.copy()
    for slot in np.flatnonzero(~rules.drums).tolist():
        own = written[written[:, SLOT] == slot + 1, PITCH]
        if closing[slot, : own.max(initial=0) + 1].any():
            closing[slot, own.max() + 1 :] = False
    return replace(rules, closing=closing)


@dataclass(frozen=True)
class Place:
    """Where the next element comes.

    Attributes
    ----------
    bar, notes, given
        Its bar, how many notes that has, and how many given ones.
    place, slot, pitch
        Of the last of them.
    sounds
        Steps from the beginning of the bar to the end of the last note that sounds.
    """

    bar: int = 0
    notes: int = 0
    given: int = 0
    place: int = -1
    slot: int = 0
    pitch: int = 0
    sounds: int = 0

    def after(self, element: NDArray[np.int64], given: bool, steps: int) -> Place:
        """Return the place after one more element; ``steps`` are those of a bar."""
        if element[PLACE] == BAR:
            return Place(self.bar + 1, sounds=max(self.sounds - steps, 0))
        at, slot, pitch = int(element[PLACE]) - FIRST_PLACE, int(element[SLOT]) - 1, int(element[PITCH])
        sounds = max(self.sounds, at + int(LENGTHS[element[LENGTH] - 1]))
        return Place(self.bar, self.notes + 1, self.given + given, at, slot, pitch, sounds)


def next_given(rules: Rules, at: Place) -> NDArray[np.int64] | None:
    """Return the next given note of the bar, if there is one."""
    given = rules.given[at.bar] if rules.given else _NONE
    return given[at.given] if at.given < len(given) else None


def bass_due(rules: Rules, at: Place) -> tuple[int, int] | None:
    """Return the step at which the bass of a chord is the next to be struck in the bar, and by which slot."""
    slot = None if rules.harmony is None or at.notes >= MOST_IN_BAR else rules.bass_slot(at.bar)
    if rules.harmony is None or slot is None:
        return None
    step = rules.harmony.next_begin(at.bar, max(at.place, 0) if at.slot < slot else at.place + 1)
    return None if step is None else (step, slot)


def places(rules: Rules, at: Place) -> NDArray[np.bool_]:
    """Return the values that the field PLACE may take."""
    mask = np.zeros(FIELD_SIZES[PLACE], bool)
    if rules.rests_in(at.bar):
        mask[FIRST_PLACE if at.notes < len(rules.drums) else BAR] = True
        return mask
    if not (rules.given or at.bar or at.notes):
        mask[FIRST_PLACE] = True
        return mask
    given = next_given(rules, at)
    if at.notes < MOST_IN_BAR and rules.free[at.bar].any():
        mask[FIRST_PLACE + at.place + 1 : FIRST_PLACE + rules.steps] = True
        if at.place >= 0 and _more_here(rules, at):
            mask[FIRST_PLACE + at.place] = True
    if given is not None:
        mask[given[PLACE] + 1 :] = False
        mask[given[PLACE]] = True
    else:
        rests = at.sounds > 0 and at.bar not in (0, rules.bars - 1)
        mask[BAR] = at.notes > 0 or rests or not mask.any()
    due = bass_due(rules, at)
    if due is not None:
        mask[BAR] = False
        mask[FIRST_PLACE + due[0] + 1 :] = False
        mask[FIRST_PLACE + due[0]] = True
    return mask


def _more_here(rules: Rules, at: Place) -> bool:
    """Say whether a note can follow at the place of the last one."""
    free = rules.free[at.bar]
    if free[at.slot + 1 :].any():
        return True
    return bool(free[at.slot] and rules.pitches_at(at.bar, at.place)[at.slot, at.pitch + 1 :].any())


def slots(rules: Rules, at: Place, place: int) -> NDArray[np.bool_]:
    """Return the values that the field SLOT may take at a place; the slot of a given note there means that note."""
    mask = np.zeros(FIELD_SIZES[SLOT], bool)
    if rules.rests_in(at.bar):
        mask[at.notes + 1] = True
        return mask
    free = rules.free[at.bar]
    mask[1 : len(free) + 1] = free & rules.pitches_at(at.bar, place - FIRST_PLACE).any(1)
    if place - FIRST_PLACE == at.place:
        mask[: at.slot + 1] = False
        mask[at.slot + 1] &= bool(rules.pitches_at(at.bar, place - FIRST_PLACE)[at.slot, at.pitch + 1 :].any())
    given = next_given(rules, at)
    if given is not None and given[PLACE] == place:
        mask[given[SLOT] + 1 :] = False
        mask[given[SLOT]] = True
    due = bass_due(rules, at)
    if due is not None and due[0] == place - FIRST_PLACE:
        mask[due[1] + 2 :] = False
        mask[due[1] + 1] = True
    return mask


def pitches(rules: Rules, at: Place, place: int, slot: int) -> NDArray[np.bool_]:
    """Return the values that the field PITCH may take."""
    mask: NDArray[np.bool_] = rules.pitches_at(at.bar, place - FIRST_PLACE)[slot - 1].copy()
    if place - FIRST_PLACE == at.place and slot - 1 == at.slot:
        mask[: at.pitch + 1] = False
    elif rules.harmony is not None and bass_due(rules, at) == (place - FIRST_PLACE, slot - 1):
        lowest = mask & rules.harmony.bass_at(at.bar, place - FIRST_PLACE)
        return lowest if lowest.any() else mask
    return mask


def lengths(rules: Rules, at: Place, place: int, slot: int, pitch: int) -> NDArray[np.bool_]:
    """Return the values that the field LENGTH may take: no note outlasts the piece, or a chord that it belongs to.

    Nor does it last into a held last bar, which strikes every voice anew.
    """
    mask = np.zeros(FIELD_SIZES[3], bool)
    if rules.drums[slot - 1]:
        mask[DRUM_LENGTH + 1] = True
    else:
        left = (rules.bars - at.bar) * rules.steps - (place - FIRST_PLACE)
        if rules.rests_in(at.bar):
            mask[1:] = LENGTHS[left >= LENGTHS].max() == LENGTHS
            return mask
        if rules.rests_in(rules.bars - 1):
            left -= rules.steps
        if rules.harmony is not None:
            lowest = slot - 1 == rules.bass_slot(at.bar)
            left = min(left, rules.harmony.sounds_until(at.bar, place - FIRST_PLACE, pitch, lowest))
        mask[1:] = left >= LENGTHS
    return mask
