"""Made-up playing, to see the way from data to a served model.

``python -m segue_plugin_newcomer.example_data FOLDER`` writes them.

Tunes with accents on first beats, softer off the beat, louder upwards and with a hand that is not quite even.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from segue.music import Meter, Piece, Tempo, piece_to_midi

_BARS, _FILES = 12, 120
_SCALE = (0, 2, 4, 5, 7, 9, 11)


def write(folder: Path, seed: int = 0) -> None:
    """Write MIDI files into a folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_FILES):
        (folder / f"played-{number:03}.mid").write_bytes(piece_to_midi(_played(rng)))


def _played(rng: np.random.Generator) -> Piece:
    degree, before = 7, 60
    base = float(rng.uniform(55, 80))
    rows = []
    for half_beat in range(8 * _BARS):
        if half_beat % 2 and rng.random() < 0.5:
            continue
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, 14))
        pitch = 60 + 12 * (degree // 7 - 1) + _SCALE[degree % 7]
        accent = 12 if half_beat % 8 == 0 else 3 if half_beat % 2 == 0 else -6
        velocity = base + accent + 0.8 * (pitch - before) + rng.normal(0, 4)
        rows.append((half_beat / 2, 0.45, pitch, int(np.clip(round(velocity), 1, 127))))
        before = pitch
    start, duration, pitches, velocities = zip(*rows, strict=True)
    about = {"tempos": (Tempo(0.0, 100.0),), "meters": (Meter(0.0, 4, 4),)}
    return Piece.of(start, duration, pitches, velocities, **about)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
