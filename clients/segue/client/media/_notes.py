"""A MIDI file as arrays, for drawing."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import symusic
from numpy.typing import NDArray
from segue.client._errors import InvalidMusic
from segue.client._general_midi import PROGRAM_NAMES
from segue.v1.analyze_pb2 import AnalyzeResponse

MAX_NOTES = 100_000
_ROUNDING = 1e-3
"""Beats by which times may differ that are the same: symusic tells them in single precision."""


@dataclass(frozen=True)
class Part:
    """One track that has notes.

    Attributes
    ----------
    name
        What the legend calls it.
    drums
        True if pitches name drums.
    notes : ndarray, shape (n, 4)
        Start and length in beats, pitch, velocity.
    """

    name: str
    drums: bool
    notes: NDArray[np.float64]


@dataclass(frozen=True)
class Roll:
    """A piece to draw.

    Attributes
    ----------
    parts
        Its tracks.
    bar_starts
        The first beat of each bar, ascending; the last is the end of the last bar.
    signature, tempo
        The first time signature as text, and the first tempo in quarter notes per minute.
    """

    parts: list[Part]
    bar_starts: list[float]
    signature: str
    tempo: float

    @property
    def end(self) -> float:
        """Beat at which the last bar is over."""
        return self.bar_starts[-1]

    def bar_at(self, beat: float) -> int:
        """Index of the bar that a beat lies in."""
        return min(bisect_right(self.bar_starts, beat) - 1, len(self.bar_starts) - 2)


def read_midi(midi: bytes) -> Any:
    """Parse a MIDI file into a ``symusic.Score``, whose classes are made at run time and are no types.

    Raises
    ------
    InvalidMusic
        If it can't be parsed.
    """
    try:
        return symusic.Score.from_midi(midi)
    except (RuntimeError, ValueError) as error:
        raise InvalidMusic.at("music.midi", f"can't be read: {error}") from error


def read_roll(midi: bytes) -> Roll:
    """Read a MIDI file for drawing.

    Raises
    ------
    InvalidMusic
        If it can't be parsed, has no notes, or has more than 100,000.
    """
    score = read_midi(midi).to("quarter")
    count = sum(len(track.notes) for track in score.tracks)
    if not 0 < count <= MAX_NOTES:
        raise InvalidMusic.at("music", f"has {count:,} notes; a picture takes 1 to {MAX_NOTES:,}")
    parts = [_part(track) for track in score.tracks if len(track.notes)]
    end = max(float((part.notes[:, 0] + part.notes[:, 1]).max()) for part in parts)
    signatures = [(s.time, s.numerator, 4.0 * s.numerator / s.denominator) for s in score.time_signatures]
    first = score.time_signatures[0] if score.time_signatures else None
    return Roll(
        parts=parts,
        bar_starts=_bar_starts(signatures, end),
        signature=f"{first.numerator}/{first.denominator}" if first else "4/4",
        tempo=float(score.tempos[0].qpm) if score.tempos else 120.0,
    )


def with_analysis(roll: Roll, analysis: AnalyzeResponse) -> Roll:
    """Return a piece with the bars and the tempo that an analysis found, where it found any."""
    found, pickup = analysis.meter.time_signatures, analysis.meter.pickup
    if found:
        signatures = [
            (c.beat, c.time_signature.numerator, 4.0 * c.time_signature.numerator / c.time_signature.denominator)
            for c in found
        ]
        if pickup and signatures[0][0] < pickup:
            signatures[0] = (pickup, *signatures[0][1:])
            signatures.insert(0, (0.0, 1, pickup))
        first = found[0].time_signature
        starts = _bar_starts(signatures, max(float((p.notes[:, 0] + p.notes[:, 1]).max()) for p in roll.parts))
        roll = replace(roll, bar_starts=starts, signature=f"{first.numerator}/{first.denominator}")
    tempo = analysis.tempo.quarters_per_minute
    return replace(roll, tempo=tempo) if tempo else roll


def _part(track: Any) -> Part:
    notes = track.notes.numpy()
    columns = [notes[name].astype(np.float64) for name in ("time", "duration", "pitch", "velocity")]
    instrument = "Drums" if track.is_drum else PROGRAM_NAMES[track.program % 128]
    name = track.name.strip()
    label = instrument if not name or name.lower() == instrument.lower() else f"{name} ({instrument})"
    return Part(label, bool(track.is_drum), np.stack(columns, axis=1))


def _bar_starts(signatures: list[tuple[float, int, float]], end: float) -> list[float]:
    """Lay bars from the first beat until the end; a new signature begins a new bar."""
    starts = [0.0]
    changes = sorted(signatures) or [(0.0, 4, 4.0)]
    if changes[0][0] > 0:
        changes.insert(0, (0.0, 4, 4.0))
    for (_, _, length), following in zip(changes, [*(time for time, *_ in changes[1:]), end], strict=True):
        while starts[-1] + length < following - _ROUNDING:
            starts.append(starts[-1] + length)
        if following < end and following > starts[-1] + _ROUNDING:
            starts.append(following)
    return [*starts, starts[-1] + changes[-1][2]]
