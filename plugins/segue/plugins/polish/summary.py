"""What an answer says about the whole piece: figures before and after, and what was kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from segue.music import Piece
from segue.music.melody import skyline
from segue.music.timing import ON_GRID
from segue.plugins.polish import accept, harmony, judge, repairs
from segue.plugins.polish.changes import Change
from segue.plugins.polish.models import Models
from segue.plugins.polish.plan import Plan
from segue.v1 import music_pb2 as pb


def figures(before: Piece, after: Piece, plan: Plan, changes: Sequence[Change], models: Models) -> list[pb.Figure]:
    """Measure the piece before and after."""
    off, away = _off_grid(before, plan, changes)
    heard = plan.mended.piece
    came = plan.came.notes
    now = models.likelihood.surprise(after) if changes and len(after) else came
    rules = accept.compared(before, changes)
    rows = [
        ("quality", models.quality.score(before, came), models.quality.score(after, now), "0-1"),
        ("negative log-likelihood", came.mean, now.mean, "nats per note"),
        ("rules broken", len(rules.before), len(rules.after), "places"),
        ("rules broken anew", 0, len(rules.new), "places"),
        ("melody kept", 1.0, melody_kept(before, changes), "share of its notes"),
        ("notes", len(before), len(after), "notes"),
        ("notes off the grid", *off, "notes"),
        ("mean distance from the grid", *away, "beats"),
        ("notes outside the local key", _outside(before, heard), _outside(after, heard), "notes"),
        ("notes struck while their pitch sounds", _colliding(before), _colliding(after), "notes"),
        ("stuck notes", _stuck(before), _stuck(after), "notes"),
        ("surprise of the pitches", *_surprise(after, plan, changes, models), "nats per note"),
    ]
    rows += [
        (f"{name} changed", 0, sum(change.kind == kind for change in changes), "notes")
        for kind, name in (
            (pb.EDIT_KIND_TIMING, "onsets"),
            (pb.EDIT_KIND_DURATION, "lengths"),
            (pb.EDIT_KIND_PITCH, "pitches"),
            (pb.EDIT_KIND_VELOCITY, "velocities"),
        )
    ]
    return [pb.Figure(name=name, before=was, after=now, unit=unit) for name, was, now, unit in rows]


def melody_kept(piece: Piece, changes: Sequence[Change]) -> float:
    """Share of the highest line's notes that keep their pitch and stay."""
    pitched = np.flatnonzero(~piece.is_drum)
    tune = pitched[skyline(piece.select(pitched))]
    changed = [c.note for c in changes if c.kind in (pb.EDIT_KIND_PITCH, pb.EDIT_KIND_DELETE)]
    return float(1 - np.isin(tune, changed).mean()) if len(tune) else 1.0


def _off_grid(piece: Piece, plan: Plan, changes: Sequence[Change]) -> tuple[tuple[int, int], tuple[float, float]]:
    """Count notes off the grid, and their mean distance, before and after; a removed note counts before only."""
    distance = np.abs(piece.start - plan.timing.target)
    now = distance.copy()
    for change in changes:
        if change.kind == pb.EDIT_KIND_TIMING:
            now[change.note] = abs(change.start - plan.timing.target[change.note])
    kept = np.ones(len(piece), bool)
    kept[[change.note for change in changes if change.kind == pb.EDIT_KIND_DELETE]] = False
    now = now[kept]
    counts = int((distance > ON_GRID).sum()), int((now > ON_GRID).sum())
    return counts, (float(distance.mean()), float(now.mean()) if len(now) else 0.0)


def _surprise(after: Piece, plan: Plan, changes: Sequence[Change], models: Models) -> tuple[float, float]:
    """How improbable the pitches are to the network, before (timing mended) and after."""
    before = plan.mended.slips.surprise
    kinds = {change.kind for change in changes}
    if kinds.isdisjoint((pb.EDIT_KIND_PITCH, pb.EDIT_KIND_INSERT)):
        return before, before
    return before, judge.find_slips(after.without_drums(), models.networks).surprise


def _outside(piece: Piece, heard: Piece) -> int:
    return int(harmony.read(piece, heard).outside.sum())


def _colliding(piece: Piece) -> int:
    ends = repairs.ends(piece)
    same = ends.into[ends.into >= 0]
    own = np.flatnonzero(ends.into >= 0)
    twins = repairs.doubled(piece, np.zeros(len(piece), bool), True) >= 0
    return int((piece.pitch[own] == piece.pitch[same]).sum() + twins.sum())


def _stuck(piece: Piece) -> int:
    return int(repairs.ends(piece).stuck.sum())


def kept(piece: Piece, plan: Plan) -> list[str]:
    """Say what was kept."""
    found, mended = plan.timing, plan.mended
    tempos, meters = max(len(piece.tempos), 1), len(piece.meter_map)
    said = [
        f"The tempo map ({_count(tempos, 'tempo', 'tempos')}), the metre "
        f"({_count(meters, 'time signature', 'time signatures')}) and the names and instruments of "
        f"{_count(len(piece.tracks), 'track', 'tracks')} are as they were."
    ]
    if piece.lyrics:
        said.append(f"{_count(len(piece.lyrics), 'syllable stays', 'syllables stay')} with the notes they are sung to.")
    if any(info.controls for info in piece.tracks):
        said.append("Pedal, pitch bends and other controls are where they were.")
    if piece.is_drum.any():
        said.append(
            f"The drums keep their sounds: of their {int(piece.is_drum.sum())} notes only the timing is looked at."
        )
    if found.grid.swing is not None:
        said.append(f"The swing: second eighths fall at {100 * found.grid.swing:.0f} % of the beat.")
    if found.drift and not found.flattened:
        said.append(
            f"The free tempo: the playing drifts by {found.drift:.2f} beats against the file's, too far for a slip."
        )
    elif len(piece) and abs(offset := (float(np.median(found.phase)) + 0.125) % 0.25 - 0.125) > 0.01:
        said.append(
            f"The place of the notes, {abs(offset):.3f} beats {'behind' if offset > 0 else 'ahead of'} the file's grid."
        )
    left = found.off & ~found.moved
    if left.any():
        said.append(
            f"{_count(int(left.sum()), 'note', 'notes')} off the grid: played freely, leaning on the next note, coming "
            "back the same or beginning with others."
        )
    if plan.refused:
        said.append(
            f"{_count(plan.refused, 'proposal was', 'proposals were')} not accepted: less likely than what stands "
            "there, or breaking a rule."
        )
    outside = mended.harmony.outside[mended.pitched]
    right = outside & (mended.slips.right > 0.5)
    if right.any():
        said.append(
            f"{_count(int(right.sum()), 'note', 'notes')} outside the local key that fit their surroundings: passing "
            "notes, leading notes, borrowed chords."
        )
    return said


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
