"""Bars that are sent while a piece is being composed."""

from __future__ import annotations

import numpy as np
from segue.music import Piece, piece_to_notes
from segue.v1 import generate_pb2, music_pb2


def bar_message(
    piece: Piece, bar_beats: float, number: int, total: int, last: bool
) -> generate_pb2.GenerateStreamResponse:
    """Return the notes that end in a bar, counted from 1; those of the last bar may end later.

    Parameters
    ----------
    piece
        What is composed so far.
    bar_beats
        Quarter notes in a bar.
    number, total
        Which bar, of how many.
    last
        Whether it is the last.
    """
    ended = np.ceil(piece.end / bar_beats - 1e-9).astype(np.int64)
    inside = piece.select((ended >= number) if last else (ended == number))
    score = music_pb2.Score()
    for index, info in enumerate(piece.tracks):
        track = score.tracks.add(name=info.name, program=info.program, drums=info.drums)
        track.notes.extend(piece_to_notes(inside.select(inside.track == index)))
    return generate_pb2.GenerateStreamResponse(bar=generate_pb2.Bar(number=number, total=total, score=score))
