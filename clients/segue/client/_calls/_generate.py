"""The calls Generate and GenerateStream."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from segue.client._calls._call import Call, Options, as_it_is, as_stream, build, to_struct
from segue.client._errors import InvalidField
from segue.client._music import MusicLike, to_music
from segue.client._parse import (
    parse_chords,
    parse_emotion,
    parse_instrument,
    parse_key,
    parse_time_signature,
    to_attributes,
)
from segue.v1 import generate_pb2 as pb
from segue.v1.generate_pb2 import (
    Finish,
    GenerateRequest,
    GenerateResponse,
    GenerateStreamRequest,
    GenerateStreamResponse,
    GivenMusic,
    LyricsWish,
)
from segue.v1.music_pb2 import Attributes, Chord, Emotion, Key, TimeSignature
from segue.v1.music_service_pb2_grpc import MusicServiceStub


def generate(
    *,
    theme: str = "",
    style: str = "",
    emotion: str | Emotion | None = None,
    key: str | Key | None = None,
    tempo: float | None = None,
    time_signature: str | TimeSignature | None = None,
    bars: int = 0,
    instruments: Iterable[int | str] = (),
    attributes: Attributes | Mapping[str, Any] | None = None,
    chords: str | Iterable[Chord] = (),
    form: Iterable[str] = (),
    opening: MusicLike | None = None,
    melody: MusicLike | None = None,
    infill: MusicLike | None = None,
    reference: MusicLike | None = None,
    motif: MusicLike | None = None,
    given: Iterable[GivenMusic] = (),
    image: str | Path | bytes | None = None,
    lyrics: bool | str | LyricsWish = False,
    count: int = 0,
    finish: Finish | Mapping[str, Any] | None = None,
    algorithm: str = "",
    options: Options | None = None,
    seed: int | None = None,
    request_id: str = "",
    timeout: float | None = None,
) -> Call[GenerateResponse]:
    """Compose pieces. Every wish may be left out; one that the algorithm can't follow is refused by name.

    Parameters
    ----------
    theme
        Theme in free text, English or Chinese.
    style
        Style by name.
    emotion
        "happy", "tense", "sad", "calm", valence and arousal as "0.5,-0.2", or a message.
    key
        E.g. "F# minor".
    tempo
        Quarter notes per minute, 20-300.
    time_signature
        E.g. "6/8".
    bars
        Length, 1-512; 0 leaves it to the algorithm.
    instruments
        General MIDI programs 0-127, 128 for drums, or names such as "violin".
    attributes
        Sliders, each 0-1: rhythmic_intensity, polyphony, register, loudness.
    chords
        Chords to compose over: Harte's notation, one for each four beats ("C:maj | G:7"), or messages.
    form
        Section names in order.
    opening, melody, infill, reference, motif
        Music to begin with, to harmonise, to compose anew in, to answer, to develop.
    given
        The same as messages, where a span or a track is to be named.
    image
        A PNG or JPEG whose colours suggest the emotion: a path or bytes.
    lyrics
        True for words to sing, the words themselves, or a message.
    count
        How many pieces, 1-64; 0 means 1.
    finish
        What is done to a piece after it is composed, e.g. ``{"correct_pitch": True}``.
    algorithm
        Algorithm by name; empty means the default one.
    options
        Options of the algorithm, as its schema in the catalogue lists them.
    seed
        The same seed and request give the same bytes.
    request_id
        The same id gets the same answer, once; by default a fresh one, so that a retry does not compose twice.
    timeout
        Seconds for the call with all its retries; by default the client's, or 120.
    """
    roles: list[tuple[Any, MusicLike | None]] = [
        (pb.GIVEN_ROLE_OPENING, opening),
        (pb.GIVEN_ROLE_MELODY, melody),
        (pb.GIVEN_ROLE_INFILL, infill),
        (pb.GIVEN_ROLE_REFERENCE, reference),
        (pb.GIVEN_ROLE_MOTIF, motif),
    ]
    given = [*given, *(GivenMusic(role=role, music=to_music(music)) for role, music in roles if music is not None)]
    request = build(
        GenerateRequest,
        algorithm=algorithm,
        options=to_struct(options),
        request_id=request_id or str(uuid.uuid4()),
        seed=seed,
        theme=theme,
        style=style,
        emotion=parse_emotion(emotion) if isinstance(emotion, str) else emotion,
        key=parse_key(key) if isinstance(key, str) else key,
        tempo=tempo,
        time_signature=parse_time_signature(time_signature) if isinstance(time_signature, str) else time_signature,
        bars=bars,
        instruments=[parse_instrument(i) if isinstance(i, str) else i for i in instruments],
        attributes=None if attributes is None else to_attributes(attributes),
        chords=parse_chords(chords) if isinstance(chords, str) else chords,
        form=form,
        given=given,
        image=_image(image),
        lyrics=_lyrics(lyrics),
        count=count,
        finish=build(Finish, **finish) if isinstance(finish, Mapping) else finish,
    )
    return Call(MusicServiceStub, "Generate", request, as_it_is, timeout, 120.0)


generate_stream = as_stream(
    generate,
    GenerateStreamRequest,
    GenerateStreamResponse,
    """Compose one piece and give each bar as soon as it is there, then the whole piece.

    Takes the keywords of `generate`, where ``count`` must be 0 or 1. The timeout, 300 s by default, is that of the
    whole stream. Nothing is sent before the first message is asked for; closing the iterator stops the composition.
    """,
)


def _image(image: str | Path | bytes | None) -> bytes | None:
    if not isinstance(image, str | Path):
        return image
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise InvalidField.at("image", f"{image} can't be read: {error.strerror}") from error


def _lyrics(lyrics: bool | str | LyricsWish) -> LyricsWish | None:
    if isinstance(lyrics, bool):
        return LyricsWish() if lyrics else None
    return LyricsWish(text=lyrics) if isinstance(lyrics, str) else lyrics
