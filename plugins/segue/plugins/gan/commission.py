"""What a request commissions: its wishes checked one by one. Every wish is either obeyed or refused by its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from segue.music.theme import Theme, fill
from segue.plugins import wishes
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
DEFAULT_BARS: Final = 8
DEFAULT_TEMPO: Final = 110.0
_MINOR_SHARE: Final = 0.2
_REFUSED: Final = wishes.reasons("emotion", "attributes", "chords", "form", "image", "lyrics") | {
    "instruments": "this algorithm has a band of its own",
    "given": "this algorithm starts from nothing",
}
_FOLLOWS: Final = frozenset({"style", "emotion", "tempo", "key"})
_THEME_STYLES: Final[Mapping[str, str]] = {
    "jazz": "jazz_combo", "swing": "jazz_swing", "bossa-nova": "bossanova", "ragtime": "ragtime", "pop": "pop_8beat",
    "rock": "rock", "folk": "folk", "salsa": "salsa", "latin": "salsa", "disco": "disco", "trance": "trance",
    "house": "house", "techno": "techno", "hip-hop": "hiphop", "hymn": "hymn",
}  # fmt: skip
"""Styles that a theme can name, and ours."""
_NOT_DONE: Final[Mapping[str, str]] = {
    "fit_range": "every track has its own range",
    "shape_dynamics": "dynamics follow the beat alone",
}


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
    correct_pitch, copied_limit
        What is done afterwards; the limit is 1 where there is none.
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
    request, theme, understood, notices = _read_theme(request)
    rng = np.random.default_rng((seed, 1))
    tonic, minor, style = int(rng.integers(12)), bool(rng.random() < _MINOR_SHARE), int(rng.integers(len(styles)))
    minor = minor if theme.likely_minor is None else theme.likely_minor
    if request.HasField("key"):
        tonic, minor = request.key.tonic, request.key.mode == music_pb2.MODE_MINOR
    finish = request.finish
    return Commission(
        seed=seed,
        count=request.count or 1,
        bars=request.bars or DEFAULT_BARS,
        tonic=tonic,
        minor=minor,
        tempo=request.tempo if request.HasField("tempo") else theme.likely_tempo(DEFAULT_TEMPO),
        style=styles.index(request.style) if request.style else style,
        spread=float(options["spread"]),
        variety=float(options["variety"]),
        correct_pitch=finish.correct_pitch if finish.HasField("correct_pitch") else True,
        copied_limit=finish.copied_fraction_limit if finish.HasField("copied_fraction_limit") else 1.0,
        understood=understood,
        notices=notices,
    )


def _read_theme(
    request: generate_pb2.GenerateRequest,
) -> tuple[generate_pb2.GenerateRequest, Theme, list[str], list[music_pb2.Notice]]:
    """Turn a theme into style, tempo and key; its emotion sets mode and tempo where it states none."""
    filled, theme, understood, notices = fill(request, _FOLLOWS, _THEME_STYLES)
    if not request.style:
        filled.style = _THEME_STYLES.get(filled.style, "")
    return filled, theme, understood, notices


def _refuse(request: generate_pb2.GenerateRequest, styles: Sequence[str]) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    wrong = [*wishes.not_followed(request, _REFUSED), *wishes.not_followed(request.finish, _NOT_DONE, "finish")]
    if request.style and request.style not in styles:
        wrong.append(("style", f"is {request.style!r}, must be one of {', '.join(styles)}"))
    wrong += wishes.key_without_mode(request) + wishes.other_than_common_time(request)
    wishes.refuse([*wrong, *wishes.too_many_bars(request, MAX_BARS)])
