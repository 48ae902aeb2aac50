"""Dynamics shaped to phrases: each phrase swells towards its middle and dies away at its end.

The shape is a parabola over the phrase, as measured in piano performances [1]_; what was there is kept underneath.

References
----------
.. [1] N. P. McAngus Todd, "The dynamics of dynamics: a model of musical expression", Journal of the Acoustical Society
   of America 91, 1992.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from segue.music.messages import piece_to_notes, place
from segue.music.piece import Piece
from segue.v1 import music_pb2 as pb

_PEAK: Final = 0.6
"""Where in a phrase it is loudest."""
_SWELL: Final = 14.0
"""Velocities between the loudest place of a phrase and its ends."""
_BARS: Final = 4
_MOST_EDITS: Final = 500


def shape_dynamics(piece: Piece, phrases: Sequence[float] = (), first_id: int = 1) -> tuple[Piece, list[pb.Edit]]:
    """Shape the velocities of a piece to its phrases.

    Parameters
    ----------
    piece
        Any piece; drums swell with the others.
    phrases
        Beats at which phrases begin, ascending; by default every four bars.
    first_id
        Number of the first edit.

    Returns
    -------
    piece, edits
        The piece, as loud on the whole as before, and its first 500 changes.
    """
    if not len(piece):
        return piece, []
    begins = np.unique([0.0, *(phrases or piece.bar_starts[::_BARS].tolist())])
    ends = np.r_[begins[1:], max(piece.beats, begins[-1] + 1e-6)]
    phrase = np.searchsorted(begins, piece.start + 1e-6, side="right") - 1
    at = np.clip((piece.start - begins[phrase]) / (ends - begins)[phrase], 0, 1)
    swell = -(((at - _PEAK) / np.where(at < _PEAK, _PEAK, 1 - _PEAK)) ** 2) * _SWELL
    velocity = np.clip(np.rint(piece.velocity + swell - swell.mean()), 1, 127).astype(np.int64)
    shaped = piece.with_notes(velocity=velocity)
    changed = np.flatnonzero(velocity != piece.velocity)[:_MOST_EDITS]
    before, after = piece_to_notes(piece), piece_to_notes(shaped)
    edits = [
        pb.Edit(
            id=number,
            kind=pb.EDIT_KIND_VELOCITY,
            place=place(piece, float(piece.start[row]), float(piece.end[row]), int(piece.track[row])),
            before=before[row],
            after=after[row],
            reason="Its phrase swells towards its middle and dies away at its end.",
        )
        for number, row in enumerate(changed.tolist(), first_id)
    ]
    return shaped, edits
