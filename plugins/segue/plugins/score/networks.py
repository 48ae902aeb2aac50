"""What is trained of ``score``, and the readings it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_model
from segue.music import Piece
from segue.music.leading import leading_track, upper_line
from segue.music.melody import is_one_voice
from segue.music.meter import Bars, accented_bars
from segue.music.originality import OriginalityIndex
from segue.music.reading import Judged, Reading
from segue.plugins.polish import network
from segue.plugins.polish.judge import judge_some
from segue.plugins.polish.network import Network
from segue.plugins.score.bar_net import BarNet, find_bars
from segue.plugins.score.chord_fold import FoldedChordNet
from segue.plugins.score.chord_net import CHANGE_COST, KEY_WEIGHT, ChordNet, chord_evidence
from segue.plugins.score.linear import LinearClassifier
from segue.plugins.score.melody_net import MelodyNet, class_probabilities
from segue.plugins.score.plugin import ScoreAnalyzer
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

BARS_FILE: Final = "bars.safetensors"
CHORDS_FILE: Final = "chords.safetensors"
MELODY_FILE: Final = "melody.safetensors"
STYLES_FILE: Final = "styles.safetensors"
ORIGINALITY_FILE: Final = "originality.safetensors"
SLIPS_FILE: Final = network.FILE
"""The two small networks of ``polish``, of which one judges pitches; a version without them goes by a rule."""
_FEWEST_NOTES: Final = 16
_HEARD, _HARDLY_ANY = 0.5, 0.02
"""Probability from which a note is of the melody, and share of the notes below which there is none."""
_ENOUGH_BARS: Final = 0.5


def use_one_thread() -> None:
    """Compute on one thread: networks this small lose more time by waiting for other threads than they gain.

    On two busy cores an analysis took eight times as much CPU time with a thread for each core.
    """
    torch.set_num_threads(1)
    threadpool_limits(1, "blas")


@dataclass(frozen=True)
class Networks:
    """The networks, the style classifier and the originality index of one version, and the judge of pitches."""

    bars: BarNet | None
    chords: ChordNet
    melody: MelodyNet
    styles: LinearClassifier
    originality: OriginalityIndex
    slips: Mapping[str, Network] | None = None

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
            network.load(folder) if (folder / SLIPS_FILE).is_file() else None,
        )

    @cached_property
    def _chords(self) -> FoldedChordNet:
        return FoldedChordNet(self.chords)

    def read(self, piece: Piece, *, written: bool = False) -> Reading:
        """Read a piece with the networks; ``written`` if it came as notation."""
        evidence = partial(chord_evidence, self._chords)
        judge = None if self.slips is None else partial(_judge, self.slips)
        return Reading(piece, evidence, CHANGE_COST, KEY_WEIGHT, self._melody, judge, self.find_bars, written)

    def find_bars(self, piece: Piece, beats: NDArray[np.float64], written: bool) -> Bars:
        """Find the bars of a piece whose beats are known: by accents, if the version has no network for it."""
        if self.bars is None:
            return accented_bars(piece, beats, written)
        return find_bars(self.bars, piece, beats, written)

    def _melody(self, reading: Reading) -> NDArray[np.float64]:
        """Let the notes of a track vote: a melody mostly stays in one, though the network does not see tracks.

        A piece of one voice is all melody: the network learnt what is one beside an accompaniment. Where it hears one
        in few of the bars, or hardly any, as in much that is no pop song, a track that is by itself like a melody is
        one, as likely as not, or else the upper line of one player.
        """
        piece = reading.pitched
        if is_one_voice(piece):
            return np.ones(len(piece))
        probability = _vote(piece, np.clip(class_probabilities(self.melody, reading)[:, 0], 1e-4, 1 - 1e-4))
        heard, bars = probability >= _HEARD, piece.bar_of(piece.start)
        if heard.mean() >= _HARDLY_ANY and len(np.unique(bars[heard])) >= _ENOUGH_BARS * len(np.unique(bars)):
            return probability
        track = leading_track(reading.piece)
        likely = upper_line(reading.piece) if track is None else piece.track == track
        return probability if likely is None else np.where(likely, _HEARD, np.minimum(probability, _HEARD - 0.01))


def shipped_networks() -> Networks:
    """Read the networks of the shipped version of ``score``: for training and measuring what stands on it."""
    folder = ScoreAnalyzer.models[0].shipped
    assert folder is not None
    return Networks.load(folder / "1")


def _vote(piece: Piece, single: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add to what is heard of each note what is heard of those of its track in the mean."""
    if len(np.unique(piece.track)) < 2:
        return single
    size = np.bincount(piece.track)
    mean = np.clip(np.bincount(piece.track, single) / np.maximum(size, 1), 0.01, 0.99)
    vote = np.where(size >= _FEWEST_NOTES, np.log(mean / (1 - mean)), 0.0)
    odds = np.log(single / (1 - single)) + vote[piece.track]
    return np.asarray(1 / (1 + np.exp(-odds)))


def _judge(networks: Mapping[str, Network], piece: Piece, notes: NDArray[np.int64]) -> Judged:
    return Judged(*judge_some(piece, notes, networks))
