"""What a request commissions: its wishes checked one by one. Every wish is either obeyed or refused by its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from segue.music.chord_symbols import AskedChord, key_of_chords, read_chords
from segue.music.theory import key_name
from segue.plugin_api import InvalidField
from segue.plugins import wishes
from segue.plugins.gan.roll import BAR, PER_BEAT
from segue.plugins.moods import THEME_STYLES, read_mood
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
DEFAULT_BARS: Final = 8
DEFAULT_TEMPO: Final = 110.0
_MINOR_SHARE: Final = 0.2
_BAR_BEATS: Final = BAR // PER_BEAT
_REFUSED: Final = wishes.reasons("attributes", "form", "lyrics") | {
    "instruments": "this algorithm has a band of its own",
    "given": "this algorithm starts from nothing",
}
_NOT_DONE: Final = {"fit_range": "every track has its own range"}
_FOLLOWS: Final = frozenset({"style", "emotion", "tempo", "key"})
_THEME_STYLES: Final = {**THEME_STYLES, "pop": "pop_8beat"}


@dataclass(frozen=True)
class Commission:
    """Pieces to compose.

    Attributes
    ----------
    seed, count, bars, tonic, minor, tempo
        Of the request, or by default.
    style
        Index of the style.
    spread, variety
        Options.
    correct_pitch, shape_dynamics, copied_limit
        What is done afterwards; the limit is 1 where there is none.
    chromatic
        Whether pitch correction leaves the notes of the piece's own chords that are foreign to its key.
    chords
        That the piece is composed over, from its beginning; beats that they leave open are the algorithm's.
    whole
        Whether the piece begins on the tonic, and ends on the dominant and the tonic.
    understood, notices
        What the theme was understood to ask for, and what of it was not.
    """

    seed: int
    count: int
    bars: int
    tonic: int
    minor: bool
    tempo: float
    style: int
    spread: float
    variety: float
    correct_pitch: bool
    copied_limit: float
    shape_dynamics: bool = False
    chromatic: bool = True
    chords: Sequence[AskedChord] = ()
    whole: bool = True
    understood: Sequence[str] = ()
    notices: Sequence[music_pb2.Notice] = ()


def read_request(
    request: generate_pb2.GenerateRequest, options: Mapping[str, Any], seed: int, styles: Sequence[str]
) -> Commission:
    """Check a request; what it leaves open is drawn from the seed.

    Raises
    ------
    InvalidField
        Naming every wish that is not obeyed.
    """
    _refuse(request, styles)
    mood = read_mood(request, _FOLLOWS, _THEME_STYLES)
    request, understood = mood.request, list(mood.understood)
    rng = np.random.default_rng((seed, 1))
    tonic, minor, style = int(rng.integers(12)), bool(rng.random() < _MINOR_SHARE), int(rng.integers(len(styles)))
    minor = minor if mood.minor is None else mood.minor
    chords = read_chords(request.chords)
    key = key_of_chords(chords)
    if request.HasField("key"):
        tonic, minor = request.key.tonic, request.key.mode == music_pb2.MODE_MINOR
    elif key is not None:
        tonic, minor = key % 12, key >= 12
    if chords:
        understood.append(f"chords: {len(chords)} of them, in {key_name(tonic + 12 * minor)}")
    finish = request.finish
    return Commission(
        seed=seed,
        count=request.count or 1,
        bars=_bars(request, chords),
        tonic=tonic,
        minor=minor,
        tempo=mood.tempo(DEFAULT_TEMPO),
        style=styles.index(request.style) if request.style else style,
        spread=float(options["spread"]),
        variety=float(options["variety"]),
        correct_pitch=finish.correct_pitch if finish.HasField("correct_pitch") else not chords,
        copied_limit=finish.copied_fraction_limit if finish.HasField("copied_fraction_limit") else 1.0,
        shape_dynamics=finish.shape_dynamics,
        chromatic=not finish.HasField("correct_pitch"),
        chords=chords,
        whole=not chords,
        understood=understood,
        notices=mood.notices,
    )


def _bars(request: generate_pb2.GenerateRequest, chords: Sequence[AskedChord]) -> int:
    filled = int(np.ceil(chords[-1].end / _BAR_BEATS - 1e-6)) if chords else 0
    if filled > (request.bars or MAX_BARS):
        raise InvalidField("chords", f"fill {filled} bars, the piece has at most {request.bars or MAX_BARS}")
    return request.bars or filled or DEFAULT_BARS


def _refuse(request: generate_pb2.GenerateRequest, styles: Sequence[str]) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    wrong = [*wishes.not_followed(request, _REFUSED), *wishes.not_followed(request.finish, _NOT_DONE, "finish")]
    if request.style and request.style not in styles:
        wrong.append(("style", f"is {request.style!r}, must be one of {', '.join(styles)}"))
    wrong += wishes.key_without_mode(request) + wishes.other_than_common_time(request)
    wishes.refuse([*wrong, *wishes.too_many_bars(request, MAX_BARS)])
