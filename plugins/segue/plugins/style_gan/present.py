"""From written notes to a piece: instruments, timing, loudness, and the source's own notes where they stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, TrackInfo
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style.fitting import Part, fitted, frame_of
from segue.plugins.style_gan.decode import BASS_BELOW
from segue.plugins.style_gan.frames import Frames, step_edges
from segue.plugins.style_gan.groove import Groove, lay_out

_SHORTEST: Final = 0.05
_ACCENT: Final = np.array([8, 4, 0, -4])
"""Added to the velocity of what begins on a downbeat, in mid-bar, on a beat, between beats."""


class Band(NamedTuple):
    """General MIDI programs of a style: of its bass, None if one instrument plays all, and of its upper notes."""

    bass: int | None
    upper: int


BANDS: Final = {
    "jazz_swing": Band(32, 26),
    "jazz_combo": Band(32, 0),
    "ragtime": Band(None, 3),
    "bossanova": Band(32, 24),
    "chorale": Band(None, 19),
    "hymn": Band(None, 19),
    "arpeggio": Band(None, 0),
    "pop_ballad": Band(33, 4),
    "pop_8beat": Band(33, 27),
}
_VELOCITY: Final = {"Bass": 80, "Band": 66, "Drums": 72}


def blend(
    arrangement: Arrangement,
    frames: Frames,
    written: NDArray[np.int64],
    drums: NDArray[np.int64],
    rewritten: NDArray[np.bool_],
    style: str,
    groove: Groove,
    rng: np.random.Generator,
) -> Piece:
    """Lay the melody over what was written, and keep the rest of the source in the bars that are not rewritten.

    Parameters
    ----------
    arrangement, frames
        The source.
    written, drums : ndarray of int, shape (notes, 3)
        Begin and end in steps, pitch.
    rewritten : ndarray of bool, shape (bars,)
        Bars that are rewritten.
    style, groove
        What plays, and how.
    rng
        Random numbers for the timing.
    """
    edges, frame = (
        step_edges(frames, swung=groove.swung),
        frame_of(arrangement.piece, arrangement.melody, arrangement.bars),
    )
    parts = [_source(arrangement, rewritten)]
    tracks = list(arrangement.piece.tracks)
    low = (written[:, 2] < BASS_BELOW) & (BANDS[style].bass is not None)
    late = lay_out(written[:, 0], written[:, 2], groove, rng)
    stays = (np.zeros(len(drums)), np.ones(len(drums), bool))
    for name, notes, offset, program in (
        ("Bass", written[low], late[low], BANDS[style].bass or 0),
        ("Band", written[~low], late[~low], BANDS[style].upper),
        ("Drums", drums, stays[0], 0),
    ):
        part = _played(notes, offset, edges, frames, arrangement.bars, rewritten, _VELOCITY[name])
        part = fitted(frame, part, drums=name == "Drums", line=name == "Bass")
        parts.append(np.stack([*part, np.full(len(part.start), len(tracks))]).astype(np.float64))
        tracks.append(TrackInfo(f"{name} ({style})", program, name == "Drums"))
    return _without_silent(replace(arrangement.piece, tracks=tuple(tracks)), np.concatenate(parts, axis=1))


Columns = NDArray[np.float64]
"""Start, duration, pitch, velocity and track of notes, shape (5, notes)."""


def _source(arrangement: Arrangement, rewritten: NDArray[np.bool_]) -> Columns:
    """Take the melody, and the rest from bars that stay, cut where a bar that does not begins."""
    piece, bars = arrangement.piece, arrangement.bars
    bar = _bar_of(bars, piece.start)
    kept = arrangement.melody | ~rewritten[bar]
    end = np.where(arrangement.melody, piece.end, np.minimum(piece.end, _run_end(bars, rewritten)[bar]))
    columns = np.stack([piece.start, end - piece.start, piece.pitch, piece.velocity, piece.track]).astype(np.float64)
    return np.asarray(columns[:, kept])


def _played(
    notes: NDArray[np.int64],
    late: NDArray[np.float64],
    edges: NDArray[np.float64],
    frames: Frames,
    bars: NDArray[np.float64],
    rewritten: NDArray[np.bool_],
    velocity: int,
) -> Part:
    """Play written notes that begin in bars that are rewritten, cut where such bars end."""
    begin, end, pitch = notes.T
    place = edges[begin]
    bar = _bar_of(bars, place)
    start = np.maximum(place + late, 0.0)
    stop = np.minimum(edges[end], _run_end(bars, rewritten)[bar])
    loud = velocity + _ACCENT[frames.level[begin // 2]]
    return Part(start, np.maximum(stop - start, _SHORTEST), pitch, loud).select(rewritten[bar])


def _bar_of(bars: NDArray[np.float64], beats: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(bars, beats + 1e-3, side="right") - 1, 0, len(bars) - 2)


def _run_end(bars: NDArray[np.float64], rewritten: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each bar where the bars of its kind end, in beats."""
    last = np.r_[rewritten[1:] != rewritten[:-1], True]
    ends = np.where(last, bars[1:], np.inf)
    return np.asarray(np.minimum.accumulate(ends[::-1])[::-1])


def _without_silent(about: Piece, columns: Columns) -> Piece:
    """Make a piece of columns, without tracks that have no notes."""
    start, duration, *rest = columns
    pitch, velocity, track = (column.astype(np.int64) for column in rest)
    used = np.unique(track)
    number = np.searchsorted(used, track)
    tracks = tuple(about.tracks[index] for index in used)
    piece = Piece.of(start, duration, pitch, np.clip(velocity, 1, 127), number, tracks=tracks)
    return replace(piece, tempos=about.tempos, meters=about.meters, keys=about.keys, lyrics=about.lyrics)
