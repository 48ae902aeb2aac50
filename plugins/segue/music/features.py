"""A piece as a vector of about sixty numbers that musicians would name: rhythm, melody, harmony, texture, dynamics.

``FEATURES`` documents each. Shares are 0-1, logarithms natural, pitches MIDI numbers, seconds by the tempo map.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.piece import Piece
from segue.music.reading import Reading
from segue.music.rhythm import (
    bar_patterns,
    grid_deviation,
    groove_consistency,
    place_onsets,
    polyphony,
    swing,
    syncopation,
)
from segue.music.theory import NO_CHORD, QUALITY_NAMES, scale_table

FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Time and rhythm
        "log_notes_per_second": "logarithm of notes per second",
        "log_onsets_per_second": "logarithm of moments per second at which something begins",
        "log_onsets_per_beat": "logarithm of such moments per beat",
        "log_tempo": "logarithm of the mean quarter notes per minute",
        "log_duration_seconds": "mean logarithm of a note's length in seconds",
        "log_duration_spread": "standard deviation of that logarithm",
        "log_gap_seconds": "mean logarithm of the time from one moment to the next, in seconds",
        "log_gap_spread": "standard deviation of that logarithm",
        "gap_entropy": "entropy of the gaps in twelfths of a beat, in bits",
        "articulation": "mean length of a note over the gap to the next moment, at most 4",
        "on_beat": "share of notes on a beat",
        "on_half": "share of notes halfway between beats",
        "triplets": "share of notes on a third of a beat",
        "grid_deviation": "mean distance from the sixteenth and triplet grid, in beats",
        "syncopation": "share of notes between beats, held over the next without a new onset there",
        "swing": "long-short ratio of divided beats",
        "groove_consistency": "agreement of neighbouring bars' rhythm",
        "pattern_variety": "share of bars whose rhythm was not heard before",
        "long_notes": "share of notes of two beats or more",
        "short_notes": "share of notes of at most a quarter of a beat",
        # Pitch and register
        "pitch_mean": "mean pitch weighted by duration, over 12",
        "pitch_spread": "standard deviation of pitch, over 12",
        "pitch_range": "difference of the 95th and 5th percentile of pitch, over 12",
        "bass_pitch": "10th percentile of pitch, over 12",
        "top_pitch": "90th percentile of pitch, over 12",
        "low_share": "share of notes below C3 (48)",
        "high_share": "share of notes above C5 (72)",
        "pitch_variety": "number of different pitches over the square root of the number of notes",
        "pitch_class_entropy": "entropy of the pitch classes, in bits",
        # Key and harmony
        "major": "probability that the key is major",
        "key_confidence": "probability of the most probable key",
        "key_changes": "changes of local key per 32 beats",
        "minor_time": "share of the time in a minor local key",
        "in_scale": "share of notes in the local key's scale",
        "chord_rate": "logarithm of chords per second",
        "chord_confidence": "mean confidence of the chords",
        "chord_major": "share of the time on major triads",
        "chord_minor": "share of the time on minor triads and sevenths",
        "chord_dominant": "share of the time on dominant sevenths",
        "chord_major_seventh": "share of the time on major sevenths",
        "chord_diminished": "share of the time on diminished and augmented chords",
        "chord_suspended": "share of the time on suspended chords",
        "tonic": "share of the time on the first degree",
        "dominant": "share of the time on the fifth degree",
        "subdominant": "share of the time on the fourth degree",
        "inversions": "share of chords whose bass is not their root",
        "bass_fifths": "share of root movements by a fourth or fifth",
        "bass_steps": "share of root movements by one or two semitones",
        "dissonance": "share of pairs in a cell that are semitones, tritones or their inversions",
        # Melody
        "melody_pitch": "mean pitch of the melody, over 12",
        "melody_range": "range of the melody, over 12",
        "melody_step": "mean interval of the melody, in semitones",
        "melody_leaps": "share of intervals above a fourth",
        "melody_repeats": "share of repeated notes",
        "melody_rising": "share of rising intervals among those that move",
        "melody_log_duration": "mean logarithm of the melody's notes in seconds",
        # Texture and dynamics
        "polyphony": "mean number of notes sounding together",
        "chordal": "share of moments at which three or more notes begin",
        "single": "share of moments at which one note begins",
        "velocity_mean": "mean velocity over 127",
        "velocity_spread": "standard deviation of velocity over 127",
        "velocity_range": "difference of its 95th and 5th percentile over 127",
        "velocity_pitch": "correlation of velocity and pitch",
        "crescendo": "correlation of velocity and time",
    }
)
_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    "chord_major": ("maj",),
    "chord_minor": ("min", "min7"),
    "chord_dominant": ("7",),
    "chord_major_seventh": ("maj7",),
    "chord_diminished": ("dim", "aug", "hdim7", "dim7"),
    "chord_suspended": ("sus4", "sus2"),
}


_IS_STEP: Final = np.isin(range(12), (1, 2, 10, 11))
_APART: Final = np.add.outer(np.arange(1, 7), np.arange(12)) % 12
"""The pitch classes that are 1 to 6 semitones above each, shape (6, 12)."""


def features(reading: Reading) -> NDArray[np.float64]:
    """Describe a piece in numbers.

    Returns
    -------
    ndarray, shape (len(FEATURES),)
        In the order of ``FEATURES``, finite. A piece without pitched notes has zeros where pitch is meant.
    """
    found: dict[str, float] = {**_rhythm(reading), **_dynamics(reading.piece)}
    if len(reading.pitched):
        found |= {**_pitch(reading.pitched), **_harmony(reading), **_melody(reading), **_texture(reading.pitched)}
    return np.nan_to_num(np.array([found.get(name, 0.0) for name in FEATURES]))


def _log(values: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(values, 1e-3)))


def _share(true: NDArray[np.bool_]) -> float:
    """Return the share of what is true, 0 of nothing."""
    return int(np.count_nonzero(true)) / max(len(true), 1)


def _entropy(symbols: NDArray[np.int64]) -> float:
    count = np.bincount(symbols)
    share = count[count > 0] / max(len(symbols), 1)
    return float(-(share * np.log2(share)).sum())


def _percentiles(values: NDArray[np.float64], *percent: float) -> list[float]:
    """Interpolate percentiles as ``np.percentile`` does, in a fourth of its time for some hundred values."""
    last = len(values) - 1
    found: list[float] = np.interp(np.array(percent) / 100 * last, np.arange(last + 1), np.sort(values)).tolist()
    return found


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-9 else 0.0


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation."""
    apart = values - values.mean()
    return float(np.sqrt(apart @ apart / len(apart)))


def _rhythm(reading: Reading) -> dict[str, float]:
    piece, onsets = reading.piece, place_onsets(reading)
    starts, ends = piece.beats_to_seconds(piece.start), piece.beats_to_seconds(piece.end)
    seconds = max(float(ends.max() - starts.min()), 0.5)
    moments = np.unique(np.round(starts, 2))
    gaps = np.diff(moments) if len(moments) > 1 else np.array([seconds])
    following = np.append(gaps, seconds)[np.searchsorted(moments, np.round(starts, 2))]
    beats = onsets.distinct
    twelfths = np.rint(onsets.within * 12).astype(np.int64) % 12
    bars = bar_patterns(piece)
    lengths = _log(ends - starts)
    return {
        "log_notes_per_second": float(np.log(len(piece) / seconds)),
        "log_onsets_per_second": float(np.log(len(moments) / seconds)),
        "log_onsets_per_beat": float(np.log(len(beats) / max(float(np.ptp(beats)), 1.0))),
        "log_tempo": float(np.log(60 * (piece.beats - piece.start.min()) / seconds + 1e-3)),
        "log_duration_seconds": float(lengths.mean()),
        "log_duration_spread": _spread(lengths),
        "log_gap_seconds": float(_log(gaps).mean()),
        "log_gap_spread": _spread(_log(gaps)),
        "gap_entropy": _entropy(np.minimum(np.rint(np.diff(beats) * 12), 96).astype(np.int64)),
        "articulation": float(np.minimum((ends - starts) / following, 4.0).mean()),
        "on_beat": _share(twelfths == 0),
        "on_half": _share(twelfths == 6),
        "triplets": _share((twelfths == 4) | (twelfths == 8)),
        "grid_deviation": float(grid_deviation(onsets.within).mean()),
        "syncopation": syncopation(reading, onsets),
        "swing": swing(onsets),
        "groove_consistency": groove_consistency(bars),
        "pattern_variety": len({bar.tobytes() for bar in bars}) / len(bars),
        "long_notes": _share(piece.duration >= 1.9),
        "short_notes": _share(piece.duration <= 0.27),
    }


def _pitch(piece: Piece) -> dict[str, float]:
    pitch = piece.pitch.astype(float)
    low, bass, top, high = _percentiles(pitch, 5, 10, 90, 95)
    shares = np.bincount(piece.pitch % 12, piece.duration, 12) / piece.duration.sum()
    heard = shares[shares > 0]
    return {
        "pitch_mean": float(pitch @ piece.duration / piece.duration.sum()) / 12,
        "pitch_spread": _spread(pitch) / 12,
        "pitch_range": float(high - low) / 12,
        "bass_pitch": float(bass) / 12,
        "top_pitch": float(top) / 12,
        "low_share": _share(pitch < 48),
        "high_share": _share(pitch > 72),
        "pitch_variety": int((np.bincount(piece.pitch) > 0).sum()) / float(np.sqrt(len(pitch))),
        "pitch_class_entropy": float(-(heard * np.log2(heard)).sum()),
    }


def _harmony(reading: Reading) -> dict[str, float]:
    piece, keys, chords, cells = reading.pitched, reading.keys, reading.chords, reading.cells
    per_cell = keys.per_cell()
    lengths = np.diff(chords.cell).astype(float)
    sounds = chords.chord != NO_CHORD
    time = lengths * sounds / max(float(lengths[sounds].sum()), 1.0)
    quality = np.bincount(chords.chord[sounds] // 12, time[sounds], len(QUALITY_NAMES))
    degree = (chords.chord - per_cell[chords.cell[:-1]]) % 12
    roots = chords.chord[sounds] % 12
    moves = np.diff(roots) % 12
    seconds = float(np.ptp(reading.original.beats_to_seconds(cells.edges[[0, -1]])))
    chroma = (cells.chroma > 0).astype(float)
    together = chroma.T @ chroma
    pairs = together[range(12), _APART].sum(axis=1)
    pairs[-1] /= 2  # a tritone is its own inversion
    return {
        "major": float(keys.probability[:12].sum()),
        "key_confidence": float(keys.probability.max()),
        "key_changes": 64 * (len(keys.key) - 1) / len(cells),
        "minor_time": _share(per_cell >= 12),
        "in_scale": _share(scale_table()[reading.key_at(piece.start), piece.pitch % 12]),
        "chord_rate": float(np.log(len(chords) / max(seconds, 0.5))),
        "chord_confidence": float((chords.confidence * time).sum()),
        **{name: float(sum(quality[QUALITY_NAMES.index(q)] for q in family)) for name, family in _FAMILIES.items()},
        "tonic": float(time[degree == 0].sum()),
        "dominant": float(time[degree == 7].sum()),
        "subdominant": float(time[degree == 5].sum()),
        "inversions": _share(chords.bass[sounds] != roots),
        "bass_fifths": _share((moves == 5) | (moves == 7)),
        "bass_steps": _share(_IS_STEP[moves]),
        "dissonance": float((pairs[0] + pairs[-1]) / max(pairs.sum(), 1.0)),
    }


def _melody(reading: Reading) -> dict[str, float]:
    line = reading.pitched.select(reading.melody)
    if not len(line):
        return {}
    steps = np.diff(line.pitch) if len(line) > 1 else np.zeros(1, np.int64)
    moving = steps[steps != 0]
    seconds = line.beats_to_seconds(line.end) - line.beats_to_seconds(line.start)
    return {
        "melody_pitch": float(line.pitch.mean()) / 12,
        "melody_range": float(np.ptp(line.pitch)) / 12,
        "melody_step": float(np.abs(steps).mean()),
        "melody_leaps": _share(np.abs(steps) > 5),
        "melody_repeats": _share(steps == 0),
        "melody_rising": _share(moving > 0) if len(moving) else 0.5,
        "melody_log_duration": float(_log(seconds).mean()),
    }


def _texture(piece: Piece) -> dict[str, float]:
    together = np.unique(np.round(piece.start, 2), return_counts=True)[1]
    return {
        "polyphony": polyphony(piece),
        "chordal": _share(together >= 3),
        "single": _share(together == 1),
    }


def _dynamics(piece: Piece) -> dict[str, float]:
    velocity = piece.velocity / 127
    low, high = _percentiles(velocity, 5, 95)
    return {
        "velocity_mean": float(velocity.mean()),
        "velocity_spread": _spread(velocity),
        "velocity_range": float(high - low),
        "velocity_pitch": _correlation(velocity, piece.pitch.astype(float)),
        "crescendo": _correlation(velocity, piece.start),
    }
