"""Chords that fit the melody badly, exchanged for likelier ones. Only where it is asked for.

The melody is the highest line and stays. For each chord that sounds, the chords of the key are weighed: how common each
is in the key (``segue.music.theory``), how it follows and leads by the movement of the roots, and how much of the
melody's time above it lies on its tones. Where most of the melody lies beside the chord that sounds, and another that
holds most of it is likelier by ``MARGIN`` nats, the notes below the melody move to its nearest tones, if the likelihood
of the notes does not speak against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.melody import skyline
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD, chord_in_key, chord_pitch_classes, chord_symbol
from segue.plugins.polish.harmony import LONGEST
from segue.plugins.polish.likelihood import Heard

MARGIN: Final = 2.5
"""Nats by which another chord must be likelier."""
IN_CHORD, OUTSIDE = 1.0, -2.0
"""Nats for each beat of the melody on a tone of the chord, and beside it."""
BADLY, WELL = 0.4, 0.6
"""Shares of the melody's time on tones of a chord: at most for one that is exchanged, at least for the one instead."""
MOST_BEATS: Final = 4.0
"""Beats of melody that count for a chord at most."""
ROOTS: Final = np.array([0.0, -1.6, -0.6, -1.2, -1.0, 0.3, -2.0, -0.2, -1.2, -0.8, -0.8, -1.4])
"""Nats for a root that moves up by so many semitones: by a fourth best, by a tritone worst (Piston, Harmony, ch. 3)."""
TRIADS: Final = 36
"""Chords that are weighed: major, minor and diminished triads."""

Move = tuple[int, int, str]


def propose(piece: Piece, heard: Heard, settled: NDArray[np.bool_]) -> Iterator[Move]:
    """Yield notes that are to get another pitch, with the reason.

    Parameters
    ----------
    piece
        The piece, timing mended.
    heard
        The same, ready to be weighed.
    settled : ndarray, shape (notes,)
        Notes that are left alone.
    """
    pitched = np.flatnonzero(~piece.is_drum)
    if not len(pitched) or piece.beats > LONGEST:
        return
    reading = Reading(piece)
    tune = np.zeros(len(piece), bool)
    tune[pitched[skyline(piece.select(pitched))]] = True
    below = ~tune & ~piece.is_drum & ~settled
    chords, edges, keys = reading.chords, reading.cells.edges, reading.keys.per_cell()
    sounding = chords.chord.tolist()
    for number, chord in enumerate(sounding):
        begin, end = float(edges[chords.cell[number]]), float(edges[chords.cell[number + 1]])
        struck = np.flatnonzero(below & (piece.start >= begin - 0.05) & (piece.start < end - 0.05))
        if chord == NO_CHORD or len(struck) < 2:
            continue
        melody = _melody(piece, tune, begin, end)
        if not melody.any() or melody[list(chord_pitch_classes(chord))].sum() > BADLY * melody.sum():
            continue
        weighed = _weigh(melody, int(keys[chords.cell[number]]), sounding, number)
        better, simple = int(weighed.argmax()), _triad(chord)
        held = melody[list(chord_pitch_classes(better))].sum() >= WELL * melody.sum()
        if not held or weighed[better] < weighed[simple] + MARGIN:
            continue
        now = _nearest_tones(piece, struck, better)
        if heard.pitch(struck, now).mean() > heard.pitch(struck, piece.pitch[struck]).mean() + MARGIN:
            continue
        key = int(keys[chords.cell[number]])
        names = chord_symbol(better, key=key), chord_symbol(chord, key=key)
        reason = (
            f"{names[0]} fits the melody above it and its neighbours better than {names[1]}, "
            f"by {weighed[better] - weighed[simple]:.1f} nats."
        )
        sounding[number] = better
        yield from (
            (note, pitch, reason)
            for note, pitch in zip(struck.tolist(), now.tolist(), strict=True)
            if pitch != piece.pitch[note]
        )


def _melody(piece: Piece, tune: NDArray[np.bool_], begin: float, end: float) -> NDArray[np.float64]:
    """Return for how many beats of a stretch the melody is on each pitch class, shape (12,), at most ``MOST_BEATS``."""
    over = np.minimum(piece.end, end) - np.maximum(piece.start, begin)
    line = np.flatnonzero(tune & (over > 0))
    beats = np.bincount(piece.pitch[line] % 12, over[line], 12).astype(np.float64)
    return np.asarray(beats * min(1.0, MOST_BEATS / max(float(beats.sum()), 1e-6)))


def _weigh(melody: NDArray[np.float64], key: int, chords: list[int], number: int) -> NDArray[np.float64]:
    """Return how good each triad is at a place, in nats, shape (TRIADS,)."""
    fits = np.array(
        [[IN_CHORD if name in chord_pitch_classes(c) else OUTSIDE for name in range(12)] for c in range(TRIADS)]
    )
    value = chord_in_key()[key, :TRIADS] + fits @ melody
    roots = np.arange(TRIADS) % 12
    if number and chords[number - 1] != NO_CHORD:
        value += ROOTS[(roots - chords[number - 1]) % 12]
    if number + 1 < len(chords) and chords[number + 1] != NO_CHORD:
        value += ROOTS[(chords[number + 1] - roots) % 12]
    return value


def _triad(chord: int) -> int:
    """Return the triad below a chord: minor and diminished ones as they are, all others major."""
    tones = {(pitch - chord) % 12 for pitch in chord_pitch_classes(chord)}
    quality = 0 if 3 not in tones else (2 if 6 in tones else 1)
    return 12 * quality + chord % 12


def _nearest_tones(piece: Piece, notes: NDArray[np.int64], chord: int) -> NDArray[np.int64]:
    """Move notes to the nearest tones of a chord, those struck together to different ones, the lowest to the root."""
    tones = [pitch for pitch in range(128) if pitch % 12 in chord_pitch_classes(chord)]
    lowest = int(piece.pitch[notes].min())
    taken: dict[float, set[int]] = {}
    found = []
    for note in notes.tolist():
        beside, own = taken.setdefault(round(float(piece.start[note]), 2), set()), int(piece.pitch[note])
        classes = {pitch % 12 for pitch in beside}
        wanted = [pitch for pitch in tones if pitch % 12 == chord % 12] if own == lowest else tones
        *_, now = min((pitch % 12 in classes, abs(pitch - own), pitch) for pitch in wanted if pitch not in beside)
        beside.add(now)
        found.append(now)
    return np.array(found)
