"""Changes to notes: what the polish proposes, how they are applied, and how they travel.

A change says what becomes of one note on its own, so any subset can be applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, Syllable
from segue.v1 import music_pb2 as pb


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes
    ----------
    kind
        A ``pb.EditKind``.
    note
        Index of the note in the piece as it came, -1 for a new one.
    start, duration, pitch, velocity, track
        The note with this change alone; as it was for one that is removed.
    reason
        Why, in a sentence.
    mends
        Rules that were broken and are not with it: collisions that it resolves.
    infilled
        Tempered nats by which the chorale network finds the piece likelier with it; 0 where it was not asked.
    """

    kind: pb.EditKind.ValueType
    note: int
    start: float
    duration: float
    pitch: int
    velocity: int
    track: int
    reason: str
    mends: int = 0
    infilled: float = 0.0


def apply(piece: Piece, changes: Sequence[Change]) -> Piece:
    """Return the piece with changes made; a syllable goes with the note that it is sung to."""
    start, duration = piece.start.copy(), piece.duration.copy()
    pitch, velocity = piece.pitch.copy(), piece.velocity.copy()
    kept = np.ones(len(piece), bool)
    for change in changes:
        if change.kind == pb.EDIT_KIND_TIMING:
            start[change.note], duration[change.note] = change.start, change.duration
    for change in changes:
        if change.kind == pb.EDIT_KIND_DURATION:
            duration[change.note] = change.duration
        elif change.kind == pb.EDIT_KIND_PITCH:
            pitch[change.note] = change.pitch
        elif change.kind == pb.EDIT_KIND_VELOCITY:
            velocity[change.note] = change.velocity
        elif change.kind == pb.EDIT_KIND_DELETE:
            kept[change.note] = False
    new = [change for change in changes if change.kind == pb.EDIT_KIND_INSERT]
    columns = {
        "start": [*start[kept], *(change.start for change in new)],
        "duration": [*duration[kept], *(change.duration for change in new)],
        "pitch": [*pitch[kept], *(change.pitch for change in new)],
        "velocity": [*velocity[kept], *(change.velocity for change in new)],
        "track": [*piece.track[kept], *(change.track for change in new)],
    }
    return replace(piece.with_notes(**columns), lyrics=_moved_lyrics(piece, start))


def _moved_lyrics(piece: Piece, start: NDArray[np.float64]) -> tuple[Syllable, ...]:
    if not piece.lyrics or not len(piece):
        return piece.lyrics
    beats = np.array([syllable.beat for syllable in piece.lyrics])
    after = np.clip(np.searchsorted(piece.start, beats), 1, max(len(piece) - 1, 1))
    before = np.minimum(after - 1, len(piece) - 1)
    after = np.minimum(after, len(piece) - 1)
    near = np.where(np.abs(piece.start[before] - beats) <= np.abs(piece.start[after] - beats), before, after)
    moved = np.where(np.abs(piece.start[near] - beats) < 0.01, start[near], beats)
    return tuple(syllable._replace(beat=float(beat)) for syllable, beat in zip(piece.lyrics, moved, strict=True))


def to_edits(piece: Piece, changes: Sequence[Change], ids: Sequence[int]) -> list[pb.Edit]:
    """Write changes as messages."""
    beats = np.array([change.start if change.note < 0 else piece.start[change.note] for change in changes], np.float64)
    bars, seconds = piece.bar_of(beats).tolist(), piece.beats_to_seconds(beats).tolist()
    edits = []
    for row, (number, change) in enumerate(zip(ids, changes, strict=True)):
        length = change.duration if change.note < 0 else float(piece.duration[change.note])
        place = pb.Place(
            track=change.track,
            bar=bars[row],
            span=pb.Span(start=beats[row], end=beats[row] + length),
            seconds=seconds[row],
        )
        before = after = None
        if change.kind != pb.EDIT_KIND_INSERT:
            before = pb.Note(
                start=piece.start[change.note],
                duration=piece.duration[change.note],
                pitch=int(piece.pitch[change.note]),
                velocity=int(piece.velocity[change.note]),
            )
        if change.kind != pb.EDIT_KIND_DELETE:
            after = pb.Note(start=change.start, duration=change.duration, pitch=change.pitch, velocity=change.velocity)
        edits.append(
            pb.Edit(id=number, kind=change.kind, place=place, before=before, after=after, reason=change.reason)
        )
    return edits
