"""Statistics of pitch, texture and rhythm."""

from __future__ import annotations

from typing import Final

import numpy as np
from segue.music.melody import skyline
from segue.music.reading import Reading
from segue.music.rhythm import (
    Onsets,
    bar_patterns,
    chordal,
    grid_deviation,
    groove_consistency,
    onset_profile,
    place_onsets,
    polyphony,
    swing,
    syncopation,
    voices_at_once,
)
from segue.music.theory import scale_table
from segue.v1 import analyze_pb2 as pb

_VALUES: Final = np.array([1 / 8, 1 / 6, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 2 / 3, 3 / 4, 1, 3 / 2, 2, 3, 4, 6, 8, 16])


def describe_pitch(reading: Reading) -> pb.PitchAnalysis:
    """Describe pitch and texture; drums are left out of all but the tracks."""
    piece = reading.pitched
    tracks = _describe_tracks(reading)
    if not len(piece):
        return pb.PitchAnalysis(tracks=tracks)
    shares = np.bincount(piece.pitch % 12, piece.duration, 12) / piece.duration.sum()
    heard = shares[shares > 0]
    return pb.PitchAnalysis(
        pitch_class_shares=shares.tolist(),
        lowest=int(piece.pitch.min()),
        highest=int(piece.pitch.max()),
        mean=float(np.average(piece.pitch, weights=piece.duration)),
        entropy=float(-(heard * np.log2(heard)).sum()),
        in_scale=float(scale_table()[reading.key_at(piece.start), piece.pitch % 12].mean()),
        polyphony=polyphony(piece),
        voices=voices_at_once(piece),
        chordal=chordal(piece),
        tracks=tracks,
    )


def _describe_tracks(reading: Reading) -> list[pb.TrackAnalysis]:
    piece, described = reading.piece, []
    pitched = reading.pitched.track
    for index, info in enumerate(piece.tracks):
        own = piece.select(piece.track == index)
        pitch, melody = own.pitch, reading.melody[pitched == index]
        lowest, highest = (int(pitch.min()), int(pitch.max())) if len(pitch) else (0, 0)
        described.append(
            pb.TrackAnalysis(
                name=info.name,
                program=info.program,
                drums=info.drums,
                notes=len(pitch),
                lowest=lowest,
                highest=highest,
                polyphony=0.0 if info.drums else polyphony(own),
                melody=float(melody.mean()) if len(melody) else 0.0,
            )
        )
    return described


def describe_rhythm(reading: Reading) -> pb.RhythmAnalysis:
    """Describe rhythm and groove.

    A line is syncopated whatever is struck below it on the beat. Beats of three eighths, as in 6/8, do not swing.
    """
    piece = reading.piece
    onsets = place_onsets(reading)
    line = ~piece.is_drum
    line[line] = skyline(reading.pitched)
    simple = reading.grid.divisions[onsets.beat] != 3
    moments, beats = onsets.distinct, reading.grid.beats
    end = np.interp(piece.end.max(), beats, np.arange(len(beats)))
    nearest = np.abs(piece.duration[:, None] - _VALUES).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(_VALUES))
    common = [index for index in np.argsort(-counts, kind="stable").tolist() if counts[index]][:8]
    return pb.RhythmAnalysis(
        onsets_per_beat=len(moments) / max(float(end - moments[0]), 1.0),
        onset_profile=onset_profile(piece).tolist(),
        syncopation=syncopation(reading, onsets, line if line.any() else None),
        swing=swing(Onsets(onsets.beat[simple], onsets.within[simple])),
        grid_deviation=float(grid_deviation(onsets.within).mean()),
        note_values=[
            pb.NoteValue(duration=float(_VALUES[index]), share=float(counts[index] / len(piece))) for index in common
        ],
        groove_consistency=groove_consistency(bar_patterns(piece)),
    )
