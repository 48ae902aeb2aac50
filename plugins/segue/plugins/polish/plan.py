"""What the polish does to a piece: proposals, those of them that are accepted, and what was found on the way.

Timing first, then what collides, then pitches, then what is missing; of these the likely ones. Then voices, chords
where that is asked for, loudness. Last, what would break a rule anew is withdrawn. Each stage is told before it begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, playing, timing
from segue.music.division import Division
from segue.music.reading import Reading
from segue.music.timing import Timing
from segue.plugins.polish import accept, dynamics, harmony, judge, playable, reasons, reharmonise, repairs, voicing
from segue.plugins.polish.changes import Change
from segue.plugins.polish.harmony import LONGEST, Harmony
from segue.plugins.polish.judge import Slips
from segue.plugins.polish.likelihood import Heard
from segue.plugins.polish.models import Models
from segue.plugins.polish.repairs import Ends
from segue.v1 import music_pb2 as pb

Ints = NDArray[np.int64]


class Stage(NamedTuple):
    """What is about to be done, and the share, 0-1, of the time that a polish usually takes that has passed by then."""

    fraction: float
    name: str


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
    """What is done: changes in order of place, how many were proposed, and what was found on the way.

    Attributes
    ----------
    changes
        Those that were accepted.
    refused
        Number of those that were not: unlikely, or breaking a rule anew.
    timing, mended
        What was found.
    came
        The piece as it came, ready to be weighed.
    notices
        What was not done and can be asked for: the option that asks for it, and a sentence.
    """

    changes: list[Change]
    refused: int
    timing: Timing
    mended: Mended
    came: Heard
    notices: list[tuple[str, str]]


def steps(
    piece: Piece,
    models: Models,
    options: Mapping[str, Any],
    strength: float,
    asked: frozenset[int] = frozenset(),
    *,
    beats: bool = True,
) -> Iterator[Stage | Plan]:
    """Say what is done to a piece: each stage before it begins, and last the plan.

    Parameters
    ----------
    piece
        The piece, with at least one note.
    models
        From ``models.load``.
    options
        The algorithm's options.
    strength
        0-1: the part of the way to the grid that notes go, and how readily pitches are changed; 0 proposes nothing.
    asked
        Kinds of edit that are meant; none if all are.
    beats
        False if the piece does not say where its beats are: its timing stays, unless a grid is named.
    """
    yield Stage(0.0, "timing")
    found, left = _timing_found(piece, options["grid"], asked, beats=beats)
    yield Stage(0.2, "collisions and slips")
    found = _apart(piece, found)
    twin = repairs.doubled(piece, found.off | found.rare, found.loose)
    mended, ends = _mend(piece, found, twin, models)
    came, heard = models.likelihood.read(piece), models.likelihood.read(mended.piece)
    if strength <= 0:
        yield Plan([], 0, found, mended, came, left)
        return
    threshold = 1 - (1 - options["confidence"]) * strength
    most = int(options["max_pitch_share"] * len(mended.pitched))
    slips = _surest(mended, threshold, most)
    yield Stage(0.4, "missing notes")
    proposals = (
        *_doubled(piece, twin),
        *_timing(piece, found, twin, strength),
        *_lengths(piece, mended, ends, found),
        *_pitches(piece, mended, slips),
        *_missing(mended, slips, models, threshold, most),
    )
    proposed = [change for change in proposals if not asked or change.kind in asked]
    row = np.full(len(piece), -1)
    row[mended.note] = np.arange(len(mended.note))
    accepted = accept.likely(proposed, came, heard, row, found.loose or found.flattened)
    sureness = {int(mended.note[mended.pitched[slip]]): float(mended.slips.probability[slip]) for slip in slips}
    accepted = accept.melody_held(piece, accepted, sureness)
    refused = len(proposed) - len(accepted)
    yield Stage(0.62, "voice leading")
    accepted = [*accepted, *_voices(piece, mended, accepted, row, heard, models)]
    reachable, unplayable = _octaves(piece, mended, accepted, row)
    accepted = [*accepted, *reachable]
    accepted = [*accepted, *_chords(piece, mended, accepted, heard, options)]
    yield Stage(0.63, "loudness")
    shaped, flat = _loudness(piece, models, options, strength, asked)
    likely = [change for change in (*accepted, *shaped) if not asked or change.kind in asked]
    yield Stage(0.64, "rules")
    changes = accept.without_new_breaks(piece, likely)
    changes.sort(key=lambda c: (piece.start[c.note] if c.note >= 0 else c.start, c.track, c.pitch, c.kind))
    yield Plan(changes, refused + len(likely) - len(changes), found, mended, came, [*left, *unplayable, *flat])


def _timing_found(
    piece: Piece, division: Division, asked: frozenset[int], *, beats: bool
) -> tuple[Timing, list[tuple[str, str]]]:
    """Find where notes belong, and say so if they stay where they are though they do not lie there."""
    found = timing.find(piece, division)
    if division != "auto" or not (found.moved | found.resized).any():
        return found, []
    names = "the option grid names a grid."
    if not beats or not playing.follows_beats(piece):
        why = "The notes do not follow the file's beats" if beats else "Nothing in the file says where the beats are"
        text = f"{why}, so the timing stays; {names}"
        return playing.as_played(piece, found, beats=False), [("options.grid", text)]
    if playing.has_feel(piece, found) and pb.EDIT_KIND_TIMING not in asked:
        away = np.abs(piece.start - found.target)
        later = piece.beats_to_seconds(piece.start + away) - piece.beats_to_seconds(piece.start)
        text = (
            f"Played {away.mean():.3f} beats ({1000 * later.mean():.0f} ms) beside the grid in the mean, as players do"
        )
        text = f"{text}, and left so; EDIT_KIND_TIMING among polish.kinds quantises it, and {names}"
        return playing.as_played(piece, found, beats=True), [("options.grid", text)]
    return found, []


def _apart(piece: Piece, found: Timing) -> Timing:
    """Leave notes where they are that would be moved onto another of their pitch and track."""
    moved = replace(piece, start=found.start, duration=found.duration)
    twin = repairs.doubled(moved, np.zeros(len(piece), bool), loose=True)
    second = np.flatnonzero(twin >= 0)
    stays = np.zeros(len(piece), bool)
    stays[np.where(found.moved[second], second, twin[second])] = True
    stays &= found.moved
    start, duration = np.where(stays, piece.start, found.start), np.where(stays, piece.duration, found.duration)
    return replace(found, start=start, duration=duration, moved=found.moved & ~stays)


def _mend(piece: Piece, found: Timing, twin: Ints, models: Models) -> tuple[Mended, Ends]:
    note = np.flatnonzero(twin < 0)
    note = note[np.lexsort((piece.pitch[note], piece.track[note], found.start[note]))]
    moved = replace(piece, start=found.start, duration=found.duration).select(note)
    ends = repairs.ends(moved)
    moved = replace(moved, duration=ends.duration)
    pitched = np.flatnonzero(~moved.is_drum)
    slips = judge.find_slips(moved.select(pitched), models.networks, models.infiller)
    return Mended(moved, note, pitched, harmony.read(moved), slips), ends


def _change(piece: Piece, kind: pb.EditKind.ValueType, note: int, reason: str, mends: int = 0, **now: float) -> Change:
    return Change(
        kind,
        note,
        float(now.get("start", piece.start[note])),
        float(now.get("duration", piece.duration[note])),
        int(now.get("pitch", piece.pitch[note])),
        int(now.get("velocity", piece.velocity[note])),
        int(piece.track[note]),
        reason,
        mends,
    )


def _doubled(piece: Piece, twin: Ints) -> Iterator[Change]:
    for note in np.flatnonzero(twin >= 0).tolist():
        yield _change(piece, pb.EDIT_KIND_DELETE, note, reasons.doubled(piece, note, int(twin[note])), 1)


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
        mends = int(ends.into[row] >= 0 or ends.stuck[row])
        yield _change(piece, pb.EDIT_KIND_DURATION, note, reason, mends, duration=now[row])


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
        change = _change(piece, pb.EDIT_KIND_PITCH, note, reason, pitch=mended.slips.pitch[row])
        yield replace(change, infilled=float(mended.slips.infilled[row]))


def _missing(mended: Mended, slips: Ints, models: Models, threshold: float, most: int) -> Iterator[Change]:
    pitch = mended.piece.pitch.copy()
    pitch[mended.pitched[slips]] = mended.slips.pitch[slips]
    piece = replace(mended.piece, pitch=pitch).select(mended.pitched)
    if not len(piece):
        return
    queries, probability, infilled = judge.find_missing(piece, models.networks, models.infiller)
    rows = np.flatnonzero(probability > threshold)
    rows = rows[np.argsort(-probability[rows], kind="stable")[:most]]
    beside = np.clip(np.searchsorted(piece.start, queries.start[rows] - 1e-3), 0, len(piece) - 1)
    for row, near in zip(rows.tolist(), beside.tolist(), strict=True):
        start, pitch_added, track = float(queries.start[row]), int(queries.pitch[row]), int(queries.track[row])
        own = np.flatnonzero(piece.track[near : near + 24] == track)
        velocity = int(piece.velocity[near + int(own[0]) if len(own) else near])
        place = int(mended.pitched[near])
        reason = reasons.missing(piece, mended.harmony, place, start, pitch_added, float(probability[row]))
        length, nats = float(queries.duration[row]), float(infilled[row])
        yield Change(pb.EDIT_KIND_INSERT, -1, start, length, pitch_added, velocity, track, reason, 0, nats)


def _voices(
    piece: Piece, mended: Mended, accepted: Sequence[Change], row: Ints, heard: Heard, models: Models
) -> Iterator[Change]:
    now, settled = _settled(mended, accepted, row)
    moves = voicing.propose(now, mended.harmony, heard, settled, models.likelihood, models.infiller)
    for note, better, reason in moves:
        yield _change(piece, pb.EDIT_KIND_PITCH, int(mended.note[note]), reason, pitch=better)


def _settled(mended: Mended, accepted: Sequence[Change], row: Ints) -> tuple[Piece, NDArray[np.bool_]]:
    """Return the mended piece with the pitches that were accepted, and the notes that have one."""
    pitch, settled = mended.piece.pitch.copy(), np.zeros(len(mended.piece), bool)
    for change in accepted:
        if change.kind == pb.EDIT_KIND_PITCH:
            pitch[row[change.note]], settled[row[change.note]] = change.pitch, True
    return replace(mended.piece, pitch=pitch), settled


def _octaves(
    piece: Piece, mended: Mended, accepted: Sequence[Change], row: Ints
) -> tuple[list[Change], list[tuple[str, str]]]:
    """Move what can't be played by octaves, but what has been changed already; say what was left."""
    now, settled = _settled(mended, accepted, row)
    pitched = np.flatnonzero(~now.is_drum)
    found, said = playable.mendable(now.select(pitched))
    moves = {int(pitched[each.note]): each for each in reversed(found)}
    return [
        _change(piece, pb.EDIT_KIND_PITCH, int(mended.note[note]), f"{each.text} An octave mends it.", pitch=each.pitch)
        for note, each in sorted(moves.items())
        if not settled[note]
    ], said


def _chords(
    piece: Piece, mended: Mended, accepted: Sequence[Change], heard: Heard, options: Mapping[str, Any]
) -> Iterator[Change]:
    if not options["reharmonise"]:
        return
    settled = np.isin(mended.note, [change.note for change in accepted if change.kind == pb.EDIT_KIND_PITCH])
    for note, better, reason in reharmonise.propose(mended.piece, heard, settled):
        yield _change(piece, pb.EDIT_KIND_PITCH, int(mended.note[note]), reason, pitch=better)


def _loudness(
    piece: Piece, models: Models, options: Mapping[str, Any], strength: float, asked: frozenset[int]
) -> tuple[list[Change], list[tuple[str, str]]]:
    """Shape the flat tracks; where nobody played any track, as in a piece that was written down, only if asked."""
    flat = dynamics.flat_tracks(piece)
    if options["dynamics"] == "keep" or not flat:
        return [], []
    if options["dynamics"] == "auto" and not playing.played_tracks(piece).any() and pb.EDIT_KIND_VELOCITY not in asked:
        text = "Nobody played the loudness of any track, and all of it stays as it is; "
        text += 'the option dynamics: "shape", or EDIT_KIND_VELOCITY among polish.kinds, shapes it.'
        return [], [("options.dynamics", text)]
    barred = Reading(piece).piece if piece.beats <= LONGEST else piece  # many a file's own bars are not the music's
    return [change for track in flat for change in _shaped(barred, track, models, strength)], []


def _shaped(piece: Piece, track: int, models: Models, strength: float) -> Iterator[Change]:
    own, drums = piece.select(piece.track == track), piece.tracks[track].drums
    velocity, level, (where, _) = (
        models.dynamics.shaped(piece, track),
        dynamics.level(own, piece),
        dynamics.phrases(own),
    )
    for row, note in enumerate(np.flatnonzero(piece.track == track).tolist()):
        now = round(own.velocity[row] + strength * (int(velocity[row]) - int(own.velocity[row])))
        if now != own.velocity[row]:
            reason = dynamics.reason(own, row, now, int(level[row]), float(where[row]), drums)
            yield _change(piece, pb.EDIT_KIND_VELOCITY, note, reason, velocity=now)
