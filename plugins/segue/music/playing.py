"""How a piece was played: whether it has to do with the file's beats, and whether what lies beside them is a feel.

A recording that followed no click lies anywhere in the beats of its file, and any grid laid on it is an accident. A
player who followed one lies beside it by little, with the loudness of a player too: that is how it was meant.

References
----------
.. [1] K. V. Mardia and P. E. Jupp, *Directional Statistics*, 2000, ch. 6: Rayleigh's test.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.timing import Timing

FEEL, FEEL_SECONDS = 0.045, 0.02
"""Beats from the grid, root mean square, up to which a player's timing is a feel, and seconds, where those are more: of
the drummers of Groove MIDI half have .032 beats at most. Up to 40 % of a sixteenth either way is .058, 29 ms at 120."""
LOUDNESSES: Final = 8
"""Different velocities that a track has that somebody played; programs and scores write a handful."""
_PARTS: Final = (1, 2, 3, 4)
_SURE: Final = 8.0
"""Rayleigh's statistic, of some division of the beat, from which notes follow the beats. Chance exceeds it once in 700
pieces; sloppily played pieces reach 46 and more, nineteen of twenty free ones of EMOPIA 5 at most."""
_CLEAR: Final = 0.5
"""Mean resultant squared that is enough where there are few notes."""
_AT_ONCE: Final = 0.04


def follows_beats(piece: Piece) -> bool:
    """Say whether notes lie on the file's beats, or divisions of them, more than they would by chance [1]_."""
    moment = np.unique(np.rint(piece.start / _AT_ONCE), return_index=True)[1]
    turns = np.exp(2j * np.pi * np.outer(_PARTS, piece.start[moment]))  # (divisions, moments)
    clear = float((np.abs(turns.mean(axis=1)) ** 2).max()) if len(moment) else 1.0
    return clear * len(moment) >= _SURE or clear >= _CLEAR


def played_tracks(piece: Piece) -> NDArray[np.bool_]:
    """Say which tracks somebody played: those of many loudnesses, shape (tracks,)."""
    notes = (piece.velocity[piece.track == track] for track in range(len(piece.tracks)))
    return np.array([len(np.unique(own)) >= LOUDNESSES for own in notes], bool)


def has_feel(piece: Piece, found: Timing) -> bool:
    """Say whether a piece that is loosely placed was played, and lies beside its grid by little."""
    if not found.loose or played_tracks(piece)[piece.track].mean() <= 0.5:
        return False
    away = found.target - piece.start
    seconds = piece.beats_to_seconds(found.target) - piece.beats_to_seconds(piece.start)
    return bool(np.sqrt(np.mean(away**2)) <= FEEL or np.sqrt(np.mean(seconds**2)) <= FEEL_SECONDS)


def as_played(piece: Piece, found: Timing, *, beats: bool) -> Timing:
    """Return a timing in which no note moves; without ``beats`` there is no grid that notes could lie beside."""
    none = np.zeros(len(piece), bool)
    stays = replace(
        found, start=piece.start, duration=piece.duration, moved=none, resized=none, flattened=False, loose=True
    )
    if beats:
        return stays
    grid, phase = replace(found.grid, swing=None), np.zeros(len(piece))
    return replace(stays, target=piece.start, off=none, rare=none, grid=grid, phase=phase)
