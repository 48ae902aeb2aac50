"""The chords of a piece: how it ends, what is asked for, and what becomes of them in minor.

Everything is in C. Chords are those of ``segue.music.theory``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.chord_symbols import AskedChord
from segue.music.theory import NO_CHORD, QUALITIES, QUALITY_NAMES, chord_pitch_classes
from segue.plugins.gan.roll import BARS, BEATS

_BAR_BEATS: Final = BEATS // BARS
ANY: Final = -1
"""No chord in particular."""
TONIC: Final = QUALITY_NAMES.index("maj") * 12
_DOMINANT: Final = QUALITY_NAMES.index("7") * 12 + 7
_LOWERED: Final = (4, 9, 11)
_LEADING: Final = 11
_LEADING_ROOTS: Final = (7, 11)
TONES: Final = np.array([np.isin(np.arange(12), chord_pitch_classes(chord)) for chord in range(NO_CHORD + 1)])
"""Whether a pitch class belongs to a chord, shape (133, 12)."""


def close(plan: NDArray[np.int64], bars: int) -> None:
    """Let the last bar of a piece be the tonic's, and the half bar before it, from four bars on, the dominant's.

    Parameters
    ----------
    plan : ndarray of int, shape (phrases, beats)
        Changed in place.
    bars
        Of the piece.
    """
    chords = plan.reshape(-1)  # a view
    last = (bars - 1) * _BAR_BEATS
    chords[last:] = TONIC
    if bars >= BARS:
        chords[last - _BAR_BEATS // 2 : last] = _DOMINANT


def lay_asked(plan: NDArray[np.int64], asked: Sequence[AskedChord], tonic: int) -> None:
    """Put chords that are asked for into a plan, each as the known quality that shares most tones with it.

    Parameters
    ----------
    plan : ndarray of int, shape (phrases, beats)
        Changed in place. A beat has the chord that sounds in its middle.
    asked
        Chords in the key of the piece.
    tonic
        Pitch class that becomes C.
    """
    chords = plan.reshape(-1)  # a view
    for chord in asked:
        first, last = (int(np.ceil(edge - 0.5)) for edge in (chord.start, chord.end))
        chords[first:last] = NO_CHORD if chord.root is None else _nearest(chord, chord.root) + (chord.root - tonic) % 12


def _nearest(chord: AskedChord, root: int) -> int:
    tones = {(tone - root) % 12 for tone in chord.tones}
    shared = [len(tones & set(own)) - 0.5 * len(tones ^ set(own)) for own in QUALITIES.values()]
    return 12 * int(np.argmax(shared))


def lowered(pitch_class: NDArray[np.int64], over: NDArray[np.int64], *, asked: bool) -> NDArray[np.bool_]:
    """Mark the notes that C minor has a semitone lower than C major: the third, the sixth and the seventh degree.

    Parameters
    ----------
    pitch_class, over : ndarray of int, shape (notes,)
        Of each note, and the chord that it was drawn to.
    asked
        Whether the chords were asked for, so that their own tones stay. Otherwise they become those of minor, and a
        seventh stays high over the dominant and the chord on the seventh degree, where it leads to the tonic.
    """
    low = np.isin(pitch_class, _LOWERED)
    if asked:
        return np.asarray(low & ~TONES[over, pitch_class])
    return np.asarray(low & ~((pitch_class == _LEADING) & np.isin(over % 12, _LEADING_ROOTS)))
