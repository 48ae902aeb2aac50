"""Which proposals are accepted: those that a judge that did not make them finds likelier, and that break no rule.

The cost of a piece is its surprise in nats, by ``likelihood``, and ``RULE`` nats for each rule that it breaks. A change
is accepted if it lowers the cost; changes that together break a rule anew are withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.melody import skyline
from segue.plugins.polish import breaks
from segue.plugins.polish.breaks import Break, Compared
from segue.plugins.polish.changes import Change, apply
from segue.plugins.polish.context import Queries
from segue.plugins.polish.likelihood import Heard
from segue.v1 import music_pb2 as pb

RULE: Final = 2.0
"""Nats that a broken rule costs."""
MELODY: Final = 0.1
"""Share of the melody's notes that may get another pitch."""
ROUNDS: Final = 6
TIMED: Final = (pb.EDIT_KIND_TIMING, pb.EDIT_KIND_DURATION, pb.EDIT_KIND_DELETE)
_PITCHES: Final = (pb.EDIT_KIND_PITCH, pb.EDIT_KIND_INSERT)
_HARMONY: Final = 4.0
"""Beats around a pitch outside the harmony in which a change of another note may have turned the harmony."""


def likely(
    changes: Sequence[Change], came: Heard, mended: Heard, row: NDArray[np.int64], throughout: bool
) -> list[Change]:
    """Return the changes that lower the cost.

    Parameters
    ----------
    changes
        Proposals that move, resize, remove, add notes or change their pitch.
    came
        The piece as it came, ready to be weighed.
    mended
        The piece with its timing mended and its collisions resolved.
    row
        For each note of the piece as it came its number in the mended one, -1 for one that is removed.
    throughout
        True if the whole piece is quantised: then that is weighed as a whole.
    """
    before, after = came.notes, mended.notes
    mean = after.mean
    new = [change for change in changes if change.kind == pb.EDIT_KIND_INSERT]
    gains = iter(mended.gain_of_added(_queries(new)).tolist()) if new else iter(())
    there = row >= 0
    gain_of_all = float(before.place[there].mean() - after.place[row[there]].mean()) if there.any() else 0.0
    kept = []
    for change in changes:
        now = int(row[change.note]) if change.note >= 0 else -1
        if change.kind == pb.EDIT_KIND_TIMING:
            gain = gain_of_all if throughout else float(before.place[change.note] - after.place[now])
        elif change.kind == pb.EDIT_KIND_DURATION:
            gain = gain_of_all if throughout else float(before.length[change.note] - after.length[now])
            gain += RULE * change.mends
        elif change.kind == pb.EDIT_KIND_PITCH:
            gain = float(after.pitch[now] - mended.pitch(np.array([now]), np.array([change.pitch]))[0])
        elif change.kind == pb.EDIT_KIND_DELETE:
            gain = float(before.total[change.note]) - mean + RULE * change.mends
        else:
            gain = next(gains)
        if gain + change.infilled > 0:
            kept.append(change)
    return kept


def _queries(changes: Sequence[Change]) -> Queries:
    columns = [np.array([getattr(change, name) for change in changes]) for name in ("start", "duration")]
    whole = [np.array([getattr(change, name) for change in changes], np.int64) for name in ("pitch", "track")]
    return Queries(columns[0], columns[1], whole[0], whole[1], np.full(len(changes), -1))


def melody_held(piece: Piece, changes: Sequence[Change], sureness: Mapping[int, float]) -> list[Change]:
    """Withdraw the least sure changes of pitch in the melody until it is held.

    Parameters
    ----------
    piece
        As it came.
    changes
        What was accepted.
    sureness
        How probable each change of pitch is, by note.
    """
    pitched = np.flatnonzero(~piece.is_drum)
    tune = pitched[skyline(piece.select(pitched))]
    touched = [c for c in changes if c.kind == pb.EDIT_KIND_PITCH and np.isin(c.note, tune)]
    touched.sort(key=lambda change: -sureness.get(change.note, 0.0))
    refused = {id(change) for change in touched[max(int(MELODY * len(tune)), 1) :]}
    return [change for change in changes if id(change) not in refused]


def compared(piece: Piece, changes: Sequence[Change]) -> Compared:
    """Count the rules broken before and after."""
    timed = apply(piece, [change for change in changes if change.kind in TIMED])
    return breaks.compare(piece, timed, apply(piece, changes))


def without_new_breaks(piece: Piece, changes: Sequence[Change]) -> list[Change]:
    """Withdraw changes until no rule is broken anew."""
    left = list(changes)
    for _ in range(ROUNDS):
        guilty = {index for broken in compared(piece, left).new for index in _guilty(piece, left, broken)}
        if not guilty:
            break
        left = [change for index, change in enumerate(left) if index not in guilty]
    return left


def _guilty(piece: Piece, changes: Sequence[Change], broken: Break) -> list[int]:
    """Return the changes that may have broken a rule: of a kind that can, as near as there are any."""
    collides = broken.kind in breaks.COLLISIONS
    able = (*TIMED, *_PITCHES) if collides else (*_PITCHES, pb.EDIT_KIND_DELETE)
    for reach, elsewhere in ((0.0, False), (breaks.SAME_PLACE, broken.kind in breaks.VOICES), (_HARMONY, True)):
        found = []
        for index, change in enumerate(changes):
            begin, end = change.start, change.start + change.duration
            if change.note >= 0:
                begin = min(begin, float(piece.start[change.note]))
                end = max(end, float(piece.start[change.note] + piece.duration[change.note]))
            near = begin <= broken.end + reach and end >= broken.begin - reach
            if change.kind in able and near and (elsewhere or change.track == broken.track):
                found.append(index)
        if found:
            return found
    return []
