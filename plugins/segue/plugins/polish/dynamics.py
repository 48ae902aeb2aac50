"""Loudness of a track that is equally loud throughout: shaped to metre, phrase and line as players shape it.

Two linear models, one for pitched tracks and one for drums, say how much louder or softer than usual a note is played.
They were fitted to human velocities (ridge regression). Phrases end at rests and long notes.

References
----------
G. Widmer and W. Goebl, "Computational models of expressive music performance", J. New Music Research 33, 2004.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.kit import CRASHES, KICKS, SNARES
from segue.music.piece import Meter
from segue.plugins.polish import fitted

Floats = NDArray[np.float64]

FILE: Final = "dynamics.safetensors"
FEW: Final = 16
"""Notes from which on a track of one velocity is flat, as Analyze has it."""
LEVELS: Final = ("downbeat", "middle of the bar", "beat", "eighth", "sixteenth or triplet")
DRUMS: Final = (
    KICKS,
    SNARES,
    (42, 44, 22),
    (46, 26),
    (41, 43, 45, 47, 48, 50, 58),
    CRASHES,
    (51, 53, 59),
)
"""Sounds of a kit: kick, snare, closed and open hi-hat, toms, crashes, rides; others are one more."""
REST, LONG, LONGEST_PHRASE = 0.4, 1.9, 16.0
"""Beats of silence and of a long note among shorter ones that end a phrase; beats that a phrase lasts at most."""
TOGETHER: Final = 0.05
SPREAD: Final = 11.0
"""Standard deviation that the shaped velocities of a track get: less than players', whose noise is no shape."""
SOFTEST, LOUDEST = 20, 120
PITCHED_WIDTH: Final = len(LEVELS) + 9
DRUM_WIDTH: Final = (len(DRUMS) + 1) * (len(LEVELS) + 1)


class Dynamics:
    """The fitted weights: ``pitched`` of shape (PITCHED_WIDTH,), ``drums`` of shape (DRUM_WIDTH,)."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self._weights = weights

    def deviation(self, piece: Piece, track: int) -> Floats:
        """Return how much louder than usual each note of a track is expected, in standard deviations."""
        own = piece.select(piece.track == track)
        name = "drums" if piece.tracks[track].drums else "pitched"
        return np.asarray(features(own, piece, track) @ self._weights[name].astype(np.float64))

    def shaped(self, piece: Piece, track: int) -> NDArray[np.int64]:
        """Return velocities for the notes of a track, about the ones they have."""
        found = self.deviation(piece, track)
        found = (found - found.mean()) / max(float(found.std()), 1e-6) * SPREAD
        own = piece.velocity[piece.track == track]
        middle = np.clip(own, SOFTEST + 2 * SPREAD, LOUDEST - 2 * SPREAD)
        return np.asarray(np.clip(np.rint(middle + found), SOFTEST, LOUDEST), np.int64)


def flat_tracks(piece: Piece) -> list[int]:
    """Return the tracks whose notes all have one velocity."""
    counts = np.bincount(piece.track, minlength=len(piece.tracks))
    return [
        track for track in np.flatnonzero(counts >= FEW).tolist() if not np.ptp(piece.velocity[piece.track == track])
    ]


def level(piece: Piece, whole: Piece) -> NDArray[np.int64]:
    """Return the metrical level of each note, an index into ``LEVELS``."""
    bars = whole.bar_starts
    bar = np.clip(np.searchsorted(bars, piece.start + 0.05, side="right") - 1, 0, len(bars) - 1)
    within = piece.start - bars[bar]
    length = np.array([meter.bar_beats for meter in whole.meter_at(bars)] or [Meter(0, 4, 4).bar_beats])[bar]
    near = [np.abs(within - np.rint(within * parts) / parts) < TOGETHER for parts in (1, 2)]
    first = np.abs(within) < TOGETHER
    middle = (np.abs(within - length / 2) < TOGETHER) & (length > 3.5)
    return np.asarray(np.select([first, middle, near[0], near[1]], [0, 1, 2, 3], 4))


def phrases(piece: Piece) -> tuple[Floats, NDArray[np.int64]]:
    """Return how far into its phrase each note of a track begins, 0-1, and the number of its phrase."""
    if not len(piece):
        return np.zeros(0), np.zeros(0, np.int64)
    sounding = np.maximum.accumulate(piece.end)
    gap = np.r_[0.0, piece.start[1:] - sounding[:-1]]
    long = np.r_[False, (piece.duration >= max(LONG, 1.9 * float(np.median(piece.duration))))[:-1]]
    new = (gap > REST) | (long & (np.r_[1.0, np.diff(piece.start)] > TOGETHER))
    number = np.cumsum(new)
    first = piece.start[np.searchsorted(number, number)]
    number = number * 4096 + ((piece.start - first) / LONGEST_PHRASE).astype(np.int64)
    begin, end = np.searchsorted(number, number), np.searchsorted(number, number, side="right") - 1
    length = np.maximum(piece.start[end] - piece.start[begin], 1e-6)
    return np.where(end > begin, (piece.start - piece.start[begin]) / length, 0.5), number


def features(own: Piece, whole: Piece, track: int) -> Floats:
    """Return what says how loud each note of a track is played, shape (notes, PITCHED_WIDTH) or (notes, DRUM_WIDTH)."""
    metre = np.eye(len(LEVELS))[level(own, whole)]
    if whole.tracks[track].drums:
        sound = np.full(len(own), len(DRUMS))
        for index, sounds in enumerate(DRUMS):
            sound[np.isin(own.pitch, sounds)] = index
        crossed = np.eye(len(DRUMS) + 1)[sound][:, :, None] * np.c_[np.ones(len(own)), metre][:, None, :]
        return np.asarray(crossed.reshape(len(own), DRUM_WIDTH))
    where, _ = phrases(own)
    low, high = np.searchsorted(own.start, own.start - 4), np.searchsorted(own.start, own.start + 4, side="right")
    sums = np.r_[0, np.cumsum(own.pitch)]
    local = (sums[high] - sums[low]) / (high - low)
    first, last = np.searchsorted(own.start, own.start - TOGETHER), np.searchsorted(own.start, own.start + TOGETHER)
    highest = np.array([own.pitch[a:b].max() for a, b in zip(first.tolist(), last.tolist(), strict=True)] or [0])
    others = [
        own.pitch / 12 - own.pitch.mean() / 12,
        (own.pitch - local) / 12,
        own.pitch == highest[: len(own)],
        np.minimum(last - first, 6) / 3,
        np.log2(np.clip(own.duration, 0.05, 8)),
        where,
        4 * where * (1 - where),
        np.minimum(high - low, 64) / 32,
        np.ones(len(own)),
    ]
    return np.column_stack([metre, *others]).astype(np.float64)


def reason(piece: Piece, row: int, now: int, place: int, where: float, drums: bool) -> str:
    """Say why a note gets another velocity."""
    by = now - int(piece.velocity[row])
    how = f"{'Louder' if by > 0 else 'Softer'} by {abs(by)}: on the {LEVELS[place]}"
    part = "" if drums else f", {100 * where:.0f} % into its phrase"
    return f"{how}{part}; all notes of the track had the velocity {int(piece.velocity[row])}."


def save(weights: Mapping[str, NDArray[np.float32]], folder: Path) -> None:
    """Write the weights."""
    fitted.save(weights, folder / FILE)


def load(folder: Path) -> Dynamics:
    """Read what ``save`` wrote.

    Raises
    ------
    ValueError
        If weights are missing or of another number than this code needs.
    """
    return Dynamics(fitted.load(folder / FILE, {"pitched": PITCHED_WIDTH, "drums": DRUM_WIDTH}))
