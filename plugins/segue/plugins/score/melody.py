"""What the melody is like."""

from __future__ import annotations

import numpy as np
from segue.music import piece_to_notes
from segue.music.reading import Reading
from segue.v1 import analyze_pb2 as pb


def describe_melody(reading: Reading) -> pb.MelodyAnalysis:
    """Describe the notes of the melody; its confidence is their mean probability."""
    chosen = reading.melody
    line = reading.pitched.select(chosen)
    if not len(line):
        return pb.MelodyAnalysis()
    steps = np.abs(np.diff(line.pitch))
    return pb.MelodyAnalysis(
        notes=piece_to_notes(line),
        track=int(np.bincount(line.track).argmax()),
        lowest=int(line.pitch.min()),
        highest=int(line.pitch.max()),
        mean_interval=float(steps.mean()) if len(steps) else 0.0,
        stepwise=float((steps <= 2).mean()) if len(steps) else 0.0,
        confidence=float(reading.melody_probability[chosen].mean()),
    )
