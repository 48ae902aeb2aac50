"""What the polish proposes for a piece: timing first, then what collides, then pitches, then what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.polish import harmony, judge, reasons, repairs, timing
from segue.plugins.polish.changes import Change
from segue.plugins.polish.harmony import Harmony
from segue.plugins.polish.judge import Slips
from segue.plugins.polish.network import Network
from segue.plugins.polish.repairs import Ends
from segue.plugins.polish.timing import Timing
from segue.v1 import music_pb2 as pb

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Mended:
    """The piece with its timing mended and its collisions resolved: what pitches are judged in.

    Attributes
    ----------
    piece
        The notes.
    note
        For each of them its index in the piece as it came.
    pitched
        Those that are no drums.
    harmony
        Key and chord at each.
    slips
        What was found of the pitched ones.
    """

    piece: Piece
    note: Ints
    pitched: Ints
    harmony: Harmony
    slips: Slips


@dataclass(frozen=True)
class Plan:
    """The proposal: changes in order of place, and what was found on the way."""

    changes: list[Change]
    timing: Timing
    mended: Mended


def make(piece: Piece, networks: Mapping[str, Network], options: Mapping[str, Any], strength: float) -> Plan:
    """Propose changes.

    Parameters
    ----------
    piece
        The piece, with at least one note.
    networks
        From ``network.load``.
    options
        The algorithm's options.
    strength
        0-1: the part of the way to the grid that notes go, and how readily pitches are changed; 0 proposes nothing.
    """
    found = timing.find(piece, options["grid"])
    twin = repairs.doubled(piece, found.off | found.rare, found.loose)
    mended, ends = _mend(piece, found, twin, networks)
    if strength <= 0:
        return Plan([], found, mended)
    threshold = 1 - (1 - options["confidence"]) * strength
    most = int(options["max_pitch_share"] * len(mended.pitched))
    slips = _surest(mended, threshold, most)
    changes = [
        *_doubled(piece, twin),
        *_timing(piece, found, twin, strength),
        *_lengths(piece, mended, ends, found),
        *_pitches(piece, mended, slips),
        *_missing(mended, slips, networks, threshold, most),
    ]
    changes.sort(key=lambda c: (piece.start[c.note] if c.note >= 0 else c.start, c.track, c.pitch, c.kind))
    return Plan(changes, found, mended)


def _mend(piece: Piece, found: Timing, twin: Ints, networks: Mapping[str, Network]) -> tuple[Mended, Ends]:
    note = np.flatnonzero(twin < 0)
    note = note[np.lexsort((piece.pitch[note], piece.track[note], found.start[note]))]
    moved = replace(piece, start=found.start, duration=found.duration).select(note)
    ends = repairs.ends(moved)
    moved = replace(moved, duration=ends.duration)
    pitched = np.flatnonzero(~moved.is_drum)
    slips = judge.find_slips(moved.select(pitched), networks)
    return Mended(moved, note, pitched, harmony.read(moved), slips), ends


def _change(piece: Piece, kind: pb.EditKind.ValueType, note: int, reason: str, **now: float) -> Change:
    return Change(
        kind,
        note,
        float(now.get("start", piece.start[note])),
        float(now.get("duration", piece.duration[note])),
        int(now.get("pitch", piece.pitch[note])),
        int(piece.velocity[note]),
        int(piece.track[note]),
        reason,
    )


def _doubled(piece: Piece, twin: Ints) -> Iterator[Change]:
    for note in np.flatnonzero(twin >= 0).tolist():
        yield _change(piece, pb.EDIT_KIND_DELETE, note, reasons.doubled(piece, note, int(twin[note])))


def _timing(piece: Piece, found: Timing, twin: Ints, strength: float) -> Iterator[Change]:
    start = piece.start + strength * (found.start - piece.start)
    duration = piece.duration + strength * (found.duration - piece.duration)
    for note in np.flatnonzero(found.moved & (twin < 0)).tolist():
        reason = reasons.timing(piece, found, note)
        yield _change(piece, pb.EDIT_KIND_TIMING, note, reason, start=start[note], duration=duration[note])


def _lengths(piece: Piece, mended: Mended, ends: Ends, found: Timing) -> Iterator[Change]:
    now = mended.piece.duration
    for row in np.flatnonzero((ends.into >= 0) | ends.stuck | found.resized[mended.note]).tolist():
        note = int(mended.note[row])
        if abs(now[row] - piece.duration[note]) < 0.002:
            continue
        if ends.into[row] >= 0:
            reason = reasons.held(mended.piece, row, int(ends.into[row]), found.duration[note])
        elif ends.stuck[row]:
            reason = reasons.stuck(mended.piece, row, float(piece.duration[note]))
        else:
            reason = reasons.resized(piece, note, float(now[row]))
        yield _change(piece, pb.EDIT_KIND_DURATION, note, reason, duration=now[row])


def _surest(mended: Mended, threshold: float, most: int) -> Ints:
    """Return the rows of the slips above the threshold, at most so many, the surest of them.

    To take a note out of the chord that is heard, as a borrowed one may be, twice the certainty is asked.
    """
    slips, told = mended.slips, mended.harmony.select(mended.pitched)
    against = told.in_chord(mended.piece.pitch[mended.pitched]) & ~told.in_chord(slips.pitch)
    rows = np.flatnonzero(slips.probability > np.where(against, (1 + threshold) / 2, threshold))
    return np.asarray(rows[np.argsort(-slips.probability[rows], kind="stable")[:most]])


def _pitches(piece: Piece, mended: Mended, slips: Ints) -> Iterator[Change]:
    for row in slips.tolist():
        note = int(mended.note[mended.pitched[row]])
        reason = reasons.pitch(mended.piece, mended.harmony, mended.slips, row, int(mended.pitched[row]))
        yield _change(piece, pb.EDIT_KIND_PITCH, note, reason, pitch=mended.slips.pitch[row])


def _missing(
    mended: Mended, slips: Ints, networks: Mapping[str, Network], threshold: float, most: int
) -> Iterator[Change]:
    pitch = mended.piece.pitch.copy()
    pitch[mended.pitched[slips]] = mended.slips.pitch[slips]
    piece = replace(mended.piece, pitch=pitch).select(mended.pitched)
    if not len(piece):
        return
    queries, probability = judge.find_missing(piece, networks)
    rows = np.flatnonzero(probability > threshold)
    rows = rows[np.argsort(-probability[rows], kind="stable")[:most]]
    beside = np.clip(np.searchsorted(piece.start, queries.start[rows] - 1e-3), 0, len(piece) - 1)
    for row, near in zip(rows.tolist(), beside.tolist(), strict=True):
        start, pitch_added, track = float(queries.start[row]), int(queries.pitch[row]), int(queries.track[row])
        own = np.flatnonzero(piece.track[near : near + 24] == track)
        velocity = int(piece.velocity[near + int(own[0]) if len(own) else near])
        place = int(mended.pitched[near])
        reason = reasons.missing(piece, mended.harmony, place, start, pitch_added, float(probability[row]))
        yield Change(pb.EDIT_KIND_INSERT, -1, start, float(queries.duration[row]), pitch_added, velocity, track, reason)
