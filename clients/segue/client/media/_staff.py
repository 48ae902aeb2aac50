"""One panel of a piano roll: rows of pitches, bar lines, and the notes between two beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from segue.client._parse import pitch_to_name
from segue.client.media._notes import Part, Roll
from segue.v1.music_pb2 import Key

COLOURS = (
    *("#3366aa", "#d1495b", "#2a9d76", "#e09f3e", "#7b5ea7", "#3aa6b9", "#b5578f", "#8a8f3c"),
    *("#c46a2d", "#5c6b73"),
)
_BLACK_KEYS = (1, 3, 6, 8, 10)
_DRUMS = {
    **{35: "kick 2", 36: "kick", 37: "side stick", 38: "snare", 39: "clap", 40: "snare 2", 41: "floor tom 2"},
    **{42: "closed hat", 43: "floor tom", 44: "pedal hat", 45: "low tom", 46: "open hat", 47: "mid tom"},
    **{48: "high tom", 49: "crash", 50: "high tom 2", 51: "ride", 52: "china", 53: "ride bell", 54: "tambourine"},
    **{55: "splash", 56: "cowbell", 57: "crash 2", 59: "ride 2", 69: "cabasa", 70: "maracas", 75: "claves"},
}


@dataclass(frozen=True)
class Outline:
    """Which notes are outlined.

    Attributes
    ----------
    masks
        For each part of a piece, True for each note to outline; None outlines none.
    colour
        In which colour.
    """

    masks: list[NDArray[np.bool_]] | None
    colour: str


class Rows:
    """Which row each pitch and drum is drawn in; the drums have rows of their own below the pitches."""

    def __init__(self, parts: Sequence[Part]) -> None:
        pitches = np.concatenate([part.notes[:, 2] for part in parts if not part.drums] or [np.empty(0)])
        drums = np.concatenate([part.notes[:, 2] for part in parts if part.drums] or [np.empty(0)])
        self.pitched = len(pitches) > 0
        self.low = int(pitches.min()) - 1 if self.pitched else 60
        self.high = int(pitches.max()) + 1 if self.pitched else 59
        while self.pitched and self.high - self.low < 13:
            self.low, self.high = self.low - 1, self.high + 1
        self.drums = sorted({int(pitch) for pitch in drums})
        self._drum_rows = {pitch: self.bottom + i for i, pitch in enumerate(self.drums)}

    @property
    def bottom(self) -> int:
        """The lowest row."""
        return self.low - len(self.drums) - (1 if self.drums and self.pitched else 0)

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.high - self.bottom + 1

    def of(self, part: Part) -> NDArray[np.float64]:
        """Row of each note of a part."""
        if not part.drums:
            return part.notes[:, 2]
        return np.array([self._drum_rows[int(pitch)] for pitch in part.notes[:, 2]], dtype=np.float64)


def draw_panel(
    axes: Axes,
    roll: Roll,
    rows: Rows,
    start: float,
    end: float,
    *,
    outline: Outline,
    key: Key | None,
    numbered: bool,
) -> None:
    """Draw the notes between two beats.

    Parameters
    ----------
    axes
        Where; emptied of ticks and frame.
    roll, rows
        The piece, and the row of each pitch.
    start, end
        First beat, and the beat at which it is over.
    outline
        Which notes to outline.
    key
        Its tonic's rows are tinted.
    numbered
        Write the numbers of the bars above.
    """
    axes.set_xlim(start, end)
    axes.set_ylim(rows.bottom - 0.5, rows.high + 0.5)
    axes.set_xticks([])
    axes.tick_params(length=0, labelsize=7, colors="#555555")
    for spine in axes.spines.values():
        spine.set_visible(False)
    _draw_rows(axes, rows, key, min(end, roll.end))
    _draw_bars(axes, roll, start, end, numbered=numbered)
    for number, part in enumerate(roll.parts):
        mask = np.zeros(len(part.notes), bool) if outline.masks is None else outline.masks[number]
        _draw_notes(axes, part, rows.of(part), COLOURS[number % len(COLOURS)], (start, end), mask, outline.colour)


def _draw_rows(axes: Axes, rows: Rows, key: Key | None, end: float) -> None:
    labels: dict[float, str] = {}
    shades: dict[int, str] = {}
    narrow = rows.high - rows.low <= 30
    left = axes.get_xlim()[0]
    for pitch in range(rows.low, rows.high + 1):
        pitch_class = pitch % 12
        tonic = key is not None and pitch_class == key.tonic
        if tonic or pitch_class in _BLACK_KEYS:
            shades[pitch] = "#fdf0d5" if tonic else "#f1f3f6"
        beside = key is not None and not tonic and (pitch_class - key.tonic + 1) % 12 <= 2  # there is the tonic's label
        if tonic or (not beside and (pitch_class == 0 or (narrow and pitch_class in (4, 7)))):
            labels[pitch] = pitch_to_name(pitch, key)
    boxes = [_box(left, end, pitch, 0.5) for pitch in shades]
    axes.add_collection(PolyCollection(boxes, facecolors=list(shades.values()), zorder=0))
    octaves = [pitch - 0.5 for pitch in range(rows.low, rows.high + 1) if pitch % 12 == 0]
    axes.hlines(octaves, left, end, color="#c3c9d1", linewidth=0.7, zorder=1)
    drum_rows = [rows.bottom + i for i in range(len(rows.drums))]
    axes.hlines(drum_rows, left, end, color="#eceff3", linewidth=0.6, zorder=0)
    labels.update({row: _DRUMS.get(pitch, f"drum {pitch}") for row, pitch in zip(drum_rows, rows.drums, strict=True)})
    axes.set_yticks(list(labels), list(labels.values()))


def _draw_bars(axes: Axes, roll: Roll, start: float, end: float, *, numbered: bool) -> None:
    low, high = axes.get_ylim()
    inside = [(i, beat) for i, beat in enumerate(roll.bar_starts) if start - 1e-6 <= beat <= end + 1e-6]
    axes.vlines([beat for _, beat in inside], low, high, color="#aab2bd", linewidth=0.9, zorder=1)
    if end - start <= 80:
        beats = [x for (_, a), (_, b) in pairwise(inside) for x in np.arange(a + 1, b - 1e-6)]
        axes.vlines(beats, low, high, color="#e4e7ec", linewidth=0.6, zorder=0.5)
    each = max(1, len(inside) // 24)
    for index, beat in inside if numbered else ():
        if index % each == 0 and beat < min(end, roll.end) - 1e-6:
            axes.annotate(
                str(index + 1),
                (beat, 1.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(1, 2),
                textcoords="offset points",
                fontsize=6.5,
                color="#8a929c",
            )


def _box(left: float, right: float, row: float, half: float) -> list[tuple[float, float]]:
    return [(left, row - half), (right, row - half), (right, row + half), (left, row + half)]


def _draw_notes(
    axes: Axes,
    part: Part,
    y: NDArray[np.float64],
    colour: str,
    span: tuple[float, float],
    outlined: NDArray[np.bool_],
    outline_colour: str,
) -> None:
    start, end = span
    seen = np.flatnonzero((part.notes[:, 0] < end) & (part.notes[:, 0] + part.notes[:, 1] > start))
    if not len(seen):
        return
    seen = seen[np.argsort(outlined[seen], kind="stable")]  # outlines on top
    begin, length, _, velocity = part.notes[seen].T
    # A sliver of space keeps repeated notes apart; a drum stroke has no length worth showing.
    inch = (end - start) / 14.0
    left = np.maximum(begin, start)
    right = np.minimum(begin + (0.12 if part.drums else length), end)
    right = np.maximum(right - 0.012 * inch, left + 0.02 * inch)
    loud = 0.35 + 0.65 * np.clip(velocity / 100.0, 0.0, 1.0)
    dark = np.tile(np.array(to_rgb(colour)) * 0.75, (len(seen), 1))
    axes.add_collection(
        PolyCollection(
            [_box(a, b, row, 0.42) for a, b, row in zip(left, right, y[seen], strict=True)],
            facecolors=1.0 - loud[:, None] * (1.0 - np.array(to_rgb(colour))),
            edgecolors=np.where(outlined[seen, None], to_rgb(outline_colour), dark),
            linewidths=np.where(outlined[seen], 1.3, 0.4),
            zorder=3,
        )
    )
