"""Tempo and metre as messages."""

from __future__ import annotations

from typing import Final

import numpy as np
from segue.music.grid import UNRELATED
from segue.music.messages import meter_to_change
from segue.music.piece import DEFAULT_TEMPO, Tempo
from segue.music.reading import Reading
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_SMOOTHED: Final = 8
_NEAR: Final = 1e-6


def describe_tempo(reading: Reading) -> pb.TempoAnalysis:
    """Describe the tempo map: the file's, or that of the beats found in the notes; its confidence is the grid's."""
    piece = reading.original
    if reading.grid.confidence < UNRELATED and not reading.grid.stated:
        return _found_tempo(reading)
    tempos = piece.tempos or (Tempo(0.0, DEFAULT_TEMPO),)
    inside = [tempo for tempo in tempos if tempo.beat < piece.beats] or list(tempos[:1])
    edges = piece.beats_to_seconds([0.0, *(tempo.beat for tempo in inside[1:]), max(piece.beats, inside[-1].beat)])
    paces = np.array([tempo.quarters_per_minute for tempo in inside])
    order = np.argsort(paces)
    spent = np.cumsum(np.diff(edges)[order])
    median = paces[order][int(np.searchsorted(spent, spent[-1] / 2))]
    return pb.TempoAnalysis(
        quarters_per_minute=float(median),
        changes=[music_pb2.TempoChange(beat=t.beat, quarters_per_minute=t.quarters_per_minute) for t in inside],
        confidence=reading.grid.confidence,
    )


def _found_tempo(reading: Reading) -> pb.TempoAnalysis:
    """Describe the tempo of beats found in the notes, counted as quarters, every eighth beat."""
    beats = reading.grid.beats
    paces = 60 / np.diff(reading.original.beats_to_seconds(beats))
    local = [float(np.median(paces[row : row + _SMOOTHED])) for row in range(0, len(paces), _SMOOTHED)]
    starts = np.maximum(beats[:-1:_SMOOTHED], 0).tolist()
    return pb.TempoAnalysis(
        quarters_per_minute=float(np.median(paces)),
        changes=[
            music_pb2.TempoChange(beat=beat, quarters_per_minute=pace) for beat, pace in zip(starts, local, strict=True)
        ],
        confidence=reading.grid.confidence,
    )


def describe_meter(reading: Reading) -> pb.MeterAnalysis:
    """Describe metre, beats and downbeats; an upbeat is in the metre of the bar that it leads to."""
    grid, piece = reading.grid, reading.original
    inside = grid.beats[(grid.beats >= -1e-6) & (grid.beats < piece.beats)]
    downbeats = grid.beats[grid.downbeats]
    downbeats = downbeats[(downbeats >= -1e-6) & (downbeats < piece.beats)]
    meters = grid.meters
    if grid.pickup and len(meters) > 1 and abs(meters[1].beat - grid.pickup) < _NEAR:  # as notation programs write one
        meters = (meters[1]._replace(beat=meters[0].beat), *meters[2:])
    return pb.MeterAnalysis(
        time_signatures=[
            meter_to_change(meter)
            for before, meter in zip((None, *meters), meters, strict=False)
            if meter.beat < max(piece.beats, 1e-6) and (before is None or meter[1:] != before[1:])  # not said again
        ],
        beat_seconds=piece.beats_to_seconds(np.maximum(inside, 0)).tolist(),
        downbeat_seconds=piece.beats_to_seconds(np.maximum(downbeats, 0)).tolist(),
        bars=len(downbeats) + bool(grid.pickup),
        pickup=grid.pickup,
        confidence=grid.confidence * grid.bar_confidence,
    )
