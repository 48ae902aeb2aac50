"""What is asked of the music, and the figures that it is composed by.

What is left open is taken from a *profile*: what some training segment of the style, as near as possible to the wishes,
is like; so that the controls go together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from segue.plugins.moods import emotion_of
from segue.plugins.transformer.artifacts import Profile
from segue.plugins.transformer.controls import Figures, measure, towards
from segue.plugins.transformer.elements import METRES, bar_steps, family
from segue.plugins.transformer.ensemble import DRUM_KIT
from segue.plugins.transformer.given import Given, read_metre
from segue.plugins.transformer.steering import Tilt
from segue.v1 import generate_pb2, music_pb2

DEFAULT_STYLE: Final = "pop_piano"
_NEAREST: Final = 8
_OCTAVE_MOVED: Final = 6
"""Training moves pieces by octaves, so registers beyond those of a style's pieces are known; semitones."""
_SLIDERS: Final = {
    "rhythmic_intensity": "density",
    "polyphony": "polyphony",
    "register": "register",
    "loudness": "loudness",
}


@dataclass(frozen=True)
class Wishes:
    """What is asked of the music; None or empty where nothing is.

    Attributes
    ----------
    style, minor, metre, tempo, families
        As asked for, or as the given music has it; ``metre`` is an index in ``METRES``.
    sliders
        Name of a figure → 0-1.
    valence, arousal
        -1 to 1.
    """

    style: str
    minor: bool | None
    metre: int | None
    tempo: float | None
    sliders: Mapping[str, float]
    valence: float | None
    arousal: float | None
    families: tuple[int, ...] = field(default=())


def read_wishes(request: generate_pb2.GenerateRequest, given: Given | None, minor: bool | None) -> Wishes:
    """Gather what is asked, in the request and by given music; the mode is that of a theme or of chords."""
    valence, arousal = emotion_of(request)
    metre, tempo = read_metre(request) or 0, request.tempo if request.HasField("tempo") else None
    if request.HasField("key"):
        minor = request.key.mode == music_pb2.MODE_MINOR
    elif minor is None and valence is not None and given is None:
        minor = valence < 0
    if given is not None:
        metre = given.song.metre
        minor = bool(given.song.keys[0] >= 12) if minor is None else minor
        tempo = given.song.tempo or None if tempo is None else tempo
        if given.role == "REFERENCE":
            seen = _measure(given, minor, tempo)
            valence = seen.valence if valence is None else valence
            arousal = seen.arousal if arousal is None else arousal
    sliders = {
        name: getattr(request.attributes, slider)
        for slider, name in _SLIDERS.items()
        if request.attributes.HasField(slider)  # type: ignore[arg-type]
    }
    families = tuple(family(p, p == DRUM_KIT) if p < DRUM_KIT else 16 for p in request.instruments)
    if given is not None and given.role in ("OPENING", "INFILL", "REFERENCE"):
        families = tuple(family(p, d) for p, d in zip(given.song.programs, given.song.drums, strict=True))
    return Wishes(request.style, minor, metre, tempo, sliders, valence, arousal, families)


def _measure(given: Given, minor: bool, tempo: float | None) -> Figures:
    song = given.song
    drums = np.array(song.drums)[song.notes.slot]
    return measure(song.notes, drums, song.bars, bar_steps(METRES[song.metre]), tempo or 120.0, minor)


def choose_profile(
    wishes: Wishes, profiles: Mapping[str, Sequence[Profile]], rng: np.random.Generator
) -> tuple[Profile, str]:
    """Choose one of the profiles nearest to the wishes, and its style."""
    style = wishes.style or ("" if wishes.families else DEFAULT_STYLE if DEFAULT_STYLE in profiles else "")
    choices = [(profile, name) for name, own in profiles.items() for profile in own if style in ("", name)]
    far = np.array([_distance(wishes, profile) for profile, _ in choices])
    nearest = np.flatnonzero(far <= np.sort(far)[:_NEAREST][-1])
    return choices[int(nearest[int(rng.integers(len(nearest)))])]


def _distance(wishes: Wishes, profile: Profile) -> float:
    figures, far = profile.figures, 0.0
    if wishes.metre is not None:
        far += 10.0 * (wishes.metre != profile.metre)
    if wishes.minor is not None:
        far += 3.0 * (wishes.minor != profile.minor)
    if wishes.tempo is not None:
        far += ((np.log(wishes.tempo) - figures.tempo) / 0.3) ** 2
    for asked, own in ((wishes.valence, figures.valence), (wishes.arousal, figures.arousal)):
        if asked is not None:
            far += 4 * (asked - own) ** 2
    if wishes.families:
        own_families = [family(p, d) for p, d in zip(profile.programs, profile.drums, strict=True)]
        far += len(set(wishes.families) ^ set(own_families)) + 0.5 * abs(len(wishes.families) - len(own_families))
    return float(far)


def choose_figures(wishes: Wishes, profile: Profile, style: Sequence[Profile], minor: bool) -> Figures:
    """Return the figures to compose by: the profile's, but for what is asked."""
    figures = profile.figures
    asked = {}
    for name, share in wishes.sliders.items():
        shown = [getattr(p.figures, name) for p in style]
        more = _OCTAVE_MOVED if name == "register" else 0
        asked[name] = float(np.interp(share, (0, 1), (min(shown) - more, max(shown) + more)))
    if wishes.tempo is not None:
        asked["tempo"] = float(np.log(wishes.tempo))
    return towards(figures._replace(**asked), minor, wishes.valence, wishes.arousal, frozenset(asked))


def steered(wishes: Wishes, figures: Figures, shift: int, *, alone: bool, chordal: bool) -> Tilt:
    """Return the figures that the piece is steered to: the sliders', those that an emotion stands for, and register.

    Left alone, a new piece for one pitched instrument climbs out of the register that it was told; others keep theirs.
    What is calm or sad is played legato and in broken chords, if the lowest instrument is one for chords.
    """
    names = {*wishes.sliders, *(() if wishes.arousal is None else ("density", "loudness"))}
    names |= {"register"} if alone or wishes.valence is not None else set()
    legato = -wishes.arousal if chordal and wishes.arousal is not None and wishes.arousal < 0 else None
    return Tilt(**{n: getattr(figures, n) + (shift if n == "register" else 0) for n in names}, legato=legato)
