"""Style: what a piece is like once instruments, loudness, tempo and the number of tracks are taken away."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, Tempo, TrackInfo
from segue.music.features import FEATURES, features
from segue.music.reading import Reading
from segue.plugins.score.linear import LinearClassifier
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_TEMPO: Final = 120.0
_VELOCITY: Final = 64
_LISTED: Final = 5
FEWEST_NOTES: Final = 8
"""Notes with a pitch that a piece must have for its style to be told."""
_HIDDEN: Final = tuple(
    index for index, name in enumerate(FEATURES) if name.startswith(("velocity", "crescendo", "log_tempo"))
)


def plain(piece: Piece) -> Piece:
    """Play all pitched notes on one piano, equally loud, at 120 quarter notes per minute."""
    notes = piece.without_drums()
    bare = notes.with_notes(velocity=np.full(len(notes), _VELOCITY), track=np.zeros(len(notes), np.int64))
    return replace(bare, tracks=(TrackInfo(),), tempos=(Tempo(0.0, _TEMPO),), lyrics=(), keys=())


def style_features(piece: Piece) -> NDArray[np.float64]:
    """Describe the style of a piece, which must have pitched notes: its features without tempo and loudness."""
    return _features(Reading(plain(piece)))


def _features(bare: Reading) -> NDArray[np.float64]:
    return np.delete(features(bare), _HIDDEN)


def _plainly(reading: Reading) -> Reading:
    """Read a plain piece; neither tracks, loudness nor tempo make a difference to bars that the file states."""
    bare = Reading(plain(reading.original))
    if reading.grid.stated and not reading.original.is_drum.any():
        vars(bare).update(grid=reading.grid, cells=reading.cells)  # cached properties, not found anew
    return bare


def describe_style(reading: Reading, styles: LinearClassifier) -> pb.StyleAnalysis:
    """Name the most probable styles, and embed the piece as its standardised features; nothing of few notes."""
    if len(reading.pitched) < FEWEST_NOTES:
        return pb.StyleAnalysis()
    found = _features(_plainly(reading))
    probability = styles.probabilities(found)
    embedding = styles.standardise(found)
    order = np.argsort(-probability)[:_LISTED].tolist()
    return pb.StyleAnalysis(
        styles=[music_pb2.Label(name=styles.labels[row], probability=float(probability[row])) for row in order],
        embedding=(embedding / max(float(np.linalg.norm(embedding)), 1e-9)).tolist(),
    )
