"""Four-bar phrases to learn from and to measure with.

Read from a folder that holds ``style_parallel_synth`` (public-domain charts arranged by a program in sixteen styles,
with their melodies: synthetic) and, where it is there, ``pop909`` (real pop songs: melody, bridge and piano, without
drums). The chord of each beat is the chart's; of a song without a chart it is what templates hear. A song belongs to
the part that the SHA-256 of its id says, in all styles: 80 % train, 10 % valid, 10 % test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.cells import cut
from segue.music.chords import find_chords
from segue.music.grid import find_grid
from segue.music.keys import histogram_scores
from segue.music.theory import NO_CHORD
from segue.plugins.gan.roll import BAR, BASS, BEATS, CHORDS, DRUMS, MELODY, PAD, PER_BEAT, STEPS, to_roll
from segue.plugins.packs import pop909, synth
from segue.plugins.vae.data import part_of, regular_bars
from segue.plugins.vae.tokens import home_shift

POP: Final = "pop_piano"
_LONG: Final = 1.2
"""Beats from which on a note is of a pad."""
_BASS_BELOW: Final = 55
_PERCUSSIVE: Final = 112
"""General MIDI program from which on a pitched track is percussion."""


@dataclass(frozen=True)
class Phrases:
    """Phrases of one song in one style.

    Attributes
    ----------
    tune, part, style, minor
        Title of the song, the same in all styles, its part of the data, its style and mode.
    rolls : ndarray of bool, shape (phrases, tracks, steps, pitches, 2)
    chords : ndarray of int, shape (phrases, beats)
        Chord of each beat (``segue.music.theory``).
    notes : ndarray of int, shape (notes, 4)
        The whole song: track, begin, end, pitch.
    """

    tune: str
    part: str
    style: str
    minor: bool
    rolls: NDArray[np.bool_]
    chords: NDArray[np.int64]
    notes: NDArray[np.int64]


def read_phrases(data: Path) -> list[Phrases]:
    """Read every phrase of a folder.

    Raises
    ------
    InvalidRequest
        If the folder does not hold the synthetic arrangements.
    """
    found = list(_arrangements(data))
    return found + (list(_pop909(data)) if (data / "pop909").is_dir() else [])


def _phrases(
    tune: str,
    part: str,
    style: str,
    key: int,
    notes: NDArray[np.int64],
    starts: NDArray[np.int64],
    chords: NDArray[np.int64],
) -> Phrases | None:
    """Cut a song into phrases; those in which fewer than two tracks play are left out."""
    notes, shift = notes.copy(), home_shift(key % 12, key >= 12)
    notes[notes[:, 0] != DRUMS, 3] += shift
    sounding = chords < NO_CHORD
    chords = np.where(sounding, chords - chords % 12 + (chords % 12 + shift) % 12, NO_CHORD)
    rolls, found = [], []
    for start in starts:
        inside = notes[(notes[:, 1] >= start) & (notes[:, 1] < start + STEPS)]
        own = chords[start // PER_BEAT :][:BEATS]
        if len(np.unique(inside[:, 0])) > 1 and len(own) == BEATS:
            rolls.append(to_roll(inside - np.array([0, start, start, 0])))
            found.append(own)
    return Phrases(tune, part, style, key >= 12, np.stack(rolls), np.stack(found), notes) if rolls else None


def _hear_chords(notes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the chord that templates hear on each beat of a song; its melody and drums do not count."""
    _, begin, end, pitch = notes[(notes[:, 0] != DRUMS) & (notes[:, 0] != MELODY)].T
    beats = -(-int(notes[:, 2].max()) // PER_BEAT)
    if not len(begin):
        return np.full(beats, NO_CHORD)
    cells = cut(piece := Piece.of(begin / PER_BEAT, (end - begin) / PER_BEAT, pitch, 64), find_grid(piece))
    found = find_chords(cells)
    row = np.searchsorted(cells.edges[found.cell], np.arange(beats) + 0.25, side="right") - 1
    return np.append(found.chord, NO_CHORD)[np.clip(row, 0, len(found))]


def _columns(piece: Piece, track: int, which: NDArray[np.bool_]) -> NDArray[np.int64]:
    own = piece.select(which)
    begin = np.rint(own.start * PER_BEAT).astype(np.int64)
    end = np.maximum(np.rint(own.end * PER_BEAT).astype(np.int64), begin + 1)
    return np.stack([np.full(len(own), track), begin, end, own.pitch], axis=1)


def _arrangements(data: Path) -> Iterator[Phrases]:
    arrangements = synth.arrangements(data)
    written = synth.written_chords(data) if (data / synth.CHORDS).is_file() else {}
    for song in arrangements:
        band, melody = song.band(), song.tune()
        if melody is None:
            continue
        parts = [_columns(melody, MELODY, np.ones(len(melody), bool))]
        for index, info in enumerate(band.tracks):
            own = band.track == index
            if own.any() and (info.drums or (info.program < _PERCUSSIVE and np.ptp(band.pitch[own]))):
                # A track of one pitch, such as the bass of hiphop, follows no chord.
                kind = DRUMS if info.drums else _kind(info.name, band.select(own))
                parts.append(_columns(band, kind, own))
        notes = np.concatenate(parts)
        pitched = notes[notes[:, 0] != DRUMS]
        heard = np.bincount(pitched[:, 3] % 12, pitched[:, 2] - pitched[:, 1], 12).astype(np.float64)
        starts = np.arange(0, song.bars * BAR - STEPS + 1, 2 * BAR)
        key = int(histogram_scores(heard).argmax())
        chords = written[song.number][0, ::2] if song.number in written else _hear_chords(notes)
        found = _phrases(song.title, part_of(f"openewld/{song.number}"), song.style, key, notes, starts, chords)
        if found is not None:
            yield found


def _kind(name: str, own: Piece) -> int:
    if name.startswith(("Bass", "Walk")) and np.median(own.pitch) < _BASS_BELOW:
        return BASS
    return PAD if np.median(own.duration) >= _LONG else CHORDS


def _pop909(data: Path) -> Iterator[Phrases]:
    for song in pop909.songs(data):
        piece, marks = song.piece(), song.marks()
        begin, end = marks.count(piece)
        piece = piece.with_notes(start=begin, duration=np.maximum(end - begin, 0.01))
        parts = []
        for index, info in enumerate(piece.tracks):
            own = piece.track == index
            if info.name == pop909.PIANO:
                lowest = own & _is_lowest(piece, own)
                parts += [_columns(piece, BASS, lowest), _columns(piece, CHORDS, own & ~lowest)]
            elif info.name in (pop909.MELODY, pop909.BRIDGE):
                parts.append(_columns(piece, MELODY if info.name == pop909.MELODY else PAD, own))
        bars = regular_bars(np.flatnonzero(marks.pairs))
        starts = [np.arange(first, last - STEPS + 1, STEPS) for first, last in bars]
        notes = np.concatenate(parts)
        found = _phrases(
            song.citation,
            part_of(f"pop909/{song.number}"),
            POP,
            song.key,
            notes,
            np.concatenate([np.zeros(0, np.int64), *starts]).astype(np.int64),
            _hear_chords(notes),
        )
        if found is not None:
            yield found


def _is_lowest(piece: Piece, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the lowest of the notes of a track struck together where it is in the bass."""
    struck = np.rint(piece.start * PER_BEAT).astype(np.int64)
    low = np.full(int(struck.max()) + 1, _BASS_BELOW)
    np.minimum.at(low, struck[own], piece.pitch[own])
    return np.asarray(piece.pitch == np.where(low < _BASS_BELOW, low, -1)[struck])
