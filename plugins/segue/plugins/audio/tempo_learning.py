"""Learns which of the related periods is the quarter note, from notes that need not be made to sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Tempo
from segue.plugins.audio.beats import FASTEST, RATIOS, SLOWEST
from segue.plugins.audio.corpus import Played, choose
from segue.plugins.audio.learning import fit_scorer
from segue.plugins.audio.levels import FEWEST_NOTES, level_features
from segue.plugins.audio.scorer import Scorer
from segue.plugins.score.corpus import chorales
from segue.plugins.score.data import part_of
from torch import Tensor
from torch.nn import functional

_ALL: Final = 1_000_000
_CHARTS: Final = 300
_HIDDEN, _DECAY = 32, 1e-2
_OWN_TEMPO, _OTHER_TEMPO, _TEMPO_SPREAD = 2, 2, 0.08
_CHORALE_TEMPOS: Final = 2
_SLOW, _FAST = 60.0, 125.0
_SHORT_SECONDS, _LONG_SECONDS = 35.0, 90.0
_FROM_THE_MIDDLE: Final = 0.7
_MISSED, _LATE_SECONDS, _INEXACT = 0.07, 0.006, 0.003
"""Of a transcription: share of notes that is missed, how far onsets stray, by what share a period is inexact."""


@dataclass(frozen=True)
class Choice:
    """Periods of which one is the quarter note: their features, shape (n, features), and which it is."""

    features: NDArray[np.float64]
    right: int


def tempo_choices(data: Path, seed: int) -> Iterator[Choice]:
    """Make choices of the training parts: songs near their own tempo, all else at tempos drawn at random."""
    rng = np.random.default_rng(seed)
    for played in _pieces(data, rng):
        choice = make_choice(played, rng)
        if choice is not None:
            yield choice


def _pieces(data: Path, rng: np.random.Generator) -> Iterator[Played]:
    for song in choose(data, "train", (_ALL, 0, 0, 0)):
        yield from [song] * _OWN_TEMPO
        for _ in range(_OTHER_TEMPO):
            yield _at(song, song.tempo * float(np.exp(rng.normal(0, _TEMPO_SPREAD))))
    for title, piece in chorales(data):
        if part_of(title) == "train":
            for _ in range(_CHORALE_TEMPOS):
                yield _at(Played(f"jsb_chorales/{title}", piece, 0), float(rng.uniform(_SLOW, _FAST)))
    for played in choose(data, "train", (0, _ALL, _CHARTS, 0)):
        yield _at(played, float(rng.uniform(_SLOW, _FAST)))


def _at(played: Played, tempo: float) -> Played:
    """Play a piece so that its median tempo is this one."""
    pace = tempo / played.tempo
    own = played.piece.tempos or (Tempo(0.0, 120.0),)
    return replace(
        played, piece=replace(played.piece, tempos=tuple(Tempo(t.beat, t.quarters_per_minute * pace) for t in own))
    )


def make_choice(played: Played, rng: np.random.Generator) -> Choice | None:
    """Take a stretch of a piece as a transcriber hears it; None if little is heard or the tempo is out of range."""
    piece = played.piece.without_drums()
    start = piece.beats_to_seconds(piece.start)
    seconds = float(rng.uniform(_SHORT_SECONDS, _LONG_SECONDS))
    latest = max(float(start.max(initial=0.0)) - seconds, 0.0)
    begin = float(rng.uniform(0, latest)) if rng.random() < _FROM_THE_MIDDLE else 0.0
    heard = (start >= begin) & (start < begin + seconds) & (rng.random(len(start)) >= _MISSED)
    onsets = np.maximum(start[heard] - begin + rng.normal(0, _LATE_SECONDS, int(heard.sum())), 0)
    order = np.argsort(onsets, kind="stable")
    periods = 60 / played.tempo * np.array(RATIOS) * (1 + rng.uniform(-_INEXACT, _INEXACT))
    possible = (periods >= 60 / FASTEST) & (periods <= 60 / SLOWEST)
    right = RATIOS.index(1.0)
    if len(order) < FEWEST_NOTES or not possible[right]:
        return None
    found = level_features(onsets[order], piece.pitch[heard][order], periods[possible])
    return Choice(found, int(possible[:right].sum()))


def learn_tempo(choices: Sequence[Choice], seed: int) -> Scorer:
    """Learn to choose, by a softmax over the periods of each choice."""
    counts = np.array([len(choice.features) for choice in choices])
    offset = np.r_[0, np.cumsum(counts)[:-1]]
    column = np.arange(counts.max())
    rows = torch.from_numpy(offset[:, None] + np.minimum(column, counts[:, None] - 1))
    missing = torch.from_numpy(column >= counts[:, None])
    right = torch.tensor([choice.right for choice in choices])

    def loss(scores: Tensor) -> Tensor:
        return functional.cross_entropy(scores[rows].masked_fill(missing, -torch.inf), right)

    return fit_scorer(np.concatenate([choice.features for choice in choices]), _HIDDEN, _DECAY, seed, loss)
