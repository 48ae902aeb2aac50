"""Music that comes with a request: an opening, a melody to accompany, a motif, a piece with a gap, a reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Meter, Piece, music_to_piece
from segue.plugin_api import InvalidField, InvalidMusic
from segue.plugins.transformer.data import Song, to_song
from segue.plugins.transformer.elements import METRES, SLOTS, bar_steps
from segue.v1 import generate_pb2, music_pb2

MAX_BARS: Final = 64
_METRES: Final = {(4, 4): 0, (2, 2): 0, (3, 4): 1, (6, 8): 2}
_ROLES: Final = {
    generate_pb2.GIVEN_ROLE_OPENING: "OPENING",
    generate_pb2.GIVEN_ROLE_MELODY: "MELODY",
    generate_pb2.GIVEN_ROLE_INFILL: "INFILL",
    generate_pb2.GIVEN_ROLE_REFERENCE: "REFERENCE",
    generate_pb2.GIVEN_ROLE_MOTIF: "MOTIF",
}


@dataclass(frozen=True)
class Given:
    """Music that was given.

    Attributes
    ----------
    role
        One of ``OPENING``, ``MELODY``, ``INFILL``, ``REFERENCE`` and ``MOTIF``.
    song
        The music on the grid; of a melody or motif its one track alone.
    notes
        The notes as they came, their slots as tracks.
    to_compose
        For an INFILL whether each slot is to be composed anew, by bar; shape (bars, slots).
    order
        The slot of each track that holds notes, in the order of the music.
    notices
        What was guessed in reading.
    """

    role: str
    song: Song
    notes: Piece
    to_compose: NDArray[np.bool_]
    order: tuple[int, ...]
    notices: list[music_pb2.Notice]


def read_metre(request: generate_pb2.GenerateRequest) -> int | None:
    """Return the index of the metre that is asked for, None if none is.

    Raises
    ------
    InvalidField
        If this algorithm doesn't know it.
    """
    if not request.HasField("time_signature"):
        return None
    asked = (request.time_signature.numerator, request.time_signature.denominator)
    if asked not in _METRES:
        raise InvalidField("time_signature", f"is {asked[0]}/{asked[1]}, must be 4/4, 3/4 or 6/8")
    return _METRES[asked]


def read_given(request: generate_pb2.GenerateRequest) -> Given | None:
    """Read the music of a request.

    Raises
    ------
    InvalidField, InvalidMusic
        Naming what this algorithm can't start from.
    """
    if not request.given:
        return None
    if len(request.given) > 1:
        raise InvalidField("given", f"has {len(request.given)} pieces of music, this algorithm starts from one")
    given = request.given[0]
    if given.role not in _ROLES:
        raise InvalidField("given[0].role", f"is not stated; this algorithm takes {', '.join(_ROLES.values())}")
    role = _ROLES[given.role]
    if given.HasField("span") and role != "INFILL":
        raise InvalidField("given[0].span", "is for INFILL alone; leave it out")
    piece, notices = music_to_piece(given.music, "given[0].music")
    piece = _chosen(piece, given, role)
    metre = _metre(piece, read_metre(request))
    song = to_song(replace(piece, meters=(metre,)), "", "pop_piano", "test", lead=False)
    if song is None:
        raise InvalidMusic("given[0].music", "holds no pitched note")
    if song.bars > MAX_BARS:
        raise InvalidMusic("given[0].music", f"has {song.bars} bars, can have at most {MAX_BARS}")
    compose = np.zeros((song.bars, len(song.programs)), bool)
    if role == "INFILL":
        compose = _to_compose(given, piece, song)
    slots = slot_order(piece)
    order = tuple(slots.index(track) for track in sorted(slots))
    return Given(role, song, _by_slot(piece, slots), compose, order, list(notices))


def _chosen(piece: Piece, given: generate_pb2.GivenMusic, role: str) -> Piece:
    """Return the tracks that count: all, or the one of a melody or motif."""
    used = sorted(set(piece.track.tolist()))
    if given.HasField("track") and given.track not in used:
        raise InvalidField("given[0].track", f"is {given.track}, must be one of {used}, which hold notes")
    if role in ("MELODY", "MOTIF"):
        used = [given.track] if given.HasField("track") else used
        if len(used) != 1:
            what = f"has notes on {len(used)} tracks, a {role} is one"
            raise InvalidMusic("given[0].music", f"{what}; name it by given[0].track")
        if piece.tracks[used[0]].drums:
            raise InvalidMusic("given[0].music", "is a drum track, must be a pitched one")
        return piece.select(piece.track == used[0])
    if len(used) > SLOTS:
        raise InvalidMusic("given[0].music", f"has notes on {len(used)} tracks, can have at most {SLOTS}")
    return piece


def _metre(piece: Piece, asked: int | None) -> Meter:
    found = {(meter.numerator, meter.denominator) for meter in piece.meters}
    if not found:
        return METRES[asked or 0]
    if len(found) > 1 or not found <= set(_METRES):
        names = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in sorted(found))
        raise InvalidMusic("given[0].music", f"is in {names}, must be in 4/4, 3/4 or 6/8 throughout")
    index = _METRES[found.pop()]
    if asked is not None and asked != index:
        raise InvalidField("time_signature", "is another than that of the music that is given; leave it out")
    return METRES[index]


def slot_order(piece: Piece) -> list[int]:
    """Return the tracks with notes in the order in which they are slots: pitched ones from high to low, then drums."""
    used = sorted(set(piece.track.tolist()))
    return sorted(used, key=lambda t: (piece.tracks[t].drums, -piece.pitch[piece.track == t].mean()))


def _by_slot(piece: Piece, slots: list[int]) -> Piece:
    slot_of = {track: slot for slot, track in enumerate(slots)}
    tracks = tuple(piece.tracks[track] for track in slots)
    return replace(piece.with_notes(track=[slot_of[t] for t in piece.track.tolist()]), tracks=tracks)


def _to_compose(given: generate_pb2.GivenMusic, piece: Piece, song: Song) -> NDArray[np.bool_]:
    """Say which bars of which slots an INFILL composes anew: whole bars that the span touches."""
    if not given.HasField("span") and not given.HasField("track"):
        raise InvalidField("given[0].span", "is absent, and so is track: say which stretch or track to compose anew")
    first, last = 0, song.bars
    beats = bar_steps(METRES[song.metre]) / 12
    if given.HasField("span"):
        first, last = int(given.span.start // beats), int(np.ceil(given.span.end / beats))
        if not 0 <= first < last or first >= song.bars:
            end = song.bars * beats
            raise InvalidField(
                "given[0].span", f"is {given.span.start:g}-{given.span.end:g}, must lie within beats 0-{end:g}"
            )
    compose = np.zeros((song.bars, len(song.programs)), bool)
    order = slot_order(piece)
    slots = [order.index(given.track)] if given.HasField("track") else list(range(len(order)))
    compose[first:last, slots] = True
    return compose
