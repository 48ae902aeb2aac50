"""The baseline that copies: each bar takes the nearest bar that an accompaniment of the style was heard in.

Groove2Groove's question to every learnt accompaniment: is it more than the closest example, moved to the chord?
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from segue.plugins.style_seq.content import HALVES, Content
from segue.plugins.style_seq.cycles import CYCLE
from segue.plugins.style_seq.data import Song
from segue.plugins.style_seq.elements import HIGHEST, LOWEST, PITCH, fold, half_beat, root_pitch

_ROOT, _QUALITY, _ABSOLUTE, _PHASE = 1.0, 0.5, 0.02, 0.05
"""What a half beat costs whose root is another step above the bar's first one, whose quality is another, or whose root
is; and what a bar costs that stands elsewhere in its group of four."""


class Retrieval:
    """Bars of one style.

    Parameters
    ----------
    songs
        The training pieces of the style.
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        self._songs = songs
        self._where = [(index, bar) for index, song in enumerate(songs) for bar in range(song.bars)]
        self._root = np.concatenate([song.content.root for song in songs])
        self._quality = np.concatenate([song.content.quality for song in songs])
        self._phase = np.array([(bar + songs[index].cycle) % CYCLE for index, bar in self._where])

    def play(
        self, content: Content, tracks: Sequence[str], cycle: int = 0, whole: bool = False
    ) -> list[NDArray[np.int64]]:
        """Return the rows of each track (``elements.to_rows``): the nearest bar's.

        Parameters
        ----------
        content
            What is to be accompanied.
        tracks
            Names of the tracks.
        cycle
            Place of the first bar in the cycle of four bars.
        whole
            Whether a bar is moved as it stands, by the interval between the first roots; else every note stays as
            high above its root, whatever the chords between, which borrows from ``elements`` what makes them easy.
        """
        found: list[list[NDArray[np.int64]]] = [[np.zeros((0, 6), np.int64)] for _ in tracks]
        for bar in range(len(content)):
            index, source = self._where[self._nearest(content.root[bar], content.quality[bar], (bar + cycle) % CYCLE)]
            for voice in self._songs[index].voices:
                rows = voice.rows[voice.rows[:, 0] == source].copy()
                if whole and not voice.drums:
                    rows[:, 1 + PITCH] = self._moved(rows, self._songs[index].content.root[source], content.root[bar])
                rows[:, 0] = bar
                if voice.name in tracks:
                    found[tracks.index(voice.name)].append(rows)
        return [np.concatenate(parts) for parts in found]

    def _moved(self, rows: NDArray[np.int64], old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[np.int64]:
        half = half_beat(rows) % HALVES
        pitch = rows[:, 1 + PITCH] + root_pitch(old[half]) + (new[0] - old[0] + 6) % 12 - 6 - root_pitch(new[half])
        return np.asarray(fold(pitch - 1 + LOWEST, LOWEST, HIGHEST) - LOWEST + 1)

    def _nearest(self, root: NDArray[np.int64], quality: NDArray[np.int64], phase: int) -> int:
        moves, own = (self._root - self._root[:, :1]) % 12, (root - root[0]) % 12
        cost = _ROOT * (moves != own) + _QUALITY * (self._quality != quality) + _ABSOLUTE * (self._root != root)
        return int((cost.sum(1) + _PHASE * (self._phase != phase)).argmin())
