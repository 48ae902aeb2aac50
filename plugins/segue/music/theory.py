"""Chord and key vocabulary, key profiles, spelling.

Pitch classes are 0-11, 0 is C. A key is an index 0-23: C...B major, then C...B minor. A chord is an index
``quality * 12 + root`` into ``QUALITIES``; ``NO_CHORD`` follows the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

QUALITIES: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "maj": (0, 4, 7),
        "min": (0, 3, 7),
        "dim": (0, 3, 6),
        "aug": (0, 4, 8),
        "7": (0, 4, 7, 10),
        "maj7": (0, 4, 7, 11),
        "min7": (0, 3, 7, 10),
        "hdim7": (0, 3, 6, 10),
        "dim7": (0, 3, 6, 9),
        "sus4": (0, 5, 7),
        "sus2": (0, 2, 7),
    }
)
"""Harte's shorthand → intervals above the root, in semitones."""
QUALITY_NAMES: Final = tuple(QUALITIES)
NO_CHORD: Final = 12 * len(QUALITIES)

KEY_PROFILES: Final[Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]] = MappingProxyType(
    {
        # C. L. Krumhansl, Cognitive Foundations of Musical Pitch, 1990: probe-tone ratings.
        "krumhansl": (
            (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
            (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
        ),
        # D. Temperley, Music and Probability, 2007: counts in the Kostka-Payne corpus.
        "temperley": (
            (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
            (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
        ),
        # J. Albrecht and D. Shanahan, "The use of large corpora to train a new type of key-finding algorithm", 2013.
        "albrecht": (
            (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
            (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
        ),
    }
)
"""Name → weights of the twelve pitch classes above the tonic in major and in minor."""

# Share of the time that a chord sounds, by mode, semitones of its root above the tonic, and quality: rounded from
# what the literature reports of common-practice music (e.g. D. Tymoczko, A Geometry of Music, 2011, ch. 7). What is
# not named gets a small floor.
_DEGREES: Final[Mapping[str, Mapping[tuple[int, str], float]]] = MappingProxyType(
    {
        "major": {
            (0, "maj"): 0.30, (7, "maj"): 0.16, (7, "7"): 0.14, (5, "maj"): 0.08, (9, "min"): 0.06, (2, "min"): 0.05,
            (2, "min7"): 0.04, (11, "dim"): 0.03, (4, "min"): 0.015, (7, "sus4"): 0.012, (2, "7"): 0.012,
            (2, "maj"): 0.012, (0, "maj7"): 0.01, (0, "sus4"): 0.01, (5, "maj7"): 0.01, (9, "min7"): 0.01,
            (0, "7"): 0.008, (11, "hdim7"): 0.006, (6, "dim"): 0.006, (6, "dim7"): 0.006, (4, "7"): 0.006,
            (9, "7"): 0.006, (4, "min7"): 0.004, (11, "dim7"): 0.004, (4, "maj"): 0.004, (9, "maj"): 0.004,
            (5, "min"): 0.004, (6, "hdim7"): 0.003, (8, "dim7"): 0.003, (1, "dim7"): 0.003, (8, "maj"): 0.003,
            (2, "hdim7"): 0.003, (10, "maj"): 0.002,
        },
        "minor": {
            (0, "min"): 0.30, (7, "maj"): 0.15, (7, "7"): 0.13, (5, "min"): 0.07, (8, "maj"): 0.035,
            (11, "dim7"): 0.035, (2, "dim"): 0.03, (2, "hdim7"): 0.03, (3, "maj"): 0.03, (11, "dim"): 0.025,
            (7, "min"): 0.02, (10, "maj"): 0.02, (0, "maj"): 0.02, (10, "7"): 0.012, (5, "maj"): 0.012,
            (7, "sus4"): 0.01, (5, "min7"): 0.01, (0, "min7"): 0.008, (8, "maj7"): 0.008, (6, "dim7"): 0.008,
            (0, "7"): 0.006, (1, "maj"): 0.006, (2, "7"): 0.006, (6, "dim"): 0.004, (2, "min"): 0.004,
            (3, "maj7"): 0.003, (4, "dim7"): 0.003, (3, "aug"): 0.003, (7, "aug"): 0.003, (9, "dim"): 0.003,
            (9, "hdim7"): 0.003,
        },
    }
)  # fmt: skip
_FLOOR: Final = 0.0006
_LETTERS: Final = "FCGDAEB"
_INTERVALS: Final = ("1", "b2", "2", "b3", "3", "4", "b5", "5", "#5", "6", "b7", "7")
_SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 9, 10, 11))


def rotated(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stack the twelve transpositions of each row.

    Parameters
    ----------
    rows : ndarray, shape (n, 12)
        Values by semitone above a root.

    Returns
    -------
    ndarray, shape (12 * n, 12)
        Values by pitch class; row ``12 * i + root``.
    """
    return np.array([np.roll(row, root) for row in rows for root in range(12)])


def key_profile(name: str = "albrecht") -> NDArray[np.float64]:
    """Return the 24 keys' profiles, each adding to 1, shape (24, 12)."""
    rows = np.array(KEY_PROFILES[name])
    return rotated(rows / rows.sum(axis=1, keepdims=True))


@cache
def chord_in_key() -> NDArray[np.float64]:
    """Return the log probability of each chord in each key, shape (24, 133); no chord is as likely in all."""
    table = np.zeros((24, NO_CHORD + 1))
    for mode, degrees in enumerate(_DEGREES.values()):
        shares = np.full((len(QUALITIES), 12), _FLOOR)
        for (semitones, quality), share in degrees.items():
            shares[QUALITY_NAMES.index(quality), semitones] = share
        logs = np.log(shares / shares.sum())
        for tonic in range(12):
            table[12 * mode + tonic, :NO_CHORD] = np.roll(logs, tonic, axis=1).reshape(-1)
    return table


@cache
def scale(key: int) -> tuple[int, ...]:
    """Return the pitch classes of a key; minor has both forms of its sixth and seventh degrees."""
    return tuple(sorted((key + step) % 12 for step in _SCALES[key // 12]))


@cache
def scale_table() -> NDArray[np.bool_]:
    """Say which pitch classes are in the scale of each key, shape (24, 12)."""
    return np.array([[pitch_class in scale(key) for pitch_class in range(12)] for key in range(24)])


def spell(pitch_class: int, key: int | None = None) -> str:
    """Name a pitch class as a key writes it, e.g. Eb in C minor but D# in E major; C major without a key."""
    tonic = 0 if key is None else _fifths(key)
    minor = key is not None and key >= 12
    lowest = tonic - 2 if minor else max(tonic - 4, -7)  # minor reaches up to its leading note and sharp fourth
    position = lowest + (pitch_class * 7 - lowest) % 12
    letter, accidentals = _LETTERS[(position + 1) % 7], (position + 1) // 7
    return letter + ("#" * accidentals if accidentals >= 0 else "b" * -accidentals)


def pitch_name(pitch: int, key: int | None = None) -> str:
    """Name a MIDI number, 60 C4, its pitch class spelt as a key writes it."""
    return f"{spell(pitch % 12, key)}{pitch // 12 - 1}"


def key_to_index(name: str) -> int:
    """Read a key such as ``Bb``, ``f#``, ``E-`` or ``Gb:maj``: 0-11 major, 12-23 minor.

    Raises
    ------
    ValueError
        If it begins with no letter from A to G.
    """
    tonic, _, mode = name.partition(":")
    if not tonic or tonic[0].upper() not in _LETTERS:
        raise ValueError(f"{name!r} is no key, such as Bb, f# or Gb:maj")
    position = _LETTERS.index(tonic[0].upper()) - 1  # on the line of fifths
    pitch_class = 7 * position + tonic.count("#") - tonic[1:].count("b") - tonic.count("-")
    minor = mode.startswith("min") if mode else tonic[0].islower()
    return pitch_class % 12 + 12 * minor


def _fifths(key: int) -> int:
    """Return a key's place on the line of fifths by its signature: C major and A minor 0, G major 1, F major -1."""
    sharps = ((key + 3 * (key // 12)) % 12 * 7) % 12
    return sharps - 12 if sharps > (5 if key >= 12 else 6) else sharps


def key_name(key: int) -> str:
    """Name a key, e.g. F# minor."""
    return f"{spell(key % 12, key)} {'minor' if key >= 12 else 'major'}"


def chord_symbol(chord: int, bass: int | None = None, key: int | None = None) -> str:
    """Write a chord in Harte's notation, e.g. C:maj/3; N for none.

    References
    ----------
    C. Harte et al., "Symbolic representation of musical chords", ISMIR 2005.
    """
    if chord == NO_CHORD:
        return "N"
    quality, root = divmod(chord, 12)
    symbol = f"{spell(root, key)}:{QUALITY_NAMES[quality]}"
    return symbol if bass is None or bass == root else f"{symbol}/{_INTERVALS[(bass - root) % 12]}"


def chord_pitch_classes(chord: int) -> tuple[int, ...]:
    """Return the pitch classes of a chord, ascending; empty for none."""
    if chord == NO_CHORD:
        return ()
    quality, root = divmod(chord, 12)
    return tuple(sorted((root + step) % 12 for step in QUALITIES[QUALITY_NAMES[quality]]))
