"""Made-up tunes, to see the way from data to a served model.

``python -m segue_plugin_newcomer.example_data FOLDER`` writes them.

Tunes over I, IV and V with passing notes, in all keys; one note in twelve is off the scale.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from segue.music import KeySignature, Meter, Piece, Tempo, piece_to_midi

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11))
_ROOTS = (0, 3, 4, 0)
_BARS, _FILES = 8, 240


def write(folder: Path, seed: int = 0) -> None:
    """Write MIDI files into a folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(_FILES):
        (folder / f"tune-{number:03}.mid").write_bytes(piece_to_midi(_tune(rng)))


def _tune(rng: np.random.Generator) -> Piece:
    tonic, minor = int(rng.integers(12)), int(rng.integers(2))
    rows = []
    for beat in range(4 * _BARS):
        root = _ROOTS[beat // 4 % len(_ROOTS)]
        degree = root + int(rng.choice((0, 2, 4, 1, 3), p=(0.35, 0.25, 0.2, 0.1, 0.1)))
        pitch = 60 + tonic + _SCALES[minor][degree % 7] + 12 * (degree // 7)
        slip = int(rng.choice((-1, 1))) if rng.random() < 1 / 12 else 0
        rows.append((float(beat), 1.0, pitch + slip))
        if beat % 4 == 0:
            rows.append((float(beat), 4.0, 48 + tonic + _SCALES[minor][root % 7]))
    start, duration, pitches = zip(*rows, strict=True)
    keys = (KeySignature(0.0, tonic, bool(minor)),)
    return Piece.of(start, duration, pitches, 80, tempos=(Tempo(0.0, 100.0),), meters=(Meter(0.0, 4, 4),), keys=keys)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
