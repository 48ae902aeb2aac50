"""How a piece comes to its close: the notes that lead there are favoured, and of several endings the best is kept.

The network is told how many beats are left, and yet it reaches the last chord from one that leads there in little more
than half of the pieces: it was not told what that chord is. So in the last beats what makes a cadence is favoured, and
those beats are composed several times, side by side, each with chances of its own. The first ending without a flaw is
kept, so that it is drawn as the network draws endings that have none, not as the likeliest, which are the stillest.
Now and then, as in Bach, the close is plagal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.bar_lines import PER_BEAT
from segue.plugins.chorale.features import pitch_class
from segue.plugins.chorale.frames import BASS, to_frames
from segue.plugins.chorale.network import CLASSES
from segue.plugins.chorale.voice_leading import count_parallels

PLAGAL: Final = 0.04
"""Share of pieces that are led to their close by a subdominant; of Bach's .035 are."""
ENDINGS: Final = 4
"""How many endings are composed."""
_WINDOW: Final = 6 * PER_BEAT
"""Frames before the last chord in which they differ."""
_FIFTH, _LEADING, _SECOND, _FOURTH = 7, 11, 2, 5
_SOPRANO: Final = {2: 2.5, 11: 2.5, 0: -2.5, 3: -2.5, 4: -2.5, 5: -2.5, 8: -2.5, 9: -2.5, 10: -5.0}
_INNER: Final = {2: 2.0, 7: 2.0, 11: 2.0, 5: 1.0, 0: -1.0, 3: -2.0, 4: -2.0, 8: -2.0, 9: -2.0, 10: -2.0}
_DOMINANT: Final = (_SOPRANO, _INNER, _INNER, {_FIFTH: 5.0})
"""Nats by which semitones above the tonic are made likelier in the beat before the last chord, by voice: a dominant."""
_SUBDOMINANT: Final = (
    {0: 2.5, 2: -2.5, 5: 1.0, 7: -2.5, 11: -5.0},
    {0: 0.5, 2: -1.0, 5: 2.5, 7: -3.0, 10: -2.0, 11: -5.0},
    {0: 0.5, 2: -1.0, 5: 2.5, 7: -3.0, 10: -2.0, 11: -5.0},
    {_FOURTH: 5.0},
)
"""The same for a subdominant, whose sixth degree is added in the mode of the piece."""
_SIXTH: Final = 2.5
_TOWARDS: Final[tuple[Mapping[int, float], ...]] = (
    {0: 1.0, 2: 1.0, 3: 0.5, 4: 0.5, 11: 0.5},
    {},
    {},
    {0: 0.5, 2: 1.0, 5: 1.0, 7: 0.5},
)
"""The same in the beat before that."""
_THIRD: Final = 1.5
"""Nats by which the third of the last chord is made likelier in alto and tenor."""


@dataclass(frozen=True)
class Cadence:
    """A close that is aimed at.

    Attributes
    ----------
    close
        Frame at which the last chord begins.
    third
        Semitones of the last chord's third above the tonic: 3 or 4.
    draws
        Numbers in [0, 1) by which the further endings are drawn, shape (ENDINGS - 1, frames of the piece, 4).
    sixth
        Semitones of the sixth degree above the tonic, 8 or 9, if a subdominant is to lead there; None for a dominant.
    """

    close: int
    third: int
    draws: NDArray[np.float64]
    sixth: int | None = None

    @property
    def parts(self) -> int:
        """Frame, a whole beat, at which the endings part."""
        return max(0, self.close - _WINDOW) // PER_BEAT * PER_BEAT

    @property
    def decided(self) -> int:
        """Frame, a whole beat, before which the last chord has begun."""
        return (self.close // PER_BEAT + 1) * PER_BEAT

    def favour(self, frame: int, voice: int) -> NDArray[np.float64]:
        """Nats by which each token is made likelier in a frame, shape (CLASSES,)."""
        before = self.close - frame
        if before == 0:
            return _nats({self.third: _THIRD} if 0 < voice < BASS else {})
        if 0 < before <= PER_BEAT and self.sixth is not None:
            return _nats(_SUBDOMINANT[voice] | ({self.sixth: _SIXTH} if 0 < voice < BASS else {}))
        if 0 < before <= PER_BEAT:
            return _nats(_DOMINANT[voice])
        return _nats(_TOWARDS[voice] if 0 < before <= 2 * PER_BEAT else {})


def _nats(by_degree: Mapping[int, float]) -> NDArray[np.float64]:
    return _table(tuple(by_degree.items()))


@cache
def _table(by_degree: tuple[tuple[int, float], ...]) -> NDArray[np.float64]:
    nats = dict(by_degree)
    return np.array([nats.get(degree, 0.0) for degree in pitch_class(np.arange(CLASSES)).tolist()])


def flaws(tokens: NDArray[np.int64], cadence: Cadence) -> int:
    """Count what is wrong with an ending.

    Parameters
    ----------
    tokens
        What is written, shape (frames, 4), the first frame of the last chord among it.
    cadence
        What was aimed at.

    Returns
    -------
    int
        Four for a last chord that neither a dominant nor a subdominant leads to; one each for a soprano that leaps to
        it by more than a major third, a leading note that neither rises nor, in an inner voice, falls to the fifth, a
        chord without its third, voices in it that cross, and each move of two voices in parallel since the endings
        parted.
    """
    close = cadence.close
    entry = to_frames(tokens[close - 1 : close + 1], 0)
    steps = entry[1] - entry[0]
    degrees = pitch_class(tokens[close])
    leading = pitch_class(tokens[close - 1, :BASS]) == _LEADING
    resolved = (steps[:BASS] == 1) | ((steps[:BASS] == -4) & (np.arange(BASS) > 0))
    return (
        4 * (not _leads(tokens[max(0, close - PER_BEAT) : close]))
        + bool(abs(steps[0]) > 4)
        + int((leading & ~resolved).sum())
        + bool(cadence.third not in degrees)
        + bool((np.diff(entry[1]) > 0).any())
        + count_parallels(to_frames(tokens[cadence.parts : close + 1], 0))
    )


def _leads(beat: NDArray[np.int64]) -> bool:
    """Say whether the frames before the last chord end with a dominant (V, V7, V6, vii6) or a subdominant (IV)."""
    degrees = set(pitch_class(beat).reshape(-1).tolist())
    bass = int(pitch_class(beat[-1, BASS]))
    if bass == _FOURTH:
        return bool({8, 9} & degrees) and _LEADING not in degrees
    return _LEADING in degrees and (bass == _FIFTH or (bass in (_SECOND, _LEADING) and _SECOND in degrees))
