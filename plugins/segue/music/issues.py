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
from segue.music import timing
from segue.music.grid import UNRELATED
from segue.music.passages import passages
from segue.music.piece import Piece
from segue.music.playability import unplayable
from segue.music.reading import Judged, Reading
from segue.music.rhythm import Onsets, grid_deviation, place_onsets, swing
from segue.music.theory import NO_CHORD, chord_pitch_classes, key_name, pitch_name, scale, scale_table, spell
from segue.music.voices import crossings, not_doubled, parallels
from segue.v1 import analyze_pb2 as pb

_DRIFT: Final = 0.045
_MOST_PLAYED: Final = 40_000
"""Notes of a piece up to which its playing is looked at as a whole."""
_SAME: Final = 0.02
_STUCK_FACTOR, _STUCK_BEATS = 8.0, 16.0
_LEFT_BEHIND, _ONE_VOICE = 4, 0.1
"""Later notes of one voice (and beats) that a note may sound into; share of notes that do so below which it is one."""
_STEP: Final = 2
_HARDLY: Final = 0.2
"""Probability of being right below which a note is a slip: chosen on training pieces and others that teach nothing."""
_MOST_JUDGED: Final = 40_000
_NO_KEY: Final = 0.2
"""Probability of the likeliest key under which a piece has none: real pieces reach .27, rows of twelve tones .1."""
_SWINGS: Final = 1.25
"""Long-short ratio above which eighths swing: what lies off the grid then is meant."""
_FEW_NOTES: Final = 16
_LEEWAY: Final = 0.25
"""Beats that a note may reach into an empty bar, or begin before it is over; an eighth of a short bar."""


@dataclass(frozen=True)
class Finding:
    """One issue: where (beats, a track index or None), how bad, the two sentences, whether ``polish`` may mend it."""

    start: float
    end: float
    track: int | None
    severity: pb.Severity.ValueType
    text: str
    suggestion: str
    polishable: bool = True


Detector = Callable[[Reading], Iterator[Finding]]


def _note(piece: Piece, note: int) -> tuple[float, float, int]:
    return float(piece.start[note]), float(piece.start[note] + piece.duration[note]), int(piece.track[note])


def _timing(reading: Reading) -> Iterator[Finding]:
    """Strays, and passages of a track, off a grid that most keep; else drift or looseness, but no free tempo."""
    piece = reading.piece
    if reading.grid.confidence < UNRELATED:
        return  # nothing says where its beats were meant to be
    onsets = place_onsets(reading)
    within = onsets.within
    behind = np.median((within + 0.125) % 0.25) - 0.125  # all of a piece may lie a little beside the beat
    away = min((_from_grid(reading, onsets.beat, each) for each in (within, within - behind)), key=np.mean)
    if (away > timing.ON_GRID).mean() > 1 - timing.LOOSE_PIECE and len(piece) <= _MOST_PLAYED:
        yield from _played(reading, onsets, away)
        return
    for note in np.flatnonzero((away > _DRIFT) & timing.strays(piece, away)).tolist():
        yield _stray(piece, note, float(away[note]))
    for notes, off in passages(piece, away):
        where = float(piece.start[notes[0]]), float(piece.end[notes].max()), int(piece.track[notes[0]])
        advice = "Play it again with the others, or move it to where they are."
        yield Finding(*where, pb.SEVERITY_WARNING, _beside(off, away[notes]), advice, polishable=False)


def _from_grid(reading: Reading, beat: NDArray[np.int64], within: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the nearest sixteenth or triplet, in beats; where a beat is three eighths, from its parts."""
    compound = reading.grid.divisions[beat] == 3
    return np.where(compound, grid_deviation(within, (6, 4)), grid_deviation(within))


def _played(reading: Reading, onsets: Onsets, away: NDArray[np.float64]) -> Iterator[Finding]:
    """Say what the timing of a piece that was played lacks as a whole; what swings or flows lacks nothing."""
    piece = reading.piece
    if drift := timing.drift(piece):
        text = f"The playing drifts against the beats, by up to {drift:.2f} of them."
        yield Finding(0.0, piece.beats, None, pb.SEVERITY_WARNING, text, "Set it back on the beats.")
        return
    if swing(onsets) > _SWINGS or not timing.sloppy(piece, away):
        return
    for index in np.unique(piece.track).tolist():
        own = np.flatnonzero(piece.track == index)
        off = away[own] > timing.ON_GRID
        if off.sum() >= timing.FEW and away[own][off].mean() > _DRIFT:
            where = float(piece.start[own[0]]), float(piece.end[own].max()), index
            advice = "Move them to the nearest sixteenth or triplet."
            yield Finding(*where, pb.SEVERITY_WARNING, _beside(off, away[own]), advice)


def _beside(off: NDArray[np.bool_], away: NDArray[np.float64]) -> str:
    return f"{off.sum()} of {len(off)} notes begin beside the grid, by {away[off].mean():.2f} beats in the mean."


def _stray(piece: Piece, note: int, away: float) -> Finding:
    text = f"The note begins {away:.2f} beats off the grid."
    return Finding(*_note(piece, note), pb.SEVERITY_WARNING, text, "Move it to the nearest sixteenth or triplet.")


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
    """Notes far longer than those around them, and notes that a voice has long left behind."""
    piece = reading.piece
    for index, info in enumerate(piece.tracks):
        own = np.flatnonzero(piece.track == index)
        if len(own) < _FEW_NOTES or info.drums:
            continue
        start, duration, end = piece.start[own], piece.duration[own], piece.end[own]
        usual = float(np.percentile(duration, 90))
        past = np.searchsorted(start, end - _SAME) - np.arange(len(own)) - 1
        stuck = duration > max(_STUCK_BEATS, _STUCK_FACTOR * usual)
        stuck |= (duration > max(_STUCK_BEATS / 2, 4 * float(np.percentile(duration, 95)))) & (past > 2 * _LEFT_BEHIND)
        if (past > 0).mean() < _ONE_VOICE:
            stuck |= (past >= _LEFT_BEHIND) & (duration > _LEFT_BEHIND)
        for note in own[stuck].tolist():
            text = f"The note sounds for {piece.duration[note]:.0f} beats; others here last at most about {usual:.1f}."
            yield Finding(*_note(piece, note), pb.SEVERITY_ERROR, text, f"Shorten it to {usual:.1f} beats.")


def _out_of_key(reading: Reading) -> Iterator[Finding]:
    """Pitches outside key and chord by a trained judge, where there is one, or else by rule."""
    piece = reading.pitched
    if not len(piece) or reading.keys.probability.max() < _NO_KEY:
        return  # it has no key that a pitch could be outside of
    if reading.judge_pitches is not None and len(piece) <= _MOST_JUDGED:
        keys = reading.key_at(piece.start)
        outside = np.flatnonzero(~scale_table()[keys, piece.pitch % 12])
        if len(outside):
            yield from _slips(piece, outside, keys[outside], reading.judge_pitches(piece, outside))
        return
    notes = off_key(piece, reading)
    for note, key in zip(notes.tolist(), reading.key_at(piece.start[notes]).tolist(), strict=True):
        name = int(piece.pitch[note] % 12)
        below, above = ((name + step) % 12 for step in (-1, 1))
        near = [spell(pc, key) for pc in (below, above) if pc in scale(key)]
        text = f"{spell(name, key)} is outside {key_name(key)} and the chord, and leads nowhere by step."
        yield Finding(*_note(piece, note), pb.SEVERITY_WARNING, text, f"Try {' or '.join(near)} instead.")


def _slips(piece: Piece, notes: NDArray[np.int64], keys: NDArray[np.int64], judged: Judged) -> Iterator[Finding]:
    for row in np.flatnonzero(judged.right < _HARDLY).tolist():
        note, key, right = int(notes[row]), int(keys[row]), float(judged.right[row])
        pitches = int(piece.pitch[note]), int(judged.pitch[row])
        own, other = (pitch_name(pitch, key) for pitch in pitches)
        text = f"{own} is outside {key_name(key)} and hardly meant: what is around it gives it {right:.0%}."
        yield Finding(*_note(piece, note), pb.SEVERITY_WARNING, text, f"Try {other} instead.")


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
    """Bars, one after the other, in which nothing sounds but for the end of what came before and an early beginning.

    Silence as long as a bar is one too if it lies across bar lines.
    """
    piece = reading.piece
    starts = np.r_[piece.bar_starts, max(piece.beats, piece.bar_starts[-1])]
    begin, end = starts[:-1], starts[1:]
    order = np.argsort(piece.start)
    silent_from = np.r_[0.0, np.maximum.accumulate(piece.end[order])]
    next_start = np.r_[piece.start[order], np.inf]
    row = np.searchsorted(next_start, begin + _SAME)
    leeway = np.minimum(_LEEWAY, (end - begin) / 8)
    silent = (silent_from[row] <= begin + leeway) & (next_start[row] >= end - leeway) & (row > 0)
    edges = np.flatnonzero(np.diff(np.r_[False, silent, False]))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        what = "in this bar" if last - first == 1 else f"in {last - first} bars"
        yield _silence(float(begin[first]), float(end[last - 1]), what)
    for before, after in _across(silent_from[1:-1], next_start[1:-1], end - begin, silent, piece):
        yield _silence(before, after, f"for {after - before:g} beats")


def _silence(begin: float, end: float, where: str) -> Finding:
    text, advice = f"Nothing sounds {where}.", "Fill it, or take it out."
    return Finding(begin, end, None, pb.SEVERITY_INFO, text, advice)


def _across(
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    lengths: NDArray[np.float64],
    silent: NDArray[np.bool_],
    piece: Piece,
) -> Iterator[tuple[float, float]]:
    """Yield begin and end of silences that are as long as the bar they begin in and hold no bar that is silent."""
    first, last = piece.bar_of(begin) - 1, np.maximum(piece.bar_of(end - _SAME) - 1, 0)
    count = np.r_[0, np.cumsum(silent)]
    long = (end - begin >= lengths[first] - _SAME) & (count[last + 1] == count[first])
    yield from zip(begin[long].tolist(), end[long].tolist(), strict=True)


def _flat_dynamics(reading: Reading) -> Iterator[Finding]:
    piece = reading.piece
    for index in range(len(piece.tracks)):
        velocity = piece.velocity[piece.track == index]
        if len(velocity) >= _FEW_NOTES and velocity.min() == velocity.max():
            text = f"All {len(velocity)} notes of the track have the velocity {velocity[0]}."
            advice = "Shape phrases: louder towards the peak of the line and on downbeats."
            yield Finding(0.0, piece.beats, index, pb.SEVERITY_INFO, text, advice)


def _parallels(reading: Reading) -> Iterator[Finding]:
    for begin, end, _, track, text in not_doubled(reading.pitched, list(parallels(reading.pitched))):
        yield Finding(begin, end, track, pb.SEVERITY_WARNING, text, "Let one of the two voices move the other way.")


def _crossings(reading: Reading) -> Iterator[Finding]:
    for begin, end, _, track, text in crossings(reading.pitched):
        yield Finding(begin, end, track, pb.SEVERITY_INFO, text, "Exchange the notes of the two voices.")


def _unplayable(reading: Reading) -> Iterator[Finding]:
    for begin, end, track, text, advice, note, _ in unplayable(reading.pitched):
        yield Finding(begin, end, track, pb.SEVERITY_WARNING, text, advice, polishable=note >= 0)


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
