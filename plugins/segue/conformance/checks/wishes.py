"""A wish is followed, noticed or refused by name, never dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc
from segue.conformance.check import BrokenPromise, Check, NotApplicable
from segue.conformance.compare import difference
from segue.conformance.failures import read_failure
from segue.conformance.subject import Subject
from segue.v1 import catalog_pb2, generate_pb2, music_pb2

_F_SHARP_MINOR: Final = music_pb2.Key(tonic=6, mode=music_pb2.MODE_MINOR)
_WISHES: Final[Mapping[str, Any]] = {
    "theme": "a slow and sad song in F sharp minor at 47 bpm",
    "style": "no-such-style",
    "emotion": music_pb2.Emotion(quadrant=music_pb2.EMOTION_QUADRANT_SAD, valence=-0.9, arousal=-0.9),
    "key": _F_SHARP_MINOR,
    "tempo": 173.0,
    "time_signature": music_pb2.TimeSignature(numerator=7, denominator=8),
    "bars": 11,
    "instruments": [109],
    "attributes": music_pb2.Attributes(rhythmic_intensity=1.0, polyphony=1.0, register=1.0, loudness=1.0),
    "chords": [
        music_pb2.Chord(span=music_pb2.Span(start=0, end=4), symbol="F#:min"),
        music_pb2.Chord(span=music_pb2.Span(start=4, end=16), symbol="C#:7"),
    ],
    "form": ["B", "A"],
    "lyrics": generate_pb2.LyricsWish(text="No one has sung these words before"),
}
"""One for each field of the request that says what to compose: unusual, so that a piece that ignores it shows."""


def look(subject: Subject) -> str:
    """State one wish at a time beside the probe's own."""
    if subject.algorithm.capability != catalog_pb2.CAPABILITY_GENERATE:
        raise NotApplicable("it composes nothing")
    plain = subject.call(subject.probe(seed=3))
    if difference(plain, subject.call(subject.probe(seed=3))):
        raise NotApplicable("the same seed gives different pieces: see 'seed'")
    followed, refused = [], []
    for field, wish in subject.within_time(_WISHES.items()):
        request = subject.probe(seed=3)
        request.ClearField(field)
        request.MergeFrom(generate_pb2.GenerateRequest(**{field: wish}))
        try:
            answer = subject.call(request)
        except grpc.RpcError as error:
            failure = read_failure(error)
            if failure.code not in ("INVALID_ARGUMENT", "UNIMPLEMENTED") or not failure.text:
                raise BrokenPromise(f"the wish '{field}' fails with {failure}", _RIGHT) from error
            refused.append(field)
            continue
        if not difference(plain, answer):
            raise BrokenPromise(f"the wish '{field}' is dropped: the piece is the same without it", _RIGHT)
        followed.append(field)
    untried = [field for field in _WISHES if field not in (*followed, *refused)]
    late = f"; not tried for lack of time: {', '.join(untried)}" if untried else ""
    return f"followed or noticed: {', '.join(followed) or 'none'}; refused: {', '.join(refused) or 'none'}{late}"


_RIGHT: Final = "follow it, say in a notice that it could not be, or refuse it: InvalidField(field, 'is not followed')"

WISHES: Final = Check("wishes", "a wish is followed, noticed or refused by name, never dropped in silence", look)
