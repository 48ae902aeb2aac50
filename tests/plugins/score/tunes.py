"""Tunes of one idea, to hear emotion in."""

import numpy as np
from segue.music import Piece

MAJOR, MINOR = [0, 2, 4, 5, 7, 9, 11, 12], [0, 2, 3, 5, 7, 8, 10, 12]


def tune(steps, seconds=0.5, velocity=64, count=120, chord=(0,)):
    """Notes of a scale up and down at 120 quarter notes per minute, a chord on each."""
    line = [steps[i % len(steps)] + 60 for i in range(count)]
    pitch = [note + tone for note in line for tone in chord]
    start = np.repeat(np.arange(count) * seconds * 2, len(chord))
    return Piece.of(start, seconds * 2, pitch, velocity)
