"""What the style classifier learns from and is measured on: charts with and without their tune, whole and in windows.

A style must be known by what is played, not by how long it lasts, in which key, whether somebody sings over it, or how
exactly the notes lie on the grid: the program that made the accompaniments strays from the grid by an amount of its own
in each style, and a classifier that has seen nothing else listens to that alone. So each piece is seen as it was played
and put on the grid, whole and as a transposed window of 8 to 16 bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.packs import pop909, synth
from segue.plugins.score.corpus import chorales
from segue.plugins.score.data import Part, part_of
from segue.plugins.score.examples import with_tune
from segue.plugins.score.style import style_features

Tune = Literal["its own", "without a tune", "with a tune"]

_PLACES: Final = np.array([0, 3, 4, 6, 8, 9, 12]) / 12
"""Where in a beat a note is put: sixteenths and triplets."""
_SHORTEST: Final = 1 / 12
_WINDOWS: Final = (8, 12, 16)
_TRANSPOSED: Final = (-5, 7)
_FEWEST_NOTES: Final = 4


@dataclass(frozen=True)
class StyledPiece:
    """A piece whose style is known.

    Attributes
    ----------
    style
        Name of the style.
    part
        The part of the data it belongs to, the same for all arrangements of a chart.
    tune
        Whether a tune was laid over an accompaniment; chorales and songs have their own.
    piece
        Its notes.
    """

    style: str
    part: Part
    tune: Tune
    piece: Piece


def styled_pieces(data: Path) -> Iterator[StyledPiece]:
    """Read chorales, songs with and without their melody, and accompaniments with and without their chart's tune."""
    for title, piece in chorales(data):
        yield StyledPiece("chorale", part_of(title), "its own", piece)
    for song in pop909.songs(data):
        piece, part = song.piece(), part_of(song.number)
        accompaniment = piece.select(~pop909.played_by(piece, pop909.MELODY))
        yield StyledPiece("pop_piano", part, "its own", piece)
        yield StyledPiece("pop_piano", part, "without a tune", accompaniment)
    for arrangement in synth.arrangements(data):
        band, tune = arrangement.band().without_drums(), arrangement.tune()
        if len(band):
            part = part_of(f"c{arrangement.number}")
            yield StyledPiece(arrangement.style, part, "without a tune", band)
            if tune is not None:
                yield StyledPiece(arrangement.style, part, "with a tune", with_tune(band, tune))


def views(styled: StyledPiece, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Return the features of a piece each way that it is seen, with the name of the way.

    Parameters
    ----------
    styled
        The piece.
    rng
        Draws the windows and their transpositions.

    Yields
    ------
    tuple
        Name and features, shape (features,); four, or fewer where few notes are left.
    """
    piece = styled.piece.without_drums()
    for exact in (False, True):
        whole = on_grid(piece) if exact else piece
        bars = int(rng.choice(_WINDOWS))
        first = int(rng.integers(max(len(piece.bar_starts) - bars, 0) + 1))
        window = _transpose(_window(whole, bars, first), int(rng.integers(*_TRANSPOSED)))
        for length, seen in (("whole", whole), ("8-16 bars", window)):
            if len(seen) >= _FEWEST_NOTES:
                yield f"{length}, {'on the grid' if exact else 'as played'}", style_features(seen)


def on_grid(piece: Piece) -> Piece:
    """Put begin and end of each note on the nearest sixteenth or triplet."""
    beat = np.floor(piece.start + 1e-6)
    nearest = np.abs((piece.start - beat)[:, None] - _PLACES).argmin(axis=1)
    start = beat + _PLACES[nearest]
    end = np.maximum(np.rint(piece.end / _SHORTEST) * _SHORTEST, start + _SHORTEST)
    return piece.with_notes(start=start, duration=end - start)


def _window(piece: Piece, bars: int, first: int) -> Piece:
    """Cut bars out; the first of them begins the new piece."""
    lines = [*piece.bar_starts.tolist(), np.inf]
    begin, end = lines[first], lines[min(first + bars, len(lines) - 1)]
    inside = piece.select((piece.start >= begin - 1e-6) & (piece.start < end - 1e-6))
    moved = inside.with_notes(
        start=np.maximum(inside.start - begin, 0.0), duration=np.minimum(inside.duration, end - inside.start)
    )
    return replace(moved, meters=tuple(meter._replace(beat=0.0) for meter in piece.meter_map[:1]))


def _transpose(piece: Piece, semitones: int) -> Piece:
    return piece.with_notes(pitch=np.clip(piece.pitch + semitones, 0, 127))
