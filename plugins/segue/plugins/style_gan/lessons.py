"""Windows of four bars to learn from: pairs of one chart in two styles, and real ones of any style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.theory import NO_CHORD
from segue.plugins.style_gan.context import LEVELS, SHIFTS, context_of
from segue.plugins.style_gan.data import Song
from segue.plugins.style_gan.roll import fold, shift_of
from torch import Tensor, nn

BAR: Final = 8
WINDOW: Final = 4 * BAR
_TRANSPOSED: Final = 5
_BEAT: Final = 2
_BORROWED: Final = 0.75
"""How often a song that is there in one style alone is heard with the accompaniment of another."""


class Lesson(NamedTuple):
    """Windows: accompaniment with drums, melody, context, shape (batch, cells, numbers), and style, shape (batch,)."""

    band: Tensor
    melody: Tensor
    context: Tensor
    style: Tensor

    def told(self, style: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the generator hears when it is to write a style."""
        return self.band, self.melody, self.context, style

    def near(self, network: nn.Module) -> Lesson:
        """Return it where a network is."""
        device = next(network.parameters()).device
        return Lesson(*(part.to(device) for part in self))


class Windows:
    """All windows of some songs.

    Parameters
    ----------
    songs
        To learn from.
    styles
        Names of their styles; those that the networks know come first, in the order of their embeddings.

    Attributes
    ----------
    styles
        How many there are.
    """

    def __init__(self, songs: Sequence[Song], styles: Sequence[str]) -> None:
        self.styles = len(styles)
        first = np.cumsum([0, *(len(song.sheet.frames) for song in songs)])
        self._band = np.concatenate([song.sheet.band for song in songs])
        self._melody = np.concatenate([song.sheet.melody for song in songs])
        self._drums = np.concatenate([song.sheet.drums for song in songs])
        self._chord = np.concatenate([song.sheet.frames.chord for song in songs])
        self._context = np.concatenate([context_of(song.sheet.frames) for song in songs])
        begins = [begin + _regular(song) for begin, song in zip(first, songs, strict=False)]
        self._start = np.concatenate(begins)
        self._song = np.repeat(np.arange(len(songs)), [len(each) for each in begins])
        self._style = np.array([styles.index(song.style) for song in songs])
        self._first = first
        self._of_style = [np.flatnonzero(self._style[self._song] == number) for number in range(len(styles))]
        charts: dict[str, list[int]] = {}
        for number, song in enumerate(songs):
            charts.setdefault(song.chart, []).append(number)
        length = np.diff(first)
        self._akin = [
            [other for other in charts[song.chart] if length[other] == length[number]]
            for number, song in enumerate(songs)
        ]

    def draw(self, rng: np.random.Generator, styles: NDArray[np.int64]) -> Lesson:
        """Draw a window of each of some styles, transposed at random."""
        rows = self._rows(rng, styles)
        cells = self._start[rows][:, None] + np.arange(WINDOW)
        return self._lesson(cells, cells, self._style[self._song[rows]], _transposition(rng, len(rows)))

    def pairs(self, rng: np.random.Generator, styles: NDArray[np.int64], short: float = 0.0) -> tuple[Lesson, Tensor]:
        """Draw a window of each of some styles, and beside it the same bars of the same chart in any style.

        A song that is there in one style alone, such as a chorale, mostly has another song's accompaniment beside it.

        Parameters
        ----------
        rng
            Random numbers.
        styles : ndarray of int, shape (batch,)
            What is to be written.
        short
            How likely each bar of the batch loses its last beat, which makes it 3/4.

        Returns
        -------
        lesson
            What is heard; its style is that of what is to be written.
        target : Tensor, shape (batch, cells, WRITTEN)
            The accompaniment in that style, counted from the roots that are heard.
        """
        rows = self._rows(rng, styles)
        song = self._song[rows]
        other = np.array([self._akin[n][rng.integers(len(self._akin[n]))] for n in song])
        place = self._start[rows] - self._first[song]
        steps = np.arange(WINDOW)
        if rng.random() < short:
            steps = steps[steps % BAR < BAR - 2]
        heard = (self._first[other] + place)[:, None] + steps
        meant = self._start[rows][:, None] + steps
        by = _transposition(rng, len(rows))
        lesson = self._lesson(heard, heard, self._style[song], by)
        alone = np.array([len(self._akin[n]) == 1 for n in song]) & (rng.random(len(song)) < _BORROWED)
        if alone.any():
            lesson.band[torch.from_numpy(alone)] = self._borrowed(rng, int(alone.sum()))[:, : len(steps)]
        if len(steps) < WINDOW:
            middle = torch.from_numpy(steps % BAR == BAR // 2)
            lesson.context[:, middle, LEVELS] = torch.eye(4)[_BEAT]
        return lesson, self._lesson(meant, heard, self._style[song], by).band

    def _borrowed(self, rng: np.random.Generator, size: int) -> Tensor:
        """Draw accompaniments of other songs, in any style, as they are: counted from the roots they fit all chords."""
        cells = self._start[rng.integers(len(self._start), size=size)][:, None] + np.arange(WINDOW)
        return self._lesson(cells, cells, np.zeros(size, np.int64), np.zeros(size, np.int64)).band

    def _rows(self, rng: np.random.Generator, styles: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([self._of_style[style][rng.integers(len(self._of_style[style]))] for style in styles])

    def _lesson(
        self, cells: NDArray[np.int64], frames: NDArray[np.int64], style: NDArray[np.int64], by: NDArray[np.int64]
    ) -> Lesson:
        """Take cells, transposed, counted from the roots of the chords of ``frames``."""
        none = self._chord[frames] == NO_CHORD
        root = (self._chord[frames] + by[:, None]) % 12
        shift = np.where(none, 0, shift_of(root))
        context = self._context[frames]
        context[..., SHIFTS] = np.eye(12, dtype=np.float32)[shift + 5]
        moved = shift_of(self._chord[cells]) + by[:, None] - shift
        band, melody = (_move(roll[cells], moved) for roll in (self._band, self._melody))
        size = cells.shape
        drums = self._drums[cells].reshape(*size, -1)
        full = np.concatenate([band.reshape(*size, -1), drums], axis=2)
        return Lesson(
            torch.from_numpy(full).float(),
            torch.from_numpy(melody.reshape(*size, -1)).float(),
            torch.from_numpy(context),
            torch.from_numpy(style),
        )


def hide(lesson: Lesson, rng: np.random.Generator, band: float, melody: float) -> Lesson:
    """Silence the accompaniment, or the melody, of some of the windows: what is missing must be written anyway."""
    silent = [torch.from_numpy(rng.random(len(lesson.style)) >= share)[:, None, None] for share in (band, melody)]
    return lesson._replace(band=lesson.band * silent[0], melody=lesson.melody * silent[1])


def _transposition(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    return rng.integers(-_TRANSPOSED, _TRANSPOSED + 1, size)


def _regular(song: Song) -> NDArray[np.int64]:
    """Return the cells at which four whole bars of 4/4 begin; a song that is shorter has none."""
    place = song.sheet.frames.place
    count = len(place) - WINDOW + 1
    if count < 1:
        return np.zeros(0, np.int64)
    whole = np.lib.stride_tricks.sliding_window_view(place, WINDOW) == np.arange(WINDOW) % BAR
    return np.flatnonzero(whole.all(1) & song.sheet.band[:count].any((1, 2, 3)))


def _move(roll: NDArray[np.bool_], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Move each cell up by a number of rows; what falls out of the roll comes back an octave nearer.

    Parameters
    ----------
    roll : ndarray of bool, shape (batch, cells, PER_CELL, PITCHES, 2)
    rows : ndarray of int, shape (batch, cells)
    """
    moved = np.zeros_like(roll)
    window, cell, step, row, layer = np.nonzero(roll)
    moved[window, cell, step, fold(row + rows[window, cell]), layer] = True
    return moved
