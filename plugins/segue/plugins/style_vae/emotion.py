"""An emotion as sliders, a tempo and, where it is allowed, a mode.

What the literature agrees on, in the order of how much it does: arousal makes music faster, louder and denser;
valence makes it major, higher and lighter. What is kept is the tune itself, unless the mode may follow.

References
----------
S. R. Livingstone, R. Muhlberger, A. R. Brown and W. F. Thompson, "Changing Musical Emotion: A Computational Rule System
for Modifying Score and Performance", Computer Music Journal 34(1), 2010: the rules by quadrant.
A. Gabrielsson and E. Lindström, "The role of structure in the musical expression of emotions", 2010.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from segue.music import Piece, Tempo
from segue.music.piece import DEFAULT_TEMPO
from segue.plugins.style_vae.attributes import INTENSITY, REGISTER, Floats
from segue.plugins.style_vae.bars import Ints
from segue.v1 import music_pb2 as pb

_CLEAR: Final = 0.8
"""Valence and arousal, or their opposites, of a quadrant that is named alone."""
_SIGNS: Final[Mapping[int, tuple[int, int]]] = {
    pb.EMOTION_QUADRANT_HAPPY: (1, 1),
    pb.EMOTION_QUADRANT_TENSE: (-1, 1),
    pb.EMOTION_QUADRANT_SAD: (-1, -1),
    pb.EMOTION_QUADRANT_CALM: (1, -1),
}
_PIANO: Final = 49.0
_FORTE: Final = 96.0
"""Velocities of dynamic marks, as notation programs play them."""
_TEMPO: Final = 0.35
"""Octaves by which the tempo changes at an arousal of 1."""
_FASTEST: Final = 400.0
_LOWERED: Final = {4: 3, 9: 8}
"""Degrees of major, in semitones, that minor has lower; the leading note stays."""
_RAISED: Final = {3: 4, 8: 9, 10: 11}


class Feeling(NamedTuple):
    """Unpleasant (-1) to pleasant (1), and calm (-1) to excited (1)."""

    valence: float
    arousal: float


def feeling_of(emotion: pb.Emotion) -> Feeling | None:
    """Read an emotion that is asked for; numbers win over the quadrant; None if nothing is stated."""
    signs = _SIGNS.get(emotion.quadrant, (0, 0))
    if signs == (0, 0) and not (emotion.HasField("valence") or emotion.HasField("arousal")):
        return None
    valence = emotion.valence if emotion.HasField("valence") else _CLEAR * signs[0]
    arousal = emotion.arousal if emotion.HasField("arousal") else _CLEAR * signs[1]
    return Feeling(valence, arousal)


def sliders(feeling: Feeling, now: Floats) -> dict[int, float]:
    """Return the sliders that an emotion sets, 0-1; what is calm, or high, enough already is left.

    Parameters
    ----------
    feeling
        What is asked for.
    now : ndarray, shape (4,)
        Where the piece's figures stand, 0-1.
    """
    valence, arousal = feeling
    aims = {INTENSITY: 0.45 * arousal, REGISTER: 0.35 * valence + 0.1 * arousal}
    return {
        figure: (max if aim > 0 else min)(0.5 + aim, float(now[figure])) for figure, aim in aims.items() if aim != 0
    }


def loudness(feeling: Feeling, now: float) -> float:
    """Return the mean velocity that an emotion asks for, from piano to forte; what is soft, or loud, enough is left."""
    wanted = (_FORTE + _PIANO) / 2 + feeling.arousal * (_FORTE - _PIANO) / 2
    return max(wanted, now) if feeling.arousal > 0 else min(wanted, now) if feeling.arousal < 0 else now


def at_tempo(piece: Piece, arousal: float) -> Piece:
    """Play a piece faster, or slower, by what an arousal of -1 to 1 asks for."""
    factor = 2 ** (_TEMPO * arousal)
    tempos = piece.tempos or (Tempo(0.0, DEFAULT_TEMPO),)
    changed = tuple(Tempo(t.beat, float(np.clip(t.quarters_per_minute * factor, 10, _FASTEST))) for t in tempos)
    return replace(piece, tempos=changed)


def in_mode(piece: Piece, keys: Ints, valence: float) -> Piece:
    """Move a piece into minor, or into major, as the sign of a valence asks for, degree by degree.

    Parameters
    ----------
    piece
        The piece; drums stay.
    keys : ndarray of int, shape (notes,)
        The local key at each note: 0-11 major, 12-23 minor.
    valence
        Below 0 for minor, above for major.
    """
    table = np.zeros((2, 12), np.int64)
    for mode, steps in enumerate((_LOWERED, _RAISED)):
        for step, moved in steps.items():
            table[mode, step] = moved - step
    minor = keys >= 12
    wrong = (minor if valence > 0 else ~minor) & ~piece.is_drum & (valence != 0)
    moved = table[minor.astype(np.int64), (piece.pitch - keys) % 12]
    return piece.with_notes(pitch=np.clip(piece.pitch + np.where(wrong, moved, 0), 0, 127))
