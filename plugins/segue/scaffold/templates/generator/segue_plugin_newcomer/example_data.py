"""Made-up melodies, to see the way from data to a served model.

``python -m segue_plugin_newcomer.example_data FOLDER`` writes them.

They walk by step, leap now and then, turn back after a leap, and come home to the tonic at the end of every fourth bar.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from segue.music import KeySignature, Meter, Piece, Tempo, piece_to_midi

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_MOVES = (0.02, 0.03, 0.1, 0.3, 0.1, 0.3, 0.1, 0.03, 0.02)
"""Probability of going down four degrees, three, ... up four."""
_BARS, _FILES = 16, 200
_RHYTHMS = ((1.0, 1.0, 1.0, 1.0), (0.5, 0.5, 1.0, 2.0), (1.5, 0.5, 1.0, 1.0), (2.0, 1.0, 1.0))


def write(folder: Path, seed: int = 0) -> None:
    """Write MIDI files into a folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_FILES):
        (folder / f"melody-{number:03}.mid").write_bytes(piece_to_midi(_melody(rng)))


def _melody(rng: np.random.Generator) -> Piece:
    tonic, minor = int(rng.integers(12)), bool(rng.integers(2))
    degree, leapt, at = 7, 0, 0.0
    rows = []
    for bar in range(_BARS):
        rhythm = _RHYTHMS[int(rng.integers(len(_RHYTHMS)))]
        for index, value in enumerate(rhythm):
            if leapt:
                move, leapt = -int(np.sign(leapt)), 0
            else:
                move = int(rng.choice(range(-4, 5), p=_MOVES))
                leapt = move if abs(move) > 2 else 0
            home = bar % 4 == 3 and index == len(rhythm) - 1
            degree = 7 if home else int(np.clip(degree + move, 2, 14))
            steps = _MINOR if minor else _MAJOR
            rows.append((at, value, 60 + tonic - 12 * (tonic > 6) + 12 * (degree // 7 - 1) + steps[degree % 7]))
            at += value
    start, duration, pitch = zip(*rows, strict=True)
    about = {"tempos": (Tempo(0.0, 100.0),), "meters": (Meter(0.0, 4, 4),), "keys": (KeySignature(0.0, tonic, minor),)}
    return Piece.of(start, duration, pitch, 80, **about)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
