"""Mistakes made on purpose: what the pitch model learns from and what the polish is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece

SIXTEENTH: Final = 0.25
NEAR_SLIPS: Final = np.array([-2, -1, 1, 2])
FAR_SLIPS: Final = np.array([-12, -7, -5, -4, -3, 3, 4, 5, 7, 12])


@dataclass(frozen=True)
class Corrupted:
    """A piece with mistakes, and the truth.

    Attributes
    ----------
    piece
        What the polish gets.
    truth
        The piece as it was.
    origin
        For each note of ``piece`` the index of the note of ``truth`` that it was, -1 for one that was added.
    removed
        Indices of the notes of ``truth`` that are missing.
    limit
        For each note of ``piece`` that was held on the beat at which it must be over; infinite for the others.
    """

    piece: Piece
    truth: Piece
    origin: NDArray[np.int64]
    removed: NDArray[np.int64]
    limit: NDArray[np.float64]


def jitter(piece: Piece, notes: NDArray[np.int64], sixteenths: float, random: np.random.Generator) -> Piece:
    """Move notes, whole, by up to a part of a sixteenth either way. The notes keep their places in the columns."""
    start = piece.start.copy()
    start[notes] += random.uniform(-sixteenths, sixteenths, len(notes)) * SIXTEENTH
    return replace(piece, start=np.maximum(start, 0.0))


def slip(piece: Piece, notes: NDArray[np.int64], random: np.random.Generator, far: float = 0.0) -> Piece:
    """Put notes one or two semitones off, or with the chance ``far`` further."""
    near, distant = random.choice(NEAR_SLIPS, len(notes)), random.choice(FAR_SLIPS, len(notes))
    by = np.where(random.random(len(notes)) < far, distant, near)
    pitch = piece.pitch.copy()
    outside = (pitch[notes] + by < 0) | (pitch[notes] + by > 127)
    pitch[notes] += np.where(outside, -by, by)
    return replace(piece, pitch=pitch)


def corrupt_all(piece: Piece, random: np.random.Generator, *, jittered: float = 0.4, wrong: float = 0.05) -> Corrupted:
    """Jitter every note by up to ``jittered`` sixteenths and put the share ``wrong`` of the pitched notes off."""
    pitched = np.flatnonzero(~piece.is_drum)
    slips = random.permutation(pitched)[: round(wrong * len(pitched))]
    played = slip(jitter(piece, np.arange(len(piece)), jittered, random), slips, random)
    return _sorted(played, piece, np.arange(len(piece)), np.zeros(0, np.int64), np.full(len(piece), np.inf))


def corrupt_some(piece: Piece, random: np.random.Generator, *, share: float = 0.1) -> Corrupted:
    """Spoil a share of the notes, a quarter each by a slip, a jitter of up to half a sixteenth, an overlap, a removal.

    An overlap is, by halves, a note held on into a later one that it must not sound with (of its pitch, or of its
    track where that plays one note at a time), and a note struck twice. A removed note is one of at least three that
    are struck together, and the only one of its pitch class.
    """
    pitched = random.permutation(np.flatnonzero(~piece.is_drum))
    count = round(share * len(pitched) / 4)
    removed = np.sort(pitched[chord_tones(piece)[pitched]][:count])
    pitched = pitched[~np.isin(pitched, removed)]
    clash = _next_clash(piece)
    held = pitched[np.isfinite(clash[pitched])][: count // 2]
    rest = pitched[~np.isin(pitched, held)]
    slips, late, twice = rest[:count], rest[count : 2 * count], rest[2 * count : 2 * count + count - len(held)]
    played = slip(jitter(piece, late, 0.5, random), slips, random)
    duration = played.duration.copy()
    duration[held] = clash[held] + random.uniform(0.1, 0.5, len(held)) - piece.start[held]
    again = played.start[twice] + random.uniform(0.02, 0.3, len(twice)) * duration[twice]
    rows = np.concatenate([np.arange(len(piece)), twice])
    origin = np.where(np.arange(len(rows)) < len(piece), rows, -1)
    spoiled = replace(played, duration=duration).select(rows)
    spoiled = replace(spoiled, start=np.concatenate([played.start, again]))
    kept = ~np.isin(origin, removed)
    limit = np.where(np.isin(origin, held), clash[rows], np.inf)
    return _sorted(spoiled.select(kept), piece, origin[kept], removed, limit[kept])


def chord_tones(piece: Piece) -> NDArray[np.bool_]:
    """Notes that are one of at least three struck together, and the only one of their pitch class."""
    _, group = np.unique(np.rint(piece.start * 32), return_inverse=True)
    _, tone, doubled = np.unique(group * 12 + piece.pitch % 12, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(group)[group] >= 3) & (doubled[tone] == 1) & ~piece.is_drum)


def _next_clash(piece: Piece) -> NDArray[np.float64]:
    """Beat at which each note must be over: the next of its pitch soon, or the next of a track of single notes."""
    found = np.full(len(piece), np.inf)
    for key, most in ((piece.track * 128 + piece.pitch, 2.0), (piece.track, 4.0)):
        order = np.lexsort((piece.start, key))
        here, after = order[:-1], order[1:]
        alone = np.ones(len(here), bool)
        if key is piece.track:
            clash = (np.diff(key[order]) == 0) & (piece.end[here] > piece.start[after] + 0.05)
            counts = np.bincount(key, minlength=len(piece.tracks))
            alone = np.bincount(key[here], clash, minlength=len(counts))[key[here]] < 0.02 * counts[key[here]]
        gap = piece.start[after] - piece.end[here]
        good = alone & (np.diff(key[order]) == 0) & (gap > -0.01) & (gap < most)
        found[here[good]] = np.minimum(found[here[good]], piece.start[after[good]])
    return found


def _sorted(
    played: Piece, truth: Piece, origin: NDArray[np.int64], removed: NDArray[np.int64], limit: NDArray[np.float64]
) -> Corrupted:
    order = np.lexsort((played.pitch, played.track, played.start))
    return Corrupted(played.select(order), truth, origin[order], removed, limit[order])
