"""A piece of any metre as bars of 4/4 for the network, and notes of such bars back in the piece's own time.

A bar of fewer than four beats takes as many beats of a pattern, from its beginning; a pickup takes the last ones. A
longer bar is made of two or more: 3 + 2, 3 + 3, 4 + 3. In compound metres a beat is the dotted value, and patterns
swing into triplets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.theory import QUALITY_NAMES, chord_in_key, chord_pitch_classes
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style_seq.content import HALVES, Content, line, liveliness, settle, sounding
from segue.plugins.style_seq.elements import BEATS, FIRST_NUDGE, FIRST_PLACE, NUDGE_PARTS, PLACE_STEPS, PLACES_OF_BEAT
from segue.plugins.transformer.elements import LENGTHS, VELOCITIES

_NEAR: Final = 1e-6
_TRIPLETS: Final = np.array([0, 4, 4, 8, 8, 10])
"""Twelfths of a beat to which the places of a beat are moved in compound metres."""
_RINGS: Final = 0.5
"""Quarter notes that a note may ring into a bar without making it sound."""
_USUAL, _HOME = 0.7, 1.0
"""Weights of how usual a triad is in the key, and of the tonic in the first and last bar, in beats of melody held."""
_UNEVEN: Final = 1.5
"""How many more notes the fuller bars must have for liveliness to be told."""


@dataclass(frozen=True)
class Frames:
    """Bars of 4/4 that a piece is laid out in.

    Attributes
    ----------
    start, scale : ndarray, shape (frames,)
        Quarter notes of the piece at which each begins, and quarter notes in one of its beats.
    first, beats : ndarray, shape (frames,)
        The first beat of the four that is used, and how many are.
    compound : ndarray of bool, shape (frames,)
        Whether beats are divided in three.
    bar : ndarray of int, shape (frames,)
        Number of the piece's bar, from 0.
    """

    start: NDArray[np.float64]
    scale: NDArray[np.float64]
    first: NDArray[np.float64]
    beats: NDArray[np.float64]
    compound: NDArray[np.bool_]
    bar: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> NDArray[np.float64]:
        """Quarter notes at which each is over."""
        return self.start + self.beats * self.scale

    def to_straight(self, beats: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where moments of the piece lie if every frame is four beats long."""
        origin = np.arange(len(self)) * BEATS + self.first
        at = np.stack([self.start, np.maximum(self.end - _NEAR, self.start)], 1).reshape(-1)
        straight = np.stack([origin, origin + self.beats], 1).reshape(-1)
        return np.asarray(np.interp(beats, at, straight))

    def to_piece(self, frame: NDArray[np.int64], beat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the quarter notes at which beats of frames fall; what comes after a frame goes on in the next."""
        inside = np.minimum(beat - self.first[frame], self.beats[frame])
        beyond = np.maximum(beat - BEATS, 0.0)
        return np.asarray(self.start[frame] + (inside + beyond) * self.scale[frame])


def frames_of(piece: Piece, bars: NDArray[np.float64]) -> Frames:
    """Lay out a piece; ``bars`` are the edges of its bars, in quarter notes."""
    rows = []
    for number, (at, end, meter) in enumerate(zip(bars[:-1], bars[1:], piece.meter_at(bars[:-1]), strict=True)):
        compound = meter.pulse_beats * meter.denominator == 12 and abs((end - at) / meter.pulse_beats % 1) < 0.01
        scale = meter.pulse_beats if compound else 1.0
        beats = max((end - at) / scale, 0.05)
        pickup = number == 0 and len(bars) > 2 and end - at < (bars[2] - bars[1]) * 0.99
        for size in _sizes(beats):
            first = BEATS - size if pickup and beats <= BEATS else 0.0
            rows.append((at, scale, first, size, compound, number))
            at += size * scale
    columns = np.array(rows).T
    start, scale, first, beats = columns[:4]
    return Frames(start, scale, first, beats, columns[4] > 0, columns[5].astype(np.int64))


def _sizes(beats: float) -> list[float]:
    """Share out the beats of a bar: at most four each, the longer first."""
    count = int(np.ceil(beats / BEATS - _NEAR))
    sizes, left = [], beats
    for remaining in range(count, 1, -1):
        sizes.append(min(float(np.ceil(left / remaining - _NEAR)), float(BEATS)))
        left -= sizes[-1]
    return [*sizes, left]


def read_content(arrangement: Arrangement, frames: Frames) -> Content:
    """Read the content of every frame: chords, melody, and what the accompaniment sounds."""
    piece = arrangement.piece
    bars = len(frames)
    frame = np.repeat(np.arange(bars), HALVES)
    beat = np.tile((np.arange(HALVES) + 0.5) / 2, bars)
    inside = np.clip(beat, frames.first[frame], frames.first[frame] + frames.beats[frame] - 0.25)
    chord = arrangement.chord_at(frames.to_piece(frame, inside))
    if (chord[:, 1] < 0).all() and arrangement.melody.any():
        chord = np.repeat(harmonise(arrangement, frames), HALVES, axis=0)
    heard = np.flatnonzero(chord[:, 1] >= 0)
    if len(heard):  # a bar in which no chord was heard goes on with the one before it
        chord = chord[heard[np.maximum(np.searchsorted(heard, np.arange(len(chord)), side="right") - 1, 0)]]
    else:  # drums alone: their patterns follow no chord, but where there is none the network has learnt to be silent
        chord = np.zeros_like(chord)
    index = chord[:, 1] * 12 + chord[:, 0]
    tune, band = piece.select(arrangement.melody), piece.select(arrangement.accompaniment)
    tune_at, band_at = (
        (frames.to_straight(notes.start), frames.to_straight(notes.end), notes.pitch) for notes in (tune, band)
    )
    notes = piece.select(~arrangement.melody)
    number = np.clip(np.searchsorted(frames.start, notes.start + _NEAR, side="right") - 1, 0, bars - 1)
    count = np.percentile(np.bincount(number, minlength=bars), (25, 75))
    lively = liveliness(number, bars) if count[1] >= _UNEVEN * max(count[0], 1) else np.zeros(bars, np.int64)
    return Content(
        **settle(index, chord[:, 2], bars),
        melody=line(*tune_at, bars),
        chroma=sounding(*band_at, bars),
        lively=lively,
    )


def harmonise(arrangement: Arrangement, frames: Frames) -> NDArray[np.int64]:
    """Guess a triad for each frame under a melody that is alone: one that holds its notes and is usual in the key.

    Returns
    -------
    ndarray, shape (frames, 3)
        Root, quality and bass.
    """
    tune = arrangement.piece.select(arrangement.melody)
    number = np.clip(np.searchsorted(frames.start, tune.start + _NEAR, side="right") - 1, 0, len(frames) - 1)
    classes = np.zeros((len(frames), 12))
    np.add.at(classes, (number, tune.pitch % 12), np.minimum(tune.duration, 4.0))
    triads = [QUALITY_NAMES.index(name) * 12 + root for name in ("maj", "min") for root in range(12)]
    holds = np.array([np.isin(np.arange(12), chord_pitch_classes(chord)) for chord in triads], float)
    usual = chord_in_key()[arrangement.tonic + 12 * arrangement.minor, triads]
    score = classes @ (2 * holds - 1).T + _USUAL * usual
    score[[0, -1], arrangement.tonic + 12 * arrangement.minor] += _HOME
    chosen = np.array(triads)[score.argmax(1)]
    return np.stack([chosen % 12, chosen // 12, chosen % 12], 1)


def silent_frames(arrangement: Arrangement, frames: Frames) -> NDArray[np.bool_]:
    """Say which frames stay without accompaniment: those where the piece has none, if it has any elsewhere."""
    piece = arrangement.piece
    accompanied = ~arrangement.melody
    notes = piece.select(accompanied if accompanied.any() else np.ones(len(piece), bool))
    silent = np.ones(len(frames), bool)
    first = np.searchsorted(frames.end, notes.start + 0.05, side="right")
    last = np.searchsorted(frames.start, notes.end - _RINGS, side="left")
    for a, b in zip(first.tolist(), np.maximum(last, first + 1).tolist(), strict=True):
        silent[a:b] = False
    return silent


def to_notes(
    rows: NDArray[np.int64], frames: Frames, pitch: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return start, duration, pitch and velocity of notes in the piece's time; what lies in no used beat is left out.

    Parameters
    ----------
    rows
        Frame and fields of notes, as ``elements.to_rows`` writes them.
    pitch
        MIDI pitch of each.
    """
    frame, place = rows[:, 0], rows[:, 1] - FIRST_PLACE
    swung = place // len(PLACES_OF_BEAT) + _TRIPLETS[place % len(PLACES_OF_BEAT)] / 12
    beat = np.where(frames.compound[frame], swung, PLACE_STEPS[place] / 12)
    used = (beat >= frames.first[frame] - _NEAR) & (beat < frames.first[frame] + frames.beats[frame] - _NEAR)
    start = frames.to_piece(frame, beat) + (rows[:, 5] - 1 + FIRST_NUDGE) / NUDGE_PARTS
    end = frames.to_piece(frame, beat + LENGTHS[rows[:, 3] - 1] / 12)
    same = np.unique(np.stack([frame, np.rint(48 * beat).astype(np.int64), pitch], 1), axis=0, return_index=True)[1]
    kept = np.zeros(len(rows), bool)
    kept[same] = True
    kept &= used
    start = np.maximum(start, 0.0)
    return start[kept], np.maximum(end - start, 0.05)[kept], pitch[kept], VELOCITIES[rows[:, 4] - 1][kept]
