"""What a request commissions: its wishes checked one by one. Every wish is either obeyed or refused by its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from segue.plugin_api import InvalidField
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
DEFAULT_BARS: Final = 8
DEFAULT_TEMPO: Final = 110.0
_MINOR_SHARE: Final = 0.2
_REFUSED: Final[Mapping[str, str]] = {
    "theme": "this algorithm reads no words",
    "emotion": "this algorithm follows no emotion",
    "attributes": "this algorithm has no sliders",
    "instruments": "this algorithm has a band of its own",
    "chords": "this algorithm chooses its own chords",
    "form": "this algorithm composes one strain",
    "given": "this algorithm starts from nothing",
    "image": "this algorithm looks at no picture",
    "lyrics": "this algorithm sets no words",
}
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
    rng = np.random.default_rng((seed, 1))
    tonic, minor, style = int(rng.integers(12)), bool(rng.random() < _MINOR_SHARE), int(rng.integers(len(styles)))
    if request.HasField("key"):
        tonic, minor = request.key.tonic, request.key.mode == music_pb2.MODE_MINOR
    finish = request.finish
    return Commission(
        seed=seed,
        count=request.count or 1,
        bars=request.bars or DEFAULT_BARS,
        tonic=tonic,
        minor=minor,
        tempo=request.tempo if request.HasField("tempo") else DEFAULT_TEMPO,
        style=styles.index(request.style) if request.style else style,
        spread=float(options["spread"]),
        variety=float(options["variety"]),
        correct_pitch=finish.correct_pitch if finish.HasField("correct_pitch") else True,
        copied_limit=finish.copied_fraction_limit if finish.HasField("copied_fraction_limit") else 1.0,
    )


def _refuse(request: generate_pb2.GenerateRequest, styles: Sequence[str]) -> None:
    """Refuse what this algorithm can't follow, all at once."""
    set_fields = {descriptor.name for descriptor, _ in request.ListFields()}
    wrong = [(name, f"{why}; leave it out") for name, why in _REFUSED.items() if name in set_fields]
    asked = {descriptor.name for descriptor, value in request.finish.ListFields() if value is not False}
    wrong += [(f"finish.{name}", f"{why}; leave it out") for name, why in _NOT_DONE.items() if name in asked]
    if request.style and request.style not in styles:
        wrong.append(("style", f"is {request.style!r}, must be one of {', '.join(styles)}"))
    if request.HasField("key") and request.key.mode == music_pb2.MODE_UNSPECIFIED:
        wrong.append(("key.mode", "is not stated, must be major or minor"))
    metre = request.time_signature
    if request.HasField("time_signature") and (metre.numerator, metre.denominator) != (4, 4):
        wrong.append(("time_signature", f"is {metre.numerator}/{metre.denominator}, must be 4/4"))
    if request.bars > MAX_BARS:
        wrong.append(("bars", f"is {request.bars}, must be at most {MAX_BARS}"))
    if wrong:
        raise InvalidField(*wrong[0], wrong[1:])
