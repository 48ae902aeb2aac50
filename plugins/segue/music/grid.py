"""Where the beats and bars of a piece are: from the file where it can be trusted, else from the notes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music.beats import track_beats
from segue.music.kit import KICKS, SNARES
from segue.music.melody import is_one_voice
from segue.music.meter import BarFinder, Bars, accented_bars, dotted_beat, dotted_phase, emphasis, seven_bars
from segue.music.piece import Meter, Piece

_NEAR: Final = 0.06
_CLEAR: Final = 0.3
_WRITTEN: Final = 0.9
"""Regularity in the twelfth of a beat that nobody plays."""
UNRELATED: Final = 0.12
"""Confidence under which the notes have nothing to do with the file's beats."""
_CHANCE: Final = 2.0
"""How many times the mean square of chance's regularity counts as none."""
_ENOUGH_NOTES: Final = 24
_MOST_ADDED: Final = 5000
_DOTTED: Final = 1.5
# Fitted (conditional logistic regression over the places in a beat) to charts with and without drums and tune, human
# drums alone and over charts, free lead sheets and songs, none of them test pieces, and rounded.
_LASTING: Final = 1.5  # fitted 1.0; with more, no song whose file states bars keeps a beat that is not its own
"""What long and low notes say in a piece of 32 beats: nats for each nat of their share; more in longer pieces."""
_PIECE: Final = 32.0
_KICK, _SNARE, _OTHER = 6.0, 4.5, 4.0
"""What it says, in nats, if all kicks, snares and other drums begin in one place."""
_FEW: Final = 8.0
# Chosen on the same pieces, moved or not, and on songs whose files state bars that may be wrong.
_FILE, _STATED = 1.0, 2.0
"""What speaks for the file's own beat, in nats, and for one that is counted from bars that are stated."""


@dataclass(frozen=True)
class Grid:
    """Beats and bars.

    Attributes
    ----------
    beats : ndarray, shape (n,)
        Where what is counted falls, in quarter notes of the file, ascending: from at or before the first note to at
        or after the end of the last; n is at least 2.
    divisions : ndarray of int, shape (n - 1,)
        Cells from each beat to the next: 2, 3 in compound time, 4 where half notes are counted.
    downbeats : ndarray of int
        Indices of the beats that begin a bar.
    meters
        Time signatures in force.
    pickup
        Quarter notes from the beginning of the piece, or the beat in which its first note lies, to the first downbeat;
        of beats that were found in the notes, as the metre counts them.
    confidence
        Share of the onsets' regularity that the beats explain, 0-1.
    bar_confidence
        How sure the bars are, 0-1; 1 if they are the file's own.
    stated
        True if the bars are the file's own.
    """

    beats: NDArray[np.float64]
    divisions: NDArray[np.int64]
    downbeats: NDArray[np.int64]
    meters: tuple[Meter, ...]
    pickup: float
    confidence: float
    bar_confidence: float
    stated: bool


def find_grid(piece: Piece, find_bars: BarFinder = accented_bars, *, dotted: bool = True) -> Grid:
    """Find the beats and bars of a piece.

    The file's beats are taken as they are if the notes lie on them, and shifted if the notes lie beside them by a
    constant part of a beat; where the notes have nothing to do with them, beats are found in the notes. The file's
    bars are taken if its beats are and it states a metre other than 1/4, which sequencers write for want of one; else
    what comes back after seven eighths is in 7/8, and ``find_bars`` finds other bars: from the accents, or by a
    trained model; of bars of three quarters the accents say whether they are of 3/4 or of 6/8, and of a piece of one
    voice what comes back says whether it is in dotted quarters. Beats are counted from the bars that are stated, as an
    upbeat may be of half a beat, and more must speak for other beats than against those of a file that states none.

    Without ``dotted``, what is not stated is counted in quarters even if it may be in 6/8 or 9/8.
    """
    stated = any(meter.numerator > 1 for meter in piece.meters)
    shift, confidence = _phase(piece, stated)
    if confidence < UNRELATED and len(piece) >= _ENOUGH_NOTES:
        tracked = tracked_beats(piece)
        if len(tracked) > 1:
            bars = find_bars(piece, tracked, False)
            usual = int(np.bincount(bars.lengths).argmax())
            # The file's quarters are not these beats, so changes of metre would be at the wrong places of them.
            found = _found_grid(bars, tracked, confidence)
            return replace(found, meters=(Meter(0.0, usual, 4),), pickup=float(bars.downbeats[0]))
    if shift == 0 and stated:
        return _stated_grid(piece, confidence)
    beats = np.arange(np.floor(piece.start.min() - shift + _NEAR), np.ceil(piece.beats - shift - 1e-6) + 1) + shift
    eighths = np.arange(2 * len(beats) - 1) / 2 + beats[0]  # if the notes are on them; else four beats may last as long
    if confidence > _CLEAR and (sevens := seven_bars(piece, eighths)) is not None:
        return replace(_found_grid(sevens, eighths, confidence), meters=(Meter(0.0, 7, 8),))
    bars = find_bars(piece, beats, True)
    found = _found_grid(bars, beats, confidence)
    if not dotted:
        return found
    alone = confidence > _CLEAR and len(piece) >= _ENOUGH_NOTES and is_one_voice(piece)
    if alone:
        first = dotted_beat(piece, eighths)
    else:
        first = dotted_phase(piece, beats[bars.downbeats]) if (bars.lengths == 3).all() else None
    return found if first is None else _dotted_grid(found, first, piece, find_bars, begins_bar=not alone)


def tracked_beats(piece: Piece) -> NDArray[np.float64]:
    """Find beats in the notes, in quarter notes of the file, that cover them all; none if nothing is regular."""
    return _cover(piece, piece.seconds_to_beats(track_beats(piece)))


def _found_grid(bars: Bars, beats: NDArray[np.float64], confidence: float) -> Grid:
    """Lay out bars that were found over beats."""
    downbeats, lengths = bars.downbeats, bars.lengths.tolist()
    changes = [row for row in range(1, len(lengths)) if lengths[row] != lengths[row - 1]]
    meters = (Meter(0.0, lengths[0], 4), *(Meter(float(beats[downbeats[row]]), lengths[row], 4) for row in changes))
    return Grid(
        beats,
        np.full(len(beats) - 1, 2),
        downbeats,
        meters,
        _upbeat(beats, downbeats),
        confidence,
        bars.strength,
        False,
    )


def _dotted_grid(grid: Grid, first: float, piece: Piece, find_bars: BarFinder, *, begins_bar: bool) -> Grid:
    """Count in dotted quarters what was heard in quarters: two make a bar of 6/8, or three one of 9/8.

    One of them begins at ``first``, and with it a bar, or else the bars are heard anew.
    """
    before, after = (int(np.ceil(abs(end - first) / _DOTTED - 1e-6)) for end in (grid.beats[0], grid.beats[-1]))
    beats = first + _DOTTED * np.arange(-before, after + 1)
    bars = find_bars(piece, beats, True)
    nine = (bars.lengths == 3).all()
    upbeat = before % 2 if begins_bar else int(np.bincount(bars.downbeats % 2).argmax())
    downbeats = bars.downbeats if nine else np.arange(upbeat, len(beats), 2)
    return replace(
        grid,
        beats=beats,
        divisions=np.full(len(beats) - 1, 3),
        downbeats=downbeats,
        meters=(Meter(0.0, 9 if nine else 6, 8),),
        pickup=_upbeat(beats, downbeats),
        bar_confidence=grid.bar_confidence if begins_bar and not nine else bars.strength,
    )


def _upbeat(beats: NDArray[np.float64], downbeats: NDArray[np.int64]) -> float:
    """Return the quarter notes before the first downbeat, both counted from where the piece begins."""
    after = np.round(beats[downbeats] - max(beats[0], 0.0), 6)
    return float(after[after >= 0][0]) if after[-1] >= 0 else 0.0


def _cover(piece: Piece, beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Go on with tracked beats, by the nearest distance between them, until they cover all notes."""
    if len(beats) < 2:
        return np.zeros(0)
    first, last = beats[1] - beats[0], beats[-1] - beats[-2]
    before = np.arange(np.ceil((beats[0] - piece.start.min()) / first), 0, -1)
    after = np.arange(1, np.ceil((piece.beats - beats[-1]) / last) + 1)
    if len(before) + len(after) > _MOST_ADDED:
        return np.zeros(0)
    return np.concatenate([beats[0] - before * first, beats, beats[-1] + after * last])


def _phase(piece: Piece, stated: bool) -> tuple[float, float]:
    """Return how far the beats lie behind the file's, in quarter notes (0 if at all near), and how sure that is.

    The onsets' mean phase in the sixteenth (in the twelfth of a beat, where there are many triplets) says how the
    notes lie beside the file's grid, and what begins in each of its places which of them is the beat. It is near if it
    lies beside the file's no farther than notes scatter. It is sure by the length of the mean phase, less what as many
    moments may have by chance.
    """
    start = piece.start - piece.bar_starts[piece.bar_of(piece.start) - 1] if stated else piece.start
    turns = {parts: complex(np.exp(2j * np.pi * parts * start).mean()) for parts in (4, 12)}
    parts = 4 if abs(turns[4]) >= min(abs(turns[12]), _CLEAR) else 12
    length, offset = abs(turns[parts]), float(np.angle(turns[parts])) / (2 * np.pi * parts)
    places = (offset + np.arange(parts) / parts + 0.5) % 1 - 0.5
    begins = np.abs((start[:, None] - places + 0.5) % 1 - 0.5) < min(_NEAR, 0.5 / parts)
    scatter = np.sqrt(-2 * np.log(np.clip(length, 1e-9, 1))) / (2 * np.pi * parts)  # of a wrapped normal distribution
    near = np.abs(places) < max(_NEAR, min(scatter, 0.5 / parts))
    best = int((_support(piece, begins) + (_STATED if stated else _FILE) * near).argmax())
    if abs(turns[12]) > _WRITTEN:  # triplets and sixteenths, of which the ones cancel the others in the sixteenth
        length = max(length, abs(turns[12]))
    moments = len(np.unique(np.round(start, 2)))
    confidence = np.sqrt(max((moments * length**2 - _CHANCE) / (moments - _CHANCE), 0)) if moments > _CHANCE else length
    return 0.0 if near[best] else float(places[best]), float(confidence)


def _support(piece: Piece, begins: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what speaks for a beat in each place, in nats, shape (places,): long and low notes, and loud drums.

    Parameters
    ----------
    begins : ndarray of bool, shape (notes, places)
        Whether each note begins there.
    """
    few = _FEW / begins.shape[1]
    drums, pitch = piece.is_drum, piece.pitch
    support = _LASTING * np.log2(1 + piece.beats / _PIECE) * np.log(emphasis(piece) @ begins + few)
    loud = piece.velocity.astype(np.float64) ** 2 / 64**2 * drums
    kick, snare = np.isin(pitch, KICKS), np.isin(pitch, SNARES)
    for says, kit in ((_KICK, kick), (_SNARE, snare), (_OTHER, ~(kick | snare))):
        struck = (loud * kit) @ begins + few
        support += says * struck / struck.sum()
    return np.asarray(support)


def _stated_grid(piece: Piece, confidence: float) -> Grid:
    """Lay out the file's own beats, counted as its metres count."""
    bars = piece.bar_starts
    meters = piece.meter_at(bars)
    last = bars[-1] + meters[-1].bar_beats
    pulse = np.array([meter.pulse_beats for meter in meters])
    length = np.diff(np.r_[bars, last])
    counts = np.maximum(np.ceil(length / pulse - 1e-6).astype(np.int64), 1)
    downbeats = np.r_[0, np.cumsum(counts)[:-1]]
    within = np.arange(counts.sum()) - np.repeat(downbeats, counts)
    beats = np.r_[np.repeat(bars, counts) + within * np.repeat(pulse, counts), last]
    compound = np.array([meter.pulse_beats * meter.denominator / 4 == 3 for meter in meters])
    division = np.where(compound, 3, np.maximum(np.rint(pulse / 0.5), 2).astype(np.int64))
    short_first = len(bars) > 1 and length[0] < meters[1].bar_beats - 1e-6
    return Grid(
        beats,
        np.repeat(division, counts),
        downbeats[1:] if short_first else downbeats,
        piece.meter_map,
        float(length[0]) if short_first else 0.0,
        confidence,
        1.0,
        True,
    )
