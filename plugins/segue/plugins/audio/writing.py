"""What was heard as messages: notes on the beats, tempo, tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, Tempo, TrackInfo
from segue.plugins.audio.beats import Beats
from segue.plugins.audio.transcriber import HeardNotes
from segue.v1 import analyze_pb2 as pb
from segue.v1 import music_pb2

_AT_ONCE: Final = 0.07  # seconds; the tempo map of a score ends at 1000 quarters a minute
_SHORTEST_BEATS: Final = 1 / 64
_SAME_TEMPO: Final = 1e-3
_MOST_TAGS: Final = 10


def to_tempos(beats: Beats | None) -> tuple[Tempo, ...]:
    """Return the tempo map by which whole beats fall where they were heard; 120 where none was.

    Beats count from second 0: what lies before the first heard beat is taken as whole beats, whatever their pace.
    """
    if beats is None:
        return (Tempo(0.0, 120.0),)
    seconds = beats.seconds.copy()
    if seconds[0] < _AT_ONCE:
        seconds[0] = 0.0
    gaps = np.diff(seconds)
    tempos: list[Tempo] = []
    before = max(round(seconds[0] / gaps[0]), 1) if seconds[0] else 0
    if before:
        tempos.append(Tempo(0.0, 60 * before / seconds[0]))
    for number, pace in enumerate((60 / gaps).tolist()):
        if number == 0 or abs(pace / tempos[-1].quarters_per_minute - 1) > _SAME_TEMPO:
            tempos.append(Tempo(float(before + number), pace))
    return tuple(tempos)


def to_piece(notes: HeardNotes, tempos: tuple[Tempo, ...]) -> Piece:
    """Lay notes on the beats of a tempo map."""
    empty = Piece.of([], [], [], tempos=tempos, tracks=(TrackInfo("Heard"),))
    start, end = empty.seconds_to_beats(notes.start), empty.seconds_to_beats(notes.end)
    velocity = np.clip(np.rint(20 + 107 * notes.strength), 1, 127).astype(np.int64)
    lasting = np.maximum(end - start, _SHORTEST_BEATS)
    return Piece.of(start, lasting, notes.pitch, velocity, tempos=tempos, tracks=empty.tracks)


def describe_tempo(beats: Beats, tempos: tuple[Tempo, ...]) -> pb.TempoAnalysis:
    """Describe the tempo: the median over the heard beats, and the tempo map."""
    return pb.TempoAnalysis(
        quarters_per_minute=float(60 / np.median(np.diff(beats.seconds))),
        changes=[music_pb2.TempoChange(beat=t.beat, quarters_per_minute=t.quarters_per_minute) for t in tempos],
        confidence=beats.confidence,
    )


def describe_tags(names: Sequence[str], shares: NDArray[np.float32]) -> list[music_pb2.Label]:
    """Describe the most probable tags."""
    best = np.argsort(-shares, kind="stable")[:_MOST_TAGS].tolist()
    return [music_pb2.Label(name=names[index], probability=float(shares[index])) for index in best]
