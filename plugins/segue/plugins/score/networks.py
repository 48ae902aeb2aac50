"""What is trained of ``score``, and the readings it makes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_model
from segue.music import Piece
from segue.music.meter import Bars, accented_bars
from segue.music.originality import OriginalityIndex
from segue.music.reading import Reading
from segue.plugins.score.bar_net import BarNet, find_bars
from segue.plugins.score.chord_fold import FoldedChordNet
from segue.plugins.score.chord_net import CHANGE_COST, KEY_WEIGHT, ChordNet, chord_evidence
from segue.plugins.score.linear import LinearClassifier
from segue.plugins.score.melody_net import MelodyNet, class_probabilities
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

BARS_FILE: Final = "bars.safetensors"
CHORDS_FILE: Final = "chords.safetensors"
MELODY_FILE: Final = "melody.safetensors"
STYLES_FILE: Final = "styles.safetensors"
ORIGINALITY_FILE: Final = "originality.safetensors"
_FEWEST_NOTES: Final = 16


def use_one_thread() -> None:
    """Compute on one thread: networks this small lose more time by waiting for other threads than they gain.

    On two busy cores an analysis took eight times as much CPU time with a thread for each core.
    """
    torch.set_num_threads(1)
    threadpool_limits(1, "blas")


@dataclass(frozen=True)
class Networks:
    """The networks, the style classifier and the originality index of one version."""

    bars: BarNet | None
    chords: ChordNet
    melody: MelodyNet
    styles: LinearClassifier
    originality: OriginalityIndex

    @classmethod
    def load(cls, folder: Path) -> Networks:
        """Read the networks of a version; they run on the CPU, where a piece takes milliseconds."""
        bars = BarNet().eval() if (folder / BARS_FILE).is_file() else None  # versions of before had none
        if bars is not None:
            load_model(bars, folder / BARS_FILE)
        chords, melody = ChordNet(), MelodyNet()
        load_model(chords, folder / CHORDS_FILE)
        load_model(melody, folder / MELODY_FILE)
        return cls(
            bars,
            chords.eval(),
            melody.eval().fold(),
            LinearClassifier.load(folder / STYLES_FILE),
            OriginalityIndex.load(folder / ORIGINALITY_FILE),
        )

    @cached_property
    def _chords(self) -> FoldedChordNet:
        return FoldedChordNet(self.chords)

    def read(self, piece: Piece) -> Reading:
        """Read a piece with the networks."""
        return Reading(
            piece,
            lambda cells: chord_evidence(self._chords, cells),
            CHANGE_COST,
            KEY_WEIGHT,
            self._melody,
            self.find_bars,
        )

    def find_bars(self, piece: Piece, beats: NDArray[np.float64]) -> Bars:
        """Find the bars of a piece whose beats are known: by accents, if the version has no network for it."""
        return accented_bars(piece, beats) if self.bars is None else find_bars(self.bars, piece, beats)

    def _melody(self, reading: Reading) -> NDArray[np.float64]:
        """Let the notes of a track vote: a melody mostly stays in one, though the network does not see tracks."""
        piece = reading.pitched
        single = np.clip(class_probabilities(self.melody, reading)[:, 0], 1e-4, 1 - 1e-4)
        if len(np.unique(piece.track)) < 2:
            return single
        size = np.bincount(piece.track)
        mean = np.clip(np.bincount(piece.track, single) / np.maximum(size, 1), 0.01, 0.99)
        vote = np.where(size >= _FEWEST_NOTES, np.log(mean / (1 - mean)), 0.0)
        odds = np.log(single / (1 - single)) + vote[piece.track]
        return np.asarray(1 / (1 + np.exp(-odds)))
