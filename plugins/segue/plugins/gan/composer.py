"""From commissions to notes: phrases of four bars, their chords first, drawn from noise, many at once.

A piece in minor is drawn in major and moved to the parallel minor degree by degree, since hardly any song that was
learnt from is in minor. Every phrase is drawn by matrix products of a fixed number of rows, so that a piece does not
depend on what is composed beside it. A piece is drawn a few times, and the first that is heard in its key is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.keys import histogram_scores
from segue.plugins.gan.artifacts import Artifacts
from segue.plugins.gan.commission import Commission
from segue.plugins.gan.network import noise_size
from segue.plugins.gan.planning import ANY, TONIC, close, lay_asked, lowered
from segue.plugins.gan.roll import BAR, BARS, BEATS, DRUMS, PER_BEAT, STEPS, from_root, to_notes
from segue.plugins.gan.voicing import clear_bass, close_melody, lead_melody, lead_voices

ROWS: Final = 8
_DRAWN: Final = 6
"""How often a piece is drawn to be heard in its key."""
_CHORD_SPREAD: Final = 1.2
"""Of the chords' own noise: at 1 the network that draws them stays on the tonic more than songs do."""
_HOME: Final = {False: 0, True: 12}
"""C major and C minor."""


class Drawn(NamedTuple):
    """A piece as it is drawn, in C major or C minor.

    Attributes
    ----------
    notes : ndarray of int, shape (notes, 4)
        Track, begin and end in sixteenths, MIDI number.
    chords : ndarray of int, shape (beats,)
        What each beat was drawn to, in C major.
    """

    notes: NDArray[np.int64]
    chords: NDArray[np.int64]


class Composer:
    """Composes with a trained generator."""

    def __init__(self, made: Artifacts) -> None:
        self._made = made

    def compose(self, wanted: Sequence[tuple[Commission, int, int]]) -> list[Drawn]:
        """Compose pieces: for each a commission, the piece's index in it, and how often it was tried before."""
        found: dict[int, Drawn] = {}
        best: dict[int, float] = {}
        for drawn in range(_DRAWN):
            rows = [row for row in range(len(wanted)) if best.get(row, -1.0) < 1.0]
            if not rows:
                break
            for row, piece in zip(rows, self._draw([wanted[row] for row in rows], drawn), strict=True):
                commission = wanted[row][0]
                fit = 1.0 if commission.chords else _fit(piece.notes, commission.minor)
                if fit > best.get(row, -1.0):
                    best[row], found[row] = fit, piece
        return [found[row] for row in range(len(wanted))]

    def _draw(self, wanted: Sequence[tuple[Commission, int, int]], drawn: int) -> list[Drawn]:
        noise = [self._noise(*each, drawn) for each in wanted]
        ends = np.cumsum([len(each) for each in noise])[:-1]
        style = np.repeat([commission.style for commission, _, _ in wanted], [len(each) for each in noise])
        together = np.concatenate(noise)
        first = np.full(len(together), ANY)
        begins = np.r_[0, ends][[commission.whole for commission, _, _ in wanted]]
        first[begins] = TONIC
        chords = self.plan(together[:, :BEATS], style, first)
        for plan, (commission, _, _) in zip(np.split(chords, ends), wanted, strict=True):
            if commission.whole:
                close(plan, commission.bars)
            lay_asked(plan, commission.chords, commission.tonic)
        rolls = np.split(self.play(together[:, BEATS:], chords, style), ends)
        return [
            Drawn(_join(own, plan, commission), plan.reshape(-1))
            for own, plan, (commission, _, _) in zip(rolls, np.split(chords, ends), wanted, strict=True)
        ]

    @torch.no_grad()
    def plan(self, noise: NDArray[np.float32], style: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw the chords of phrases, shape (phrases, beats), from as many normal numbers and the first, or ``ANY``."""
        draw = self._made.generator.progression.draw
        return np.concatenate([draw(*rows).numpy()[:real] for real, rows in _in_rows(noise, style, first)])

    @torch.no_grad()
    def play(
        self, noise: NDArray[np.float32], chords: NDArray[np.int64], style: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Draw phrases to chords, shape (phrases, tracks, steps, pitches, 2)."""
        draw = self._made.generator.compose
        rolls = np.concatenate([draw(*rows).numpy()[:real] for real, rows in _in_rows(noise, chords, style)])
        return from_root(rolls, chords, back=True)

    def _noise(self, c: Commission, index: int, tried: int, drawn: int) -> NDArray[np.float32]:
        """Return the noise of each phrase of a piece: the first, then others akin to it by ``variety``."""
        rng = np.random.default_rng((c.seed, 2, index, tried, drawn))
        size = BEATS + noise_size(self._made.generator.settings)
        first, *others = rng.standard_normal((-(-c.bars // BARS), size))
        kin = [np.sqrt(1 - c.variety**2) * first + c.variety * other for other in others]
        noise = c.spread * np.stack([first, *kin])
        noise[:, :BEATS] *= _CHORD_SPREAD
        return np.asarray(noise, np.float32)


def _in_rows(*arrays: NDArray[np.generic]) -> Sequence[tuple[int, list[torch.Tensor]]]:
    """Cut arrays into tensors of ``ROWS`` rows, the last filled up; with each, how many of them are real."""
    count = len(arrays[0])
    filled = [np.concatenate([x, np.repeat(x[-1:], -count % ROWS, axis=0)]) for x in arrays]
    return [
        (min(ROWS, count - at), [torch.from_numpy(x[at : at + ROWS]) for x in filled]) for at in range(0, count, ROWS)
    ]


def _join(rolls: NDArray[np.bool_], plan: NDArray[np.int64], commission: Commission) -> NDArray[np.int64]:
    """Lay phrases end to end and cut the last; move them to minor if so asked."""
    notes = np.concatenate([to_notes(roll) + np.array([0, at * STEPS, at * STEPS, 0]) for at, roll in enumerate(rolls)])
    notes = notes[notes[:, 1] < commission.bars * BAR]
    notes[:, 2] = np.minimum(notes[:, 2], commission.bars * BAR)
    chords = plan.reshape(-1)
    notes = lead_melody(lead_voices(clear_bass(notes, chords), chords))
    if commission.whole and commission.bars >= BARS:
        notes = close_melody(notes, commission.bars)
    if commission.minor:
        over = chords[notes[:, 1] // PER_BEAT]
        notes[:, 3] -= (notes[:, 0] != DRUMS) & lowered(notes[:, 3] % 12, over, asked=bool(commission.chords))
    return np.asarray(notes[np.lexsort((notes[:, 3], notes[:, 0], notes[:, 1]))])


def _fit(notes: NDArray[np.int64], minor: bool) -> float:
    """Return 1 if the key is heard, else less the further it is from being heard."""
    pitched = notes[notes[:, 0] != DRUMS]
    if not len(pitched):
        return -1.0 + 1e-9
    scores = histogram_scores(np.bincount(pitched[:, 3] % 12, pitched[:, 2] - pitched[:, 1], 12).astype(np.float64))
    return 1.0 if scores.argmax() == _HOME[minor] else float(scores[_HOME[minor]] - scores.max())
