"""Chord charts as the pack ``style_parallel_synth`` writes them: for each bar a symbol or a slash for each beat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.theory import QUALITY_NAMES, key_to_index

_QUALITIES: Final = {
    "": "maj", "6": "maj", "m": "min", "m6": "min", "7": "7", "9": "7", "11": "7", "13": "7", "M7": "maj7",
    "m7": "min7", "m9": "min7", "m7b5": "hdim7", "dim": "dim7", "dim7": "dim7", "aug": "aug", "aug7": "aug",
}  # fmt: skip


def written_chords(bars: Sequence[Sequence[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read a chart.

    Returns
    -------
    chord, bass : ndarray, shape (half beats,)
        Index of the chord as in ``segue.music.theory``, and pitch class of the bass, 0-11.
    """
    found: list[tuple[int, int]] = []
    for symbol in (symbol for bar in bars for symbol in bar):
        if symbol == "/":
            found += [found[-1]] * 2
            continue
        match = re.fullmatch(r"([A-G][b#]?)([^/]*)(?:/([A-G][b#]?))?", symbol)
        assert match is not None
        root = key_to_index(match[1]) % 12
        chord = QUALITY_NAMES.index(_QUALITIES[match[2]]) * 12 + root
        found += [(chord, key_to_index(match[3]) % 12 if match[3] else root)] * 2
    chord, bass = np.array(found).T
    return chord, bass
