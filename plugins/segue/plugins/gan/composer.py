"""From commissions to notes: phrases of four bars drawn from noise, many at once.

Every phrase is drawn by matrix products of a fixed number of rows, so that a piece does not depend on what is composed
beside it. A piece is drawn a few times, and the first that is heard in the mode that was asked for is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music.keys import histogram_scores
from segue.plugins.gan.artifacts import Artifacts
from segue.plugins.gan.commission import Commission
from segue.plugins.gan.network import noise_size
from segue.plugins.gan.roll import BAR, BARS, DRUMS, STEPS, to_notes

ROWS: Final = 8
_DRAWN: Final = 6
"""How often a piece is drawn to be heard in its key."""
_HOME: Final = {False: 0, True: 21}
"""C major and A minor, where the network hears everything."""


class Composer:
    """Composes with a trained generator."""

    def __init__(self, made: Artifacts) -> None:
        self._made = made

    def compose(self, wanted: Sequence[tuple[Commission, int, int]]) -> list[NDArray[np.int64]]:
        """Compose pieces: for each a commission, the piece's index in it, and how often it was tried before.

        Returns
        -------
        list of ndarray of int, shape (notes, 4)
            Track, begin and end in sixteenths, MIDI number; in C major or A minor.
        """
        found: dict[int, NDArray[np.int64]] = {}
        best: dict[int, float] = {}
        for drawn in range(_DRAWN):
            rows = [row for row in range(len(wanted)) if best.get(row, -1.0) < 1.0]
            if not rows:
                break
            for row, notes in zip(rows, self._draw([wanted[row] for row in rows], drawn), strict=True):
                fit = _fit(notes, wanted[row][0].minor)
                if fit > best.get(row, -1.0):
                    best[row], found[row] = fit, notes
        return [found[row] for row in range(len(wanted))]

    def _draw(self, wanted: Sequence[tuple[Commission, int, int]], drawn: int) -> list[NDArray[np.int64]]:
        noise = [self._noise(*each, drawn) for each in wanted]
        counts = [len(each) for each in noise]
        style = np.repeat([commission.style for commission, _, _ in wanted], counts)
        rolls = np.split(self.play(np.concatenate(noise), style), np.cumsum(counts)[:-1])
        return [_join(own, c.bars) for own, (c, _, _) in zip(rolls, wanted, strict=True)]

    @torch.no_grad()
    def play(self, noise: NDArray[np.float32], style: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Draw phrases, shape (phrases, tracks, steps, pitches, 2)."""
        size = -(-len(noise) // ROWS) * ROWS
        filled = [np.concatenate([x, np.repeat(x[-1:], size - len(x), axis=0)]) for x in (noise, style)]
        found = []
        for at in range(0, size, ROWS):
            rows, kinds = (torch.from_numpy(x[at : at + ROWS]) for x in filled)
            found.append(self._made.generator.compose(rows, kinds).numpy())
        return np.asarray(np.concatenate(found)[: len(noise)])

    def _noise(self, c: Commission, index: int, tried: int, drawn: int) -> NDArray[np.float32]:
        """Return the noise of each phrase of a piece: the first, then others akin to it by ``variety``."""
        rng = np.random.default_rng((c.seed, 2, index, tried, drawn))
        first, *others = rng.standard_normal((-(-c.bars // BARS), noise_size(self._made.generator.settings)))
        kin = [np.sqrt(1 - c.variety**2) * first + c.variety * other for other in others]
        return np.asarray(c.spread * np.stack([first, *kin]), np.float32)


def _join(rolls: NDArray[np.bool_], bars: int) -> NDArray[np.int64]:
    """Lay phrases end to end and cut the last."""
    notes = np.concatenate([to_notes(roll) + np.array([0, at * STEPS, at * STEPS, 0]) for at, roll in enumerate(rolls)])
    notes = notes[notes[:, 1] < bars * BAR]
    notes[:, 2] = np.minimum(notes[:, 2], bars * BAR)
    return np.asarray(notes[np.lexsort((notes[:, 3], notes[:, 0], notes[:, 1]))])


def _fit(notes: NDArray[np.int64], minor: bool) -> float:
    """Return 1 if the key is heard, else less the further it is from being heard."""
    pitched = notes[notes[:, 0] != DRUMS]
    if not len(pitched):
        return -1.0 + 1e-9
    scores = histogram_scores(np.bincount(pitched[:, 3] % 12, pitched[:, 2] - pitched[:, 1], 12).astype(np.float64))
    return 1.0 if scores.argmax() == _HOME[minor] else float(scores[_HOME[minor]] - scores.max())
