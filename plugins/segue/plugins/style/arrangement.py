"""A piece as something to arrange anew: what is kept - bars, melody, chords, key - and what may change.

Beats are quarter notes of the file. What is kept is what ``score`` said of the piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from segue.music import Piece
from segue.music.leading import leading_track, upper_line
from segue.music.melody import is_one_voice
from segue.music.theory import QUALITIES, QUALITY_NAMES
from segue.plugin_api.errors import InvalidMusic
from segue.v1 import analyze_pb2, music_pb2

MAX_NOTES: Final = 60_000
"""Notes of a piece that is to be arranged: more than an hour of dense music."""
MAX_BARS: Final = 2_000
NO_CHORD: Final = -1
_NEAR: Final = 1e-3
_ENOUGH: Final = 0.5
_OVERLAP: Final = 0.2
"""Beats that a legato note may sound into the next."""


@dataclass(frozen=True)
class Arrangement:
    """A piece and what of it is kept.

    Attributes
    ----------
    piece
        The piece as it came.
    melody : ndarray of bool, shape (notes,)
        True for each note of the melody.
    bars : ndarray, shape (bars + 1,)
        Beats at which bars begin, and where the last is over; the first bar is shorter if there is a pickup.
    chord_start : ndarray, shape (chords,)
        Beats at which chords begin, ascending, the first 0 or earlier; each lasts until the next.
    chord : ndarray of int, shape (chords, 3)
        Pitch class of the root, index into ``QUALITY_NAMES``, pitch class of the bass; ``NO_CHORD`` thrice for none.
    tonic, minor
        The key.
    """

    piece: Piece
    melody: NDArray[np.bool_]
    bars: NDArray[np.float64]
    chord_start: NDArray[np.float64]
    chord: NDArray[np.int64]
    tonic: int
    minor: bool

    def chord_at(self, beats: ArrayLike) -> NDArray[np.int64]:
        """Chord at each beat, shape (..., 3)."""
        found = np.searchsorted(self.chord_start, np.asarray(beats, np.float64) + _NEAR, side="right") - 1
        return np.asarray(self.chord[np.clip(found, 0, len(self.chord) - 1)])

    @cached_property
    def accompaniment(self) -> NDArray[np.bool_]:
        """True for each pitched note that is not of the melody."""
        return np.asarray(~self.melody & ~self.piece.is_drum)


def read_arrangement(piece: Piece, analysis: analyze_pb2.AnalyzeResponse) -> Arrangement:
    """Take a piece and what ``score`` said of it.

    Parameters
    ----------
    piece
        The piece, with at least one note.
    analysis
        Metre, key, chords, melody and style of that piece; one of drums alone has no chords and no melody. Where chord
        symbols stand above it, those are its chords.

    Raises
    ------
    InvalidMusic
        If the piece has more than ``MAX_NOTES`` notes or ``MAX_BARS`` bars.
    """
    if len(piece) > MAX_NOTES:
        raise InvalidMusic("music", f"has {len(piece):,} notes, must have at most {MAX_NOTES:,} to be arranged")
    bars = _bars(piece, analysis.meter)
    if len(bars) - 1 > MAX_BARS:
        raise InvalidMusic("music", f"has {len(bars) - 1:,} bars, must have at most {MAX_BARS:,} to be arranged")
    start, chord = _written(piece) if piece.symbols else _chords(analysis.chords)
    return Arrangement(
        piece=piece,
        melody=_melody(piece, analysis.melody, bars),
        bars=bars,
        chord_start=start,
        chord=chord,
        tonic=analysis.key.key.tonic,
        minor=analysis.key.key.mode == music_pb2.MODE_MINOR,
    )


def _bars(piece: Piece, meter: analyze_pb2.MeterAnalysis) -> NDArray[np.float64]:
    """Return the edges of bars: the downbeats that were heard, with what comes before and after them."""
    starts = piece.seconds_to_beats(np.array(meter.downbeat_seconds))
    if not len(starts):
        starts = piece.bar_starts
    if starts[0] > _NEAR:
        starts = np.r_[0.0, starts]
    length = float(np.median(np.diff(starts[1:] if len(starts) > 2 else starts))) if len(starts) > 1 else 4.0
    last = starts[-1] + max(length, _NEAR)
    beyond = np.arange(last, piece.beats - _NEAR, length) if length > _NEAR else np.zeros(0)
    return np.asarray(np.r_[starts, beyond, (beyond[-1] if len(beyond) else starts[-1]) + length])


def _written(piece: Piece) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Take the chord symbols that stand above the piece; what comes before the first has no chord."""
    rows = [(NO_CHORD,) * 3, *(symbol[1:] for symbol in piece.symbols)]
    return np.array([0.0, *(symbol.beat for symbol in piece.symbols)]), np.array(rows, np.int64)


def _chords(chords: object) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    start, rows = [0.0], [(NO_CHORD,) * 3]
    for chord in chords:  # type: ignore[attr-defined]
        start.append(chord.span.start)
        quality = chord_quality(chord)
        root = chord.root if quality != NO_CHORD else NO_CHORD
        rows.append((root, quality, chord.bass if chord.HasField("bass") and root >= 0 else root))
    return np.array(start), np.array(rows, np.int64)


def chord_quality(chord: music_pb2.Chord) -> int:
    """Return the index of a chord's quality in ``QUALITY_NAMES``, by the pitch classes that belong to it."""
    if not chord.HasField("root"):
        return NO_CHORD
    above = tuple(sorted((pitch - chord.root) % 12 for pitch in chord.pitch_classes))
    for index, name in enumerate(QUALITY_NAMES):
        if tuple(sorted(QUALITIES[name])) == above:
            return index
    return QUALITY_NAMES.index("min" if 3 in above and 4 not in above else "maj")


def _melody(piece: Piece, found: analyze_pb2.MelodyAnalysis, bars: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Find the notes of the melody among those of the piece.

    Where most of what was heard as melody stands in one track of one voice, the melody is all of that track: the
    analysis, which sees no tracks, loses it where the accompaniment covers it. Where it does not, a track that is by
    itself like a melody is one (``segue.music.leading``). One voice alone is its own melody. Where one player plays
    all, whose tunes the analysis often misses, the upper line is the melody unless most of the bars have notes that
    were heard and that lie in it.
    """
    pitched = ~piece.is_drum
    if is_one_voice(piece.select(pitched)):
        return np.asarray(pitched)
    wanted = {(round(note.start, 4), note.pitch) for note in found.notes}
    keys = zip(np.round(piece.start, 4).tolist(), piece.pitch.tolist(), strict=True)
    heard = np.array([key in wanted for key in keys], bool) & ~piece.is_drum
    votes = np.bincount(piece.track[heard], minlength=len(piece.tracks))
    leading = piece.track == votes.argmax()
    one_voice = votes.max(initial=0) > heard.sum() / 2 and is_one_voice(piece.select(leading))
    line = upper_line(piece)
    if line is not None and not (one_voice and line[leading].any()):
        return _highest(piece, heard) if _agrees(piece, heard, line, bars) else line
    if one_voice:
        return np.asarray(leading)
    track = leading_track(piece)
    return _highest(piece, heard) if track is None else np.asarray(piece.track == track)


def _agrees(piece: Piece, heard: NDArray[np.bool_], line: NDArray[np.bool_], bars: NDArray[np.float64]) -> bool:
    """Say whether half of the bars have notes that were heard as melody, and half of those lie in a line."""
    bar = np.searchsorted(bars, piece.start + _NEAR, side="right")
    covered = len(np.unique(bar[heard])) / len(np.unique(bar))
    return bool(covered >= _ENOUGH and line[heard].mean() >= _ENOUGH)


def _highest(piece: Piece, heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep of the notes that were heard as melody those with none of them sounding above: a tune is one voice."""
    tune = piece.select(heard)
    covered = np.zeros(len(tune), bool)
    for pitch in np.unique(tune.pitch).tolist():
        own = tune.pitch == pitch
        latest = np.maximum.accumulate(tune.end[own])
        begun = np.searchsorted(tune.start[own], tune.start + _NEAR, side="right") - 1
        covered |= (begun >= 0) & (latest[begun] > tune.start + _OVERLAP) & (tune.pitch < pitch)
    found = heard.copy()
    found[heard] = ~covered
    return found
