"""What breaks a rule, or an editor would mend: each detector names places, with the severity and the sentences.

A detector is a function from a ``Reading`` to findings; ``DETECTORS`` lists them all. ``score`` reports what they find,
``polish`` mends it and is held to finding no more afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.playability import unplayable
from segue.music.reading import Reading
from segue.music.rhythm import grid_deviation, place_onsets
from segue.music.theory import NO_CHORD, chord_pitch_classes, key_name, scale, scale_table, spell
from segue.music.voices import crossings, parallels
from segue.v1 import analyze_pb2 as pb

_DRIFT: Final = 0.045
_MOSTLY: Final = 0.5
_SAME: Final = 0.02
_STUCK_FACTOR, _STUCK_BEATS = 8.0, 16.0
_STEP: Final = 2
_FEW_NOTES: Final = 16


@dataclass(frozen=True)
class Finding:
    """One issue: where (beats, and a track index or None), how bad, and the two sentences."""

    start: float
    end: float
    track: int | None
    severity: pb.Severity.ValueType
    text: str
    suggestion: str


Detector = Callable[[Reading], Iterator[Finding]]


def _note(piece: Piece, note: int) -> tuple[float, float, int]:
    return float(piece.start[note]), float(piece.start[note] + piece.duration[note]), int(piece.track[note])


def _timing(reading: Reading) -> Iterator[Finding]:
    """Onsets off the grid, in a piece most of whose onsets lie on it."""
    piece = reading.piece
    away = grid_deviation(place_onsets(reading).within)
    if (away > _SAME).mean() > _MOSTLY:
        return  # it flows freely, or swings: no note of it is wrong by itself
    for note in np.flatnonzero(away > _DRIFT).tolist():
        text = f"The note begins {away[note]:.2f} beats off the grid."
        yield Finding(*_note(piece, note), pb.SEVERITY_WARNING, text, "Move it to the nearest sixteenth or triplet.")


def _duplicates(reading: Reading) -> Iterator[Finding]:
    piece = reading.piece
    earlier, later = _neighbours(piece)
    for note in later[piece.start[later] - piece.start[earlier] < _SAME].tolist():
        text = "The same note is struck twice at the same time."
        yield Finding(*_note(piece, note), pb.SEVERITY_ERROR, text, "Delete one of the two.")


def _overlaps(reading: Reading) -> Iterator[Finding]:
    piece = reading.piece
    earlier, later = _neighbours(piece)
    apart = piece.start[later] - piece.start[earlier]
    for note in earlier[(apart >= _SAME) & (piece.duration[earlier] > apart + _SAME)].tolist():
        text = "The note is struck again while it sounds."
        yield Finding(*_note(piece, note), pb.SEVERITY_ERROR, text, "End it where it is struck again.")


def _neighbours(piece: Piece) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of notes of one track and pitch, one after the other, as the earlier and the later ones; no drums."""
    order = np.lexsort((piece.start, piece.pitch, piece.track))
    order = order[~piece.is_drum[order]]
    alike = (np.diff(piece.track[order]) == 0) & (np.diff(piece.pitch[order]) == 0)
    return order[:-1][alike], order[1:][alike]


def _stuck(reading: Reading) -> Iterator[Finding]:
    piece = reading.piece
    for index, info in enumerate(piece.tracks):
        own = np.flatnonzero(piece.track == index)
        if len(own) < _FEW_NOTES or info.drums:
            continue
        usual = float(np.percentile(piece.duration[own], 90))
        limit = max(_STUCK_BEATS, _STUCK_FACTOR * usual)
        for note in own[piece.duration[own] > limit].tolist():
            text = f"The note sounds for {piece.duration[note]:.0f} beats; others here last at most about {usual:.1f}."
            yield Finding(*_note(piece, note), pb.SEVERITY_ERROR, text, f"Shorten it to {usual:.1f} beats.")


def _out_of_key(reading: Reading) -> Iterator[Finding]:
    piece = reading.pitched
    notes = off_key(piece, reading)
    for note, key in zip(notes.tolist(), reading.key_at(piece.start[notes]).tolist(), strict=True):
        name = int(piece.pitch[note] % 12)
        below, above = ((name + step) % 12 for step in (-1, 1))
        near = [spell(pc, key) for pc in (below, above) if pc in scale(key)]
        text = f"{spell(name, key)} is outside {key_name(key)} and the chord, and leads nowhere by step."
        yield Finding(*_note(piece, note), pb.SEVERITY_WARNING, text, f"Try {' or '.join(near)} instead.")


def off_key(piece: Piece, reading: Reading) -> NDArray[np.int64]:
    """Find pitches outside the local scale and the chord that are neither reached nor left by step.

    Parameters
    ----------
    piece
        Notes without drums.
    reading
        What tells keys and chords: of the same piece, or of a better version of it.
    """
    if not len(piece):
        return np.zeros(0, np.int64)
    keys, chords, names = reading.key_at(piece.start), reading.chord_at(piece.start), piece.pitch % 12
    strange = ~scale_table()[keys, names] & ~_CHORDS[chords, names] & ~_moves_by_step(piece)
    return np.flatnonzero(strange)


_CHORDS: Final = np.array([[name in chord_pitch_classes(chord) for name in range(12)] for chord in range(NO_CHORD + 1)])


def _moves_by_step(piece: Piece) -> NDArray[np.bool_]:
    """True for notes that the same track follows or precedes by a step of one or two semitones."""
    by_step = np.zeros(len(piece), bool)
    for index in range(len(piece.tracks)):
        own = np.flatnonzero(piece.track == index)
        starts, pitch = piece.start[own], piece.pitch[own]
        moments, group = np.unique(np.round(starts, 2), return_inverse=True)
        heard = np.zeros((len(moments) + 2, 128 + 2 * _STEP), bool)
        heard[group + 1, pitch + _STEP] = True
        for offset in (-2, -1, 1, 2):
            by_step[own] |= heard[group + 2, pitch + _STEP + offset]
            by_step[own] |= heard[group, pitch + _STEP + offset]
    return by_step


def _gaps(reading: Reading) -> Iterator[Finding]:
    piece = reading.piece
    starts = np.r_[piece.bar_starts, max(piece.beats, piece.bar_starts[-1])]
    begin, end = starts[:-1], starts[1:]
    order = np.argsort(piece.start)
    silent_from = np.r_[0.0, np.maximum.accumulate(piece.end[order])]
    next_start = np.r_[piece.start[order], np.inf]
    row = np.searchsorted(next_start, begin + _SAME)
    silent = (silent_from[row] <= begin + _SAME) & (next_start[row] >= end - _SAME)
    for bar in np.flatnonzero(silent & np.logical_or.accumulate(~silent)).tolist():
        text = "Nothing sounds in this bar."
        yield Finding(float(begin[bar]), float(end[bar]), None, pb.SEVERITY_INFO, text, "Fill it, or take it out.")


def _flat_dynamics(reading: Reading) -> Iterator[Finding]:
    piece = reading.piece
    for index in range(len(piece.tracks)):
        velocity = piece.velocity[piece.track == index]
        if len(velocity) >= _FEW_NOTES and velocity.min() == velocity.max():
            text = f"All {len(velocity)} notes of the track have the velocity {velocity[0]}."
            advice = "Shape phrases: louder towards the peak of the line and on downbeats."
            yield Finding(0.0, piece.beats, index, pb.SEVERITY_INFO, text, advice)


def _parallels(reading: Reading) -> Iterator[Finding]:
    for begin, end, _, track, text in parallels(reading.pitched):
        yield Finding(begin, end, track, pb.SEVERITY_WARNING, text, "Let one of the two voices move the other way.")


def _crossings(reading: Reading) -> Iterator[Finding]:
    for begin, end, _, track, text in crossings(reading.pitched):
        yield Finding(begin, end, track, pb.SEVERITY_INFO, text, "Exchange the notes of the two voices.")


def _unplayable(reading: Reading) -> Iterator[Finding]:
    for begin, end, track, text, advice in unplayable(reading.pitched):
        yield Finding(begin, end, track, pb.SEVERITY_WARNING, text, advice)


DETECTORS: Final[Mapping[pb.IssueKind.ValueType, Detector]] = MappingProxyType(
    {
        pb.ISSUE_KIND_TIMING: _timing,
        pb.ISSUE_KIND_OUT_OF_KEY: _out_of_key,
        pb.ISSUE_KIND_OVERLAP: _overlaps,
        pb.ISSUE_KIND_STUCK_NOTE: _stuck,
        pb.ISSUE_KIND_DUPLICATE: _duplicates,
        pb.ISSUE_KIND_PARALLELS: _parallels,
        pb.ISSUE_KIND_VOICE_CROSSING: _crossings,
        pb.ISSUE_KIND_GAP: _gaps,
        pb.ISSUE_KIND_UNPLAYABLE: _unplayable,
        pb.ISSUE_KIND_FLAT_DYNAMICS: _flat_dynamics,
    }
)
"""Each kind of issue with its detector."""
