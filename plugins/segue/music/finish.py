"""Pitch correction to a key: the least change that leaves every note in the scale and the line its shape."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.answers import to_pitch_edits
from segue.music.piece import Piece
from segue.music.theory import key_name
from segue.v1 import music_pb2 as pb

_SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10, 11))
"""Major, and minor with both sevenths."""
_FURTHEST: Final = 2
_CHANGE, _SHAPE = 2.0, 1.0


def correct_pitch(
    piece: Piece, tonic: int, minor: bool, *, close: bool = False, fixed: NDArray[np.bool_] | None = None
) -> tuple[Piece, list[pb.Edit]]:
    """Move notes that are not of a key's scale to it, line by line, by the Viterbi algorithm.

    A step of the path costs twice the semitones by which a note moves, and once those by which the interval from the
    note before changes. Notes of the scale stay, and those that are fixed; drums are left alone.

    Parameters
    ----------
    piece
        Notes of one track that begin together are corrected as one line each, the lowest with the lowest.
    tonic, minor
        The key; minor has both its sevenths.
    close
        Whether the last note of the piece is to be the tonic, at most a fourth or fifth away.
    fixed
        Of each note whether it stays as it is, such as one of a chord that is foreign to the key.

    Returns
    -------
    piece, edits
        The piece in the key, and every change with its reason.
    """
    scale = np.isin(np.arange(12), [(tonic + step) % 12 for step in _SCALES[int(minor)]])
    pitch = piece.pitch.copy()
    drums = piece.is_drum
    stays = scale[pitch % 12] | (np.zeros(len(piece), bool) if fixed is None else fixed)
    for track in range(len(piece.tracks)):
        own = np.flatnonzero((piece.track == track) & ~drums)
        if len(own):
            rank = _rank(piece.start[own])
            for voice in range(int(rank.max()) + 1):
                line = own[rank == voice]
                pitch[line] = _correct_line(piece.pitch[line], stays[line], scale)
    name = key_name(tonic + 12 * minor)
    reasons = {int(note): f"The note is not of {name}." for note in np.flatnonzero(pitch != piece.pitch)}
    pitched = np.flatnonzero(~drums)
    if close and len(pitched):
        last = int(pitched[-1])
        if pitch[last] % 12 != tonic:
            pitch[last] += (tonic - pitch[last] + 6) % 12 - 6
            reasons[last] = f"The note closes on the tonic of {name}."
    return piece.with_notes(pitch=pitch), to_pitch_edits(piece, pitch, reasons)


def _rank(start: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place of each note among those of its track that begin with it; notes are in order of pitch there."""
    new = np.r_[True, np.diff(start) > 1e-6]
    first = np.flatnonzero(new)
    return np.asarray(np.arange(len(start)) - first[np.cumsum(new) - 1])


def _correct_line(line: NDArray[np.int64], stays: NDArray[np.bool_], scale: NDArray[np.bool_]) -> NDArray[np.int64]:
    if stays.all():
        return line
    near = np.arange(-_FURTHEST, _FURTHEST + 1)
    candidates = line[:, None] + near
    own = np.where(scale[candidates % 12], _CHANGE * np.abs(near), np.inf)
    own[stays] = np.where(near == 0, 0.0, np.inf)
    cost, back = own[0], np.zeros(candidates.shape, np.int64)
    shape = _SHAPE * np.abs(near[:, None] - near)
    for row in range(1, len(line)):
        through = cost[:, None] + shape
        back[row] = through.argmin(axis=0)
        cost = through.min(axis=0) + own[row]
    chosen = np.zeros(len(line), np.int64)
    chosen[-1] = cost.argmin()
    for row in range(len(line) - 1, 0, -1):
        chosen[row - 1] = back[row, chosen[row]]
    return np.asarray(line + near[chosen])
