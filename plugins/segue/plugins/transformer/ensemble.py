"""Who plays: the instruments of a piece, the order of their slots, and what each can play."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.plugin_api import InvalidField
from segue.plugins.style.basses import PLAYED_ON, is_guitar_program
from segue.plugins.transformer.artifacts import Profile
from segue.plugins.transformer.elements import DRUM_KINDS, FIELD_SIZES, PITCH, SLOTS, family
from segue.plugins.transformer.given import Given
from segue.v1 import generate_pb2

DRUM_KIT: Final = 128
_BASS_FAMILY: Final = 4
_CHORDAL: Final = (0, 1, 3)
RANGES: Final = {
    0: (21, 108), 1: (48, 103), 2: (24, 96), 3: (38, 88), 4: (26, 67), 5: (36, 100), 6: (36, 96), 7: (34, 88),
    8: (44, 92), 9: (55, 100), 10: (24, 103), 11: (24, 103), 12: (24, 103), 13: (36, 96), 14: (36, 96), 15: (24, 103),
}  # fmt: skip
"""Pitches that each family of instruments plays with ease; single instruments have less."""
_SINGLE: Final = {
    40: (55, 100), 41: (48, 88), 42: (36, 79), 43: (28, 62), 56: (54, 84), 57: (36, 74), 58: (28, 62), 60: (36, 77),
    65: (49, 82), 66: (44, 77), 68: (58, 89), 70: (34, 74), 71: (50, 92), 72: (74, 104), 73: (60, 96), 46: (24, 100),
}  # fmt: skip
NAMES: Final = (
    "Piano", "Mallets", "Organ", "Guitar", "Bass", "Strings", "Ensemble", "Brass", "Reed", "Pipe", "Synth lead",
    "Synth pad", "Synth effects", "Ethnic", "Percussive", "Sound effects", "Drums",
)  # fmt: skip


class Ensemble(NamedTuple):
    """Who plays.

    Attributes
    ----------
    programs, drums
        General MIDI program of each slot, and whether it is a drum kit.
    families
        What the network is told of each: a guitar where the bass of a style was one in the music that it learnt from.
    order
        The slot of each track of the answer.
    lead
        Whether slot 0 has the tune.
    """

    programs: tuple[int, ...]
    drums: tuple[bool, ...]
    families: tuple[int, ...]
    order: tuple[int, ...]
    lead: bool


def choose_ensemble(
    request: generate_pb2.GenerateRequest, given: Given | None, profile: Profile, style: str
) -> Ensemble:
    """Choose who plays: those that are asked for or given, or else the profile's, in a style's its bass on a bass."""
    if given is not None and given.role in ("OPENING", "INFILL"):
        if request.instruments:
            raise InvalidField(
                "instruments", f"can't be asked for with an {given.role}, which has its own; leave it out"
            )
        song = given.song
        families = tuple(family(program, drum) for program, drum in zip(song.programs, song.drums, strict=True))
        return Ensemble(song.programs, song.drums, families, given.order, profile.lead)
    asked = list(request.instruments)
    if not asked:
        asked = [DRUM_KIT if d else p for p, d in zip(profile.programs, profile.drums, strict=True)]
        if given is not None and given.role in ("MELODY", "MOTIF"):
            asked = [given.song.programs[0], *(asked[1:] if profile.lead else asked)][:SLOTS]
            asked = asked if len(asked) > 1 else [asked[0], 0]
    fixed = 1 if given is not None and given.role in ("MELODY", "MOTIF") else 0
    if given is not None and given.role == "MELODY" and len(asked) < 2:
        raise InvalidField("instruments", "has one instrument, must have another to accompany the melody")
    slots = sorted(range(len(asked)), key=lambda i: (i >= fixed, asked[i] == DRUM_KIT, asked[i] // 8 == _BASS_FAMILY))
    drums = tuple(asked[i] == DRUM_KIT for i in slots)
    if drums[0]:
        raise InvalidField("instruments", "must begin with the instrument of the melody that is given, not drums")
    programs = [0 if asked[i] == DRUM_KIT else asked[i] for i in slots]
    families = tuple(family(program, drum) for program, drum in zip(programs, drums, strict=True))
    lowest = drums.count(False) - 1
    if not request.instruments and style in PLAYED_ON and lowest and is_guitar_program(programs[lowest]):
        programs[lowest] = PLAYED_ON[style]
    order = tuple(slots.index(index) for index in range(len(asked)))
    return Ensemble(tuple(programs), drums, families, order, bool(fixed) or profile.lead)


def plays_chords(ensemble: Ensemble) -> bool:
    """Say whether the last instrument is a piano, harpsichord, mallets or a guitar: one that can break a chord."""
    return not ensemble.drums[-1] and ensemble.programs[-1] // 8 in _CHORDAL


def playable(program: int, drums: bool, shift: int, finish: generate_pb2.Finish) -> NDArray[np.bool_]:
    """Return the pitch tokens that an instrument may play."""
    mask = np.zeros(FIELD_SIZES[PITCH], bool)
    if drums:
        mask[129 : 129 + DRUM_KINDS] = True
        return mask
    low, high = _SINGLE.get(program, RANGES[program // 8])
    if finish.HasField("fit_range") and not finish.fit_range:
        low, high = 12, 115
    mask[max(1 + low + shift, 1) : min(2 + high + shift, 129)] = True
    return mask
