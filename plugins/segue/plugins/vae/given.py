"""Melodies that come with a request: one to vary, or two to go between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, music_to_piece
from segue.plugin_api import InvalidField, InvalidMusic
from segue.plugins.vae.tokens import (
    BAR,
    HIGHEST,
    LOWEST,
    PER_BEAT,
    WINDOW,
    home_shift,
    melody_key,
    to_events,
    transpose,
)
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
_OVERLAP: Final = 0.26
"""Beats by which a note may last into the next one and still be of one voice."""


@dataclass(frozen=True)
class Given:
    """A melody.

    Attributes
    ----------
    events
        In C major or A minor, whole windows.
    bars
        How many of them it has.
    key, tempo
        Its key, 0-23, and tempo; 0 where it states none.
    notices
        What was guessed in reading.
    """

    events: NDArray[np.int64]
    bars: int
    key: int
    tempo: float
    notices: Sequence[music_pb2.Notice]


def read_given(request: generate_pb2.GenerateRequest) -> list[Given]:
    """Read the melodies of a request: none, one or two.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming what this algorithm can't start from.
    """
    if len(request.given) > 2:
        raise InvalidField(
            "given", f"has {len(request.given)} pieces of music, this algorithm varies one or goes between two"
        )
    found = [_read(given, f"given[{number}]") for number, given in enumerate(request.given)]
    if len(found) == 2 and found[0].bars != found[1].bars:
        raise InvalidMusic(
            "given[1].music", f"has {found[1].bars} bars and given[0].music {found[0].bars}, both must have as many"
        )
    return found


def _read(given: generate_pb2.GivenMusic, field: str) -> Given:
    if given.role != generate_pb2.GIVEN_ROLE_MOTIF:
        name = generate_pb2.GivenRole.Name(given.role)
        raise InvalidField(f"{field}.role", f"is {name}; this algorithm takes a MOTIF, or two of them")
    if given.HasField("span"):
        raise InvalidField(f"{field}.span", "is for INFILL alone; leave it out")
    piece, notices = music_to_piece(given.music, f"{field}.music")
    metres = {(meter.numerator, meter.denominator) for meter in piece.meter_map}
    if not metres <= {(4, 4), (2, 2)}:
        names = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(metres))
        raise InvalidMusic(f"{field}.music", f"is in {names}, must be in 4/4 throughout")
    own = _voice(piece, given, field)
    begin, end = (np.rint(beats * PER_BEAT).astype(np.int64) for beats in (own.start, own.end))
    bars = -(-int(end.max()) // BAR)
    if bars > MAX_BARS:
        raise InvalidMusic(f"{field}.music", f"has {bars} bars, can have at most {MAX_BARS}")
    if own.pitch.min() < LOWEST or own.pitch.max() > HIGHEST:
        reach = f"reaches from {own.pitch.min()} to {own.pitch.max()}"
        raise InvalidMusic(f"{field}.music", f"{reach}, must lie within {LOWEST}-{HIGHEST} (MIDI numbers)")
    key = melody_key(own)
    events = to_events(begin, np.maximum(end, begin + 1), own.pitch, -(-bars * BAR // WINDOW) * WINDOW)
    tempo = piece.tempos[0].quarters_per_minute if piece.tempos else 0.0
    return Given(transpose(events, home_shift(key % 12, key >= 12)), bars, key, tempo, notices)


def _voice(piece: Piece, given: generate_pb2.GivenMusic, field: str) -> Piece:
    """Return the notes of the track that is meant; they must be one voice."""
    tracks = sorted(set(piece.without_drums().track.tolist()))
    if given.HasField("track"):
        if given.track not in tracks:
            raise InvalidField(f"{field}.track", f"is {given.track}, must be one of {tracks}, which hold notes")
        tracks = [given.track]
    if len(tracks) != 1:
        raise InvalidMusic(
            f"{field}.music", f"has notes on {len(tracks)} pitched tracks; name the melody's by {field}.track"
        )
    own = piece.select(piece.track == tracks[0])
    if len(own) > 1 and (own.start[1:] < own.end[:-1] - _OVERLAP).any():
        raise InvalidMusic(f"{field}.music", f"sounds several notes at once on track {tracks[0]}, must be one voice")
    return own
