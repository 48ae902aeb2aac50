"""Rules that a piece breaks: what the polish mends, and must never add to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from segue.music import Piece
from segue.music.issues import DETECTORS, off_key
from segue.music.reading import Reading
from segue.plugins.polish.harmony import LONGEST
from segue.v1 import analyze_pb2 as pb

COLLISIONS: Final = (pb.ISSUE_KIND_OVERLAP, pb.ISSUE_KIND_DUPLICATE, pb.ISSUE_KIND_STUCK_NOTE)
"""Kinds that are compared with the piece as it came."""
VOICES: Final = (pb.ISSUE_KIND_PARALLELS, pb.ISSUE_KIND_VOICE_CROSSING)
HANDS: Final = (*VOICES, pb.ISSUE_KIND_UNPLAYABLE)
"""Kinds that show only where the timing is right, compared, as a pitch outside key and chord is, with the piece so."""
SAME_PLACE: Final = 0.3
"""Beats within which two findings of a kind in a track are the same."""


class Break(NamedTuple):
    """A rule broken: its ``pb.IssueKind``, the track, and the beats."""

    kind: pb.IssueKind.ValueType
    track: int
    begin: float
    end: float


def find(piece: Piece, kinds: Sequence[pb.IssueKind.ValueType]) -> list[Break]:
    """Return the breaks of some of the rules, in order."""
    reading = Reading(piece)
    return sorted(
        Break(kind, -1 if found.track is None else found.track, found.start, found.end)
        for kind in kinds
        for found in DETECTORS[kind](reading)
    )


def outside(piece: Piece, reading: Reading) -> list[Break]:
    """Return pitches outside key and chord that lead nowhere, as a reading tells them; none in hours of music."""
    notes = piece.without_drums()
    if not len(notes) or reading.original.beats > LONGEST or not len(reading.pitched):
        return []
    rows = off_key(notes, reading).tolist()
    return sorted(
        Break(pb.ISSUE_KIND_OUT_OF_KEY, int(notes.track[row]), float(notes.start[row]), float(notes.end[row]))
        for row in rows
    )


class Compared(NamedTuple):
    """Breaks before and after, and those after that were not there before."""

    before: list[Break]
    after: list[Break]
    new: list[Break]


def compare(piece: Piece, timed: Piece, polished: Piece) -> Compared:
    """Count breaks before and after.

    Parameters
    ----------
    piece
        As it came: what collides is looked for here.
    timed
        With its timing right and its collisions resolved, every pitch as it came: parallels and clusters hide in sloppy
        timing, so quantising brings them to light and does not make them.
    polished
        With all changes. Its harmony tells for both what is outside.
    """
    reading = Reading(polished)
    before = find(piece, COLLISIONS) + find(timed, HANDS) + outside(timed, reading)
    after = find(polished, (*COLLISIONS, *HANDS)) + outside(polished, reading)
    return Compared(before, after, list(_new(before, after)))


def _new(before: Sequence[Break], after: Sequence[Break]) -> Iterator[Break]:
    """Yield what is found after and, at the same place, not before; each one before excuses one after."""
    left: dict[tuple[int, int], list[float]] = {}
    for known in sorted(before):
        left.setdefault((known.kind, known.track), []).append(known.begin)
    for found in sorted(after):
        waiting = left.get((found.kind, found.track), [])
        while waiting and waiting[0] < found.begin - SAME_PLACE:
            waiting.pop(0)
        if waiting and waiting[0] <= found.begin + SAME_PLACE:
            waiting.pop(0)
        else:
            yield found
