"""What a request commissions: its wishes checked one by one. Every wish is either obeyed or refused by its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from segue.plugin_api import InvalidField
from segue.plugins import wishes
from segue.plugins.moods import Mood, read_mood
from segue.plugins.vae.attributes import NAMES
from segue.plugins.vae.given import MAX_BARS, Given, read_given
from segue.v1 import generate_pb2, music_pb2

DEFAULT_BARS: Final = 8
DEFAULT_TEMPO: Final = 100.0
DEFAULT_PROGRAM: Final = 73
"""Flute."""
_HIGHEST_PROGRAM: Final = 127
_DEFAULT_STEPS: Final = 5
_MINOR_SHARE: Final = 0.4
_CLOSES_FROM: Final = 4
"""Bars from which on a new piece comes to rest."""
_FOLLOWS: Final = frozenset({"tempo", "key", "instruments", "emotion", "attributes"})
_FOLLOWS_GIVEN: Final = _FOLLOWS - {"emotion", "attributes"}
"""What a theme may ask for, and what of it beside a given melody."""
_REFUSED: Final = wishes.reasons("form", "lyrics") | {
    "style": "this algorithm knows no styles",
    "chords": "this algorithm follows no chords",
}
_OF_NEW: Final = dict.fromkeys(("emotion", "image"), "a given melody keeps its own mood")
_NO_SLIDER: Final[Mapping[str, str]] = {
    "polyphony": "a melody is one voice",
    "loudness": "dynamics follow the beat, and the phrase where finish.shape_dynamics asks for it",
    "emotion": "this algorithm follows the request's own emotion",
}
_NOT_DONE: Final[Mapping[str, str]] = {"fit_range": "the register slider sets the range"}


@dataclass(frozen=True)
class Commission:
    """Pieces to compose.

    Attributes
    ----------
    seed, count, bars
        Of the request, or by default.
    tonic, minor, tempo, program
        As asked, or as found.
    sliders
        Regularised dimension → position, 0-1.
    strength, temperature, spread
        Options.
    correct_pitch, shape_dynamics, copied_limit
        What is done afterwards; the limit is 1 where there is none.
    given
        Melodies that came: none, one to vary, or two to go between.
    understood, notices
        What theme, picture and emotion were understood to ask for, and what of them was not.
    """

    seed: int
    count: int
    bars: int
    tonic: int
    minor: bool
    tempo: float
    program: int
    sliders: Mapping[int, float]
    strength: float
    temperature: float
    spread: float
    correct_pitch: bool
    copied_limit: float
    given: Sequence[Given]
    shape_dynamics: bool = False
    understood: Sequence[str] = ()
    notices: Sequence[music_pb2.Notice] = ()

    @property
    def closes(self) -> bool:
        """Whether a piece comes to rest on the tonic."""
        return not self.given and self.bars >= _CLOSES_FROM


def read_request(request: generate_pb2.GenerateRequest, options: Mapping[str, Any], seed: int) -> Commission:
    """Check a request.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming every wish that is not obeyed, or what is wrong with the given music.
    """
    _refuse(request)
    mood = _read_mood(request)
    request = mood.request
    given = read_given(request)
    bars = _bars(request, given)
    count = request.count or (_DEFAULT_STEPS if len(given) == 2 else 1)
    if len(given) == 2 and count < 2:
        raise InvalidField(
            "count", f"is {count}; the steps from one melody to another are at least 2, both ends included"
        )
    if request.HasField("key"):
        tonic, minor = request.key.tonic, request.key.mode == music_pb2.MODE_MINOR
    elif given:
        tonic, minor = given[0].key % 12, given[0].key >= 12
    else:
        rng = np.random.default_rng((seed, 1))
        tonic, minor = int(rng.integers(12)), bool(rng.random() < _MINOR_SHARE)
        minor = minor if mood.minor is None else mood.minor
    usual = given[0].tempo if given and 20 <= given[0].tempo <= 300 else DEFAULT_TEMPO
    finish = request.finish
    return Commission(
        seed=seed,
        count=count,
        bars=bars,
        tonic=tonic,
        minor=minor,
        tempo=mood.tempo(usual),
        program=request.instruments[0] if request.instruments else DEFAULT_PROGRAM,
        sliders=_sliders(mood, options),
        strength=float(options["strength"]),
        temperature=float(options["temperature"]),
        spread=float(options["spread"]),
        correct_pitch=finish.correct_pitch if finish.HasField("correct_pitch") else True,
        copied_limit=finish.copied_fraction_limit if finish.HasField("copied_fraction_limit") else 1.0,
        given=given,
        shape_dynamics=finish.shape_dynamics,
        understood=mood.understood,
        notices=mood.notices,
    )


def _read_mood(request: generate_pb2.GenerateRequest) -> Mood:
    """Read theme, picture and emotion; of the instruments that a theme names a melody takes the first."""
    mood = read_mood(request, _FOLLOWS_GIVEN if request.given else _FOLLOWS, {})
    if request.instruments:
        return mood
    named = [program for program in mood.request.instruments if program <= _HIGHEST_PROGRAM]
    if len(named) == len(mood.request.instruments) <= 1:
        return mood
    mood.request.instruments[:] = named[:1]
    text = "A melody has one instrument, and no drums: the first that it names plays."
    return replace(mood, notices=[*mood.notices, music_pb2.Notice(subject="theme", text=text)])


def _refuse(request: generate_pb2.GenerateRequest) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    wrong = wishes.not_followed(request, _REFUSED)
    wrong += wishes.not_followed(request.attributes, _NO_SLIDER, "attributes")
    wrong += wishes.not_followed(request.finish, _NOT_DONE, "finish")
    wrong += wishes.not_followed(request, _OF_NEW) if request.given else []
    if len(request.instruments) > 1 or any(program > _HIGHEST_PROGRAM for program in request.instruments):
        wrong.append(("instruments", "must be one program, 0-127: a melody is one voice"))
    wishes.refuse([*wrong, *wishes.key_without_mode(request), *wishes.other_than_common_time(request)])


def _bars(request: generate_pb2.GenerateRequest, given: Sequence[Given]) -> int:
    if request.bars > MAX_BARS:
        raise InvalidField("bars", f"is {request.bars}, must be at most {MAX_BARS}")
    if given and request.bars not in (0, given[0].bars):
        raise InvalidField("bars", f"is {request.bars}, but the melody that is given has {given[0].bars}; leave it out")
    return given[0].bars if given else request.bars or DEFAULT_BARS


def _sliders(mood: Mood, options: Mapping[str, Any]) -> dict[int, float]:
    asked = {
        "density": mood.density(),
        "register": mood.register(),
        **{name: options[name] for name in ("syncopation", "contour", "span")},
    }
    return {NAMES.index(name): float(value) for name, value in asked.items() if value is not None}
