"""A piece that is to be arranged, as the networks hear it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_gan.frames import Frames, frames_of, step_edges, swings, to_steps
from segue.plugins.style_gan.roll import draw, draw_drums, shift_of


@dataclass(frozen=True)
class Sheet:
    """Rolls of a piece.

    Attributes
    ----------
    frames
        Its cells.
    swung
        Whether its accompaniment swings.
    band, melody : ndarray of bool, shape (cells, steps, pitches, layers)
    drums : ndarray of bool, shape (cells, steps, kinds)
    begin : ndarray of int, shape (notes,)
        Step nearest to the begin of each note.
    late : ndarray, shape (notes,)
        How many beats after it the note begins.
    """

    frames: Frames
    swung: bool
    band: NDArray[np.bool_]
    melody: NDArray[np.bool_]
    drums: NDArray[np.bool_]
    begin: NDArray[np.int64]
    late: NDArray[np.float64]


def sheet_of(arrangement: Arrangement) -> Sheet:
    """Draw a piece as rolls."""
    piece, frames = arrangement.piece, frames_of(arrangement)
    band, beaten = arrangement.accompaniment, piece.is_drum
    swung = swings(piece.start[band], frames)
    edges = step_edges(frames, swung=swung)
    begin, end = (np.asarray(to_steps(beats, edges)) for beats in (piece.start, piece.end))
    shift = shift_of(frames.chord)
    heard, melody = (draw(begin[own], end[own], piece.pitch[own], shift) for own in (band, arrangement.melody))
    drums = draw_drums(begin[beaten], piece.pitch[beaten], len(frames))
    return Sheet(frames, swung, heard, melody, drums, begin, piece.start - edges[begin])
