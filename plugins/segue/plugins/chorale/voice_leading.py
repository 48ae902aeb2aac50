"""From a voice's scores to its note: what it may not sing, and what it should not."""

from __future__ import annotations

from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music.bar_lines import Frames
from segue.music.voices import in_parallel
from segue.plugins.chorale.features import pitch_class
from segue.plugins.chorale.frames import BASS, NO_NOTE, PITCHES, REST
from segue.plugins.chorale.network import CLASSES

AGAINST_PARALLELS: Final = 3.45
"""Nats by which a parallel fifth or octave is made less likely: the network alone writes ten times as many as Bach."""
TOWARDS_CROSSING: Final = 1.05
"""Nats by which a note beyond another voice is made more likely: drawing from the likeliest alone halves crossings."""
AGAINST_STAYING: Final = 0.4
"""Nats by which the note that a voice has is made less likely on a beat: the network alone holds a tenth too many."""
AGAINST_FOREIGN: Final = (
    {1: 0.7, 3: 0.7, 6: 0.7, 8: 0.7, 10: 0.7},
    {1: 0.7, 4: 1.6, 6: 0.7, 10: 0.4},
)
"""Nats by which semitones above the tonic that lead out of the key are made less likely, in major and in minor."""
_PITCH: Final = np.arange(CLASSES)
_FOREIGN: Final = np.array(
    [[nats.get(degree, 0.0) for degree in pitch_class(_PITCH).tolist()] for nats in AGAINST_FOREIGN]
)  # (2, CLASSES)


class Before(NamedTuple):
    """What a voice looks at, for several pieces.

    Attributes
    ----------
    last
        Tokens of the frame before, shape (pieces, 4).
    chosen, known
        Tokens of this frame, shape (pieces, 4), and which of them are given or chosen already.
    """

    last: NDArray[np.int64]
    chosen: NDArray[np.int64]
    known: NDArray[np.bool_]


def permitted_tokens(
    voice: int,
    before: Before,
    allowed: NDArray[np.bool_],
    held: NDArray[np.bool_],
    moving: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Tokens that a voice may take, shape (pieces, CLASSES).

    Where the frame is ``held`` it keeps its note; where it is ``moving`` the bass does not.
    """
    permitted = allowed.copy()
    last = before.last[:, voice, None] == _PITCH
    if voice == BASS:
        permitted &= ~(last & moving[:, None])
    same = last & held[:, None]
    return np.where(same.any(1, keepdims=True), same, permitted)


def reluctance(voice: int, before: Before, on_beat: NDArray[np.bool_], minor: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Nats by which each token is made less likely, shape (pieces, CLASSES).

    The weights were chosen so that composed pieces are like those of the train and validation parts in the figures of
    ``likeness``.
    """
    staying = on_beat[:, None] & (before.last[:, voice, None] == _PITCH)
    return np.asarray(
        AGAINST_PARALLELS * parallel_tokens(voice, before)
        - TOWARDS_CROSSING * crossing_tokens(voice, before)
        + AGAINST_STAYING * staying
        + _FOREIGN[minor.astype(np.int64)]
    )


def crossing_tokens(voice: int, before: Before) -> NDArray[np.bool_]:
    """Tokens by which a voice would go above a higher one or below a lower one; shape (pieces, CLASSES)."""
    sounding = before.known & (before.chosen != NO_NOTE)
    lowest = np.where(sounding, before.chosen, 0)[:, voice + 1 :].max(1, initial=0)
    highest = np.where(sounding, before.chosen, CLASSES)[:, :voice].min(1, initial=CLASSES)
    return np.asarray((_PITCH != NO_NOTE) & ((lowest[:, None] > _PITCH) | (highest[:, None] < _PITCH)))


def parallel_tokens(voice: int, before: Before) -> NDArray[np.bool_]:
    """Tokens by which a voice would move with another from a fifth or an octave to the next; (pieces, CLASSES)."""
    others = [other for other in range(4) if other != voice]
    side = np.array([1 if other < voice else -1 for other in others])[:, None]  # upside down, a lower voice is higher
    own = before.last[:, voice, None, None]
    last, now = before.last[:, others, None], before.chosen[:, others, None]
    known = before.known[:, others, None] & (now != NO_NOTE) & (last != NO_NOTE) & (last <= PITCHES) & (own != NO_NOTE)
    return np.asarray((known & in_parallel(side * last, side * own, side * now, side * _PITCH)).any(1))


def count_parallels(frames: Frames) -> int:
    """Count moves of two voices in the same direction from one perfect fifth or octave to the next.

    Parameters
    ----------
    frames
        Pitches or ``REST``, shape (frames, 4).
    """
    high, low = np.array(list(combinations(range(4), 2))).T
    before, after = frames[:-1], frames[1:]
    sounding = (before != REST) & (after != REST)
    found = in_parallel(before[:, high], before[:, low], after[:, high], after[:, low])
    return int((found & sounding[:, high] & sounding[:, low]).sum())
