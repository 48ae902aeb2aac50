"""Between pieces and frames: reading four voices, or one, off a piece, and writing frames as notes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, TrackInfo
from segue.music.bar_lines import PER_BEAT, Frames
from segue.plugins.chorale.frames import REST, VOICES


def voice_tracks(piece: Piece) -> list[int]:
    """Return the indices of the tracks that hold pitched notes, highest first by mean pitch."""
    pitched = [index for index, info in enumerate(piece.tracks) if not info.drums and (piece.track == index).any()]
    return sorted(pitched, key=lambda index: -float(piece.pitch[piece.track == index].mean()))


def is_one_voice(piece: Piece, track: int) -> bool:
    """Return whether no two notes of a track sound together for a sixteenth or more."""
    own = piece.select(piece.track == track)
    return bool((own.start[1:] - own.end[:-1] > -1 / PER_BEAT).all() and (np.diff(own.start) > 0).all())


def to_voice(piece: Piece, track: int, length: int) -> NDArray[np.int64]:
    """Return what a track sounds in each of ``length`` frames; of notes that overlap the later one sounds."""
    line = np.full(length, REST, np.int64)
    own = piece.select(piece.track == track)
    begins = np.rint(own.start * PER_BEAT).astype(np.int64)
    ends = np.maximum(np.rint(own.end * PER_BEAT).astype(np.int64), begins + 1)
    for begin, end, pitch in zip(begins, ends, own.pitch, strict=True):
        line[begin:end] = pitch
    return line


def sustained(line: NDArray[np.int64], longest_gap: int) -> NDArray[np.int64]:
    """Return a voice with each rest of up to ``longest_gap`` frames after a note filled by that note."""
    filled = line.copy()
    for begin, length in runs(line):
        if begin and line[begin] == REST and length <= longest_gap:
            filled[begin : begin + length] = filled[begin - 1]
    return filled


def to_voices(piece: Piece, tracks: Sequence[int]) -> Frames:
    """Return the frames of four tracks, soprano first, until the last note is over."""
    length = max(1, int(np.rint(piece.beats * PER_BEAT)))
    return np.stack([to_voice(piece, track, length) for track in tracks], 1)


def notes_of(line: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return the notes of a voice as (first frame, frames, pitch): equal neighbours are one note."""
    return [(begin, length, int(line[begin])) for begin, length in runs(line) if line[begin] != REST]


def frames_to_piece(frames: Frames) -> Piece:
    """Return four voices as a piece of four tracks; shape (frames, 4)."""
    rows = [(begin, length, pitch, voice) for voice in range(4) for begin, length, pitch in notes_of(frames[:, voice])]
    begin, length, pitch, voice = np.array(rows, np.int64).reshape(-1, 4).T
    tracks = tuple(TrackInfo(name) for name in VOICES)
    return Piece.of(begin / PER_BEAT, length / PER_BEAT, pitch, track=voice, tracks=tracks)


def runs(line: NDArray[Any]) -> list[tuple[int, int]]:
    """Return first frame and length of each run of equal frames."""
    edges = [0, *(np.flatnonzero(np.diff(line)) + 1).tolist(), len(line)]
    return [(begin, end - begin) for begin, end in pairwise(edges) if end > begin]
