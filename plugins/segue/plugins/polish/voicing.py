"""Voice leading between tracks of one voice each: parallel fifths and octaves re-voiced, crossed voices exchanged.

The highest voice is the melody and stays. A note goes to another tone of its chord, as near as may be, where that
breaks no other rule and the likelihood does not speak against it; two voices of which one doubles the other are left
alone. Voices that cross are exchanged only where both lines get likelier, because a crossing is often meant, and in
four voices only where the chorale network does not speak against it: it has heard where Bach lets voices cross.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.voices import Clash, crossings, not_doubled, parallels, voices
from segue.plugins.polish.accept import RULE
from segue.plugins.polish.context import queries_of
from segue.plugins.polish.harmony import Harmony
from segue.plugins.polish.infill import Infiller
from segue.plugins.polish.likelihood import Heard, Likelihood

MOST: Final = 100
"""Parallels of a piece that are looked at."""
REACH: Final = 7
"""Semitones that a note may go, to another tone of its chord."""
PER_SEMITONE: Final = 0.1
"""Nats that a semitone of movement costs: the smallest is best."""
AROUND: Final = 4.0
_SAME: Final = 0.02

Move = tuple[int, int, str]
"""Number of a note, its new pitch, the reason."""


def propose(
    piece: Piece,
    harmony: Harmony,
    heard: Heard,
    settled: NDArray[np.bool_],
    model: Likelihood,
    infiller: Infiller | None = None,
) -> Iterator[Move]:
    """Yield notes that are to get another pitch.

    Parameters
    ----------
    piece
        The piece, timing mended, slips put right.
    harmony
        Key and chord at each note.
    heard
        The piece before pitches were changed, ready to be weighed.
    settled : ndarray, shape (notes,)
        Notes that are left alone.
    model
        What weighs pieces.
    infiller
        What weighs pieces of four voices.
    """
    ordered = voices(piece.without_drums())
    if not ordered:
        return
    pitch, settled = piece.pitch.copy(), settled | piece.is_drum
    crossed = [(clash, _struck_pair(piece, clash)) for clash in crossings(piece.without_drums(), ordered)]
    pairs = [(clash, pair) for clash, pair in crossed if pair and not settled[list(pair)].any()]
    for clash, (upper, lower) in _not_meant(piece, _that_helps(piece, pairs, model), infiller):
        why = f"{clash.text} Each voice takes the other's note: both lines are likelier."
        yield upper, int(pitch[lower]), why
        yield lower, int(pitch[upper]), why
        pitch[[upper, lower]] = pitch[[lower, upper]]
        settled[[upper, lower]] = True
    pitched = replace(piece, pitch=pitch).without_drums()
    for clash in not_doubled(pitched, list(parallels(pitched, ordered)))[:MOST]:
        move = _revoiced(replace(piece, pitch=pitch), clash, ordered, harmony, heard, settled)
        if move:
            note, now = move
            names = harmony.name(note, int(pitch[note])), harmony.name(note, now)
            chord = f" of {harmony.chord_name(note)}" if harmony.chord_name(note) else ""
            yield note, now, f"{clash.text} {names[1]} instead of {names[0]} is the nearest other tone{chord}."
            pitch[note] = now
            settled[note] = True


def _struck_pair(piece: Piece, clash: Clash) -> tuple[int, int] | None:
    """Return the notes of the two voices at a crossing, if they begin and end together."""
    near = np.abs(piece.start - clash.begin) < _SAME
    found = [np.flatnonzero(near & (piece.track == track)).tolist() for track in (clash.upper, clash.lower)]
    if any(len(own) != 1 for own in found):
        return None
    upper, lower = found[0][0], found[1][0]
    return (upper, lower) if abs(piece.end[upper] - piece.end[lower]) < _SAME else None


def _that_helps(
    piece: Piece, pairs: Sequence[tuple[Clash, tuple[int, int]]], model: Likelihood
) -> list[tuple[Clash, tuple[int, int]]]:
    """Return the pairs whose exchange makes both notes together likelier, all exchanged at once."""
    if not pairs:
        return []
    pitch = piece.pitch.copy()
    for _, pair in pairs:
        pitch[list(pair)] = piece.pitch[list(pair[::-1])]
    before, after = (model.surprise(replace(piece, pitch=p)).pitch for p in (piece.pitch, pitch))
    return [(clash, pair) for clash, pair in pairs if after[list(pair)].sum() < before[list(pair)].sum()]


def _not_meant(
    piece: Piece, pairs: list[tuple[Clash, tuple[int, int]]], infiller: Infiller | None
) -> list[tuple[Clash, tuple[int, int]]]:
    """Return the pairs whose exchange makes four voices less unlikely than a broken rule costs; else all."""
    if infiller is None or not pairs:
        return pairs
    upper, lower = np.array([pair for _, pair in pairs]).T
    notes, pitch = np.r_[upper, lower], np.r_[piece.pitch[lower], piece.pitch[upper]]
    exchanged = replace(queries_of(piece, notes), pitch=pitch)
    nats = infiller.gains(piece.without_drums(), exchanged, np.tile(np.arange(len(pairs)), 2))
    return (
        pairs if nats is None else [pair for pair, gain in zip(pairs, nats[: len(pairs)], strict=True) if gain > -RULE]
    )


def _revoiced(
    piece: Piece, clash: Clash, ordered: Sequence[int], harmony: Harmony, heard: Heard, settled: NDArray[np.bool_]
) -> tuple[int, int] | None:
    """Return the note and pitch that mend parallels at the least cost, if any lowers it."""
    window = np.flatnonzero((piece.end > clash.begin - AROUND) & (piece.start < clash.end + AROUND) & ~piece.is_drum)
    before = _clashes(piece.select(window), ordered)
    if _key(clash) not in before[0]:
        return None  # mended by what was done before it
    inner = [track for track in (clash.lower, clash.upper) if track != ordered[0]]
    best: tuple[float, int, int] | None = None
    for note in window.tolist():
        struck = min(abs(piece.start[note] - clash.begin), abs(piece.start[note] - clash.end)) < _SAME
        if settled[note] or not struck or piece.track[note] not in inner:
            continue
        for now in _other_tones(piece, note, harmony):
            other = piece.pitch.copy()
            other[note] = now
            after = _clashes(replace(piece, pitch=other).select(window), ordered)
            if not (after[0] < before[0] and after[1] <= before[1]):
                continue
            was, would = heard.pitch(np.array([note, note]), np.array([piece.pitch[note], now]))
            cost = would - was + PER_SEMITONE * abs(now - piece.pitch[note]) - RULE * len(before[0] - after[0])
            if cost < 0 and (best is None or cost < best[0]):
                best = (float(cost), note, now)
    return best and best[1:]


def _clashes(piece: Piece, ordered: Sequence[int]) -> tuple[set[tuple[float, int, int]], set[tuple[float, int, int]]]:
    return {_key(c) for c in parallels(piece, ordered)}, {_key(c) for c in crossings(piece, ordered)}


def _key(clash: Clash) -> tuple[float, int, int]:
    return round(clash.begin, 2), clash.upper, clash.lower


def _other_tones(piece: Piece, note: int, harmony: Harmony) -> list[int]:
    """Return the chord's other tones near a note, where its own tone sounds elsewhere too or is the chord's fifth."""
    at = (piece.start <= piece.start[note] + _SAME) & (piece.end > piece.start[note] + _SAME) & ~piece.is_drum
    at[note] = False
    names = set((piece.pitch[at] % 12).tolist())
    own, fifth = int(piece.pitch[note]), harmony.fifth(note)
    if own % 12 not in names and own % 12 != fifth:
        return []
    near = np.r_[np.arange(own - REACH, own), np.arange(own + 1, own + REACH + 1)]
    near = near[(near >= 0) & (near <= 127) & ~np.isin(near, piece.pitch[at])]
    chord = harmony.select(np.full(len(near), note)).in_chord(near)
    return [int(pitch) for pitch in near[chord]]
