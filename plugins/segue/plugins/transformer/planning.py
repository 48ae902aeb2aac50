"""The rules of a piece: what is free and what is given in each bar, and which pitches are likely there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.chord_symbols import AskedChord
from segue.plugins.transformer.elements import (
    BAR,
    FIELD_SIZES,
    METRES,
    PITCH,
    PLACE,
    Elements,
    bar_steps,
    encode,
)
from segue.plugins.transformer.ensemble import Ensemble, playable
from segue.plugins.transformer.form import Section, ends_in_cadence, intro_bars, sources
from segue.plugins.transformer.given import Given
from segue.plugins.transformer.grammar import Rules
from segue.plugins.transformer.harmony import cadence, drawn_harmony, to_harmony
from segue.v1 import generate_pb2

_LOW: Final = 52
_KEY_STATED, _KEY_CHOSEN = (-3.0, 0.4), (-1.0, 0.0)
"""Added to the scores of notes outside the key, and of those of its tonic chord, in nats."""


@dataclass(frozen=True)
class Frame:
    """What is settled before a note is composed.

    Attributes
    ----------
    bars, metre, minor, shift
        Bars, index in ``METRES``, mode, and semitones by which the piece is moved to have C as its tonic.
    chords
        Those that are asked for.
    sections
        The form that is asked for.
    drawn
        Chords that were drawn for the piece, two a bar, shape (bars, 2); None if none were.
    in_voices
        Whether each instrument is one voice of a chorale.
    """

    bars: int
    metre: int
    minor: bool
    shift: int
    chords: tuple[AskedChord, ...] = ()
    sections: tuple[Section, ...] = ()
    drawn: NDArray[np.int64] | None = None
    in_voices: bool = False


def plan_rules(
    request: generate_pb2.GenerateRequest, given: Given | None, ensemble: Ensemble, frame: Frame
) -> tuple[Rules, Piece]:
    """Return the rules of the piece, and the given notes that it keeps."""
    programs, is_drum, bars, steps = ensemble.programs, ensemble.drums, frame.bars, bar_steps(METRES[frame.metre])
    drums = np.array(is_drum)
    pitches = np.stack([playable(p, d, frame.shift, request.finish) for p, d in zip(programs, is_drum, strict=True)])
    free, kept = np.ones((bars, len(programs)), bool), Piece.of([], [], [])
    parts: tuple[Elements, ...] = ()
    if given is not None and given.role != "REFERENCE":
        free, parts, kept = _kept(given, bars, is_drum, frame.shift)
    closing = pitches.copy()
    if free[-1].all() and (free[0].all() or not free[0].any()):
        closing[~drums] &= _tonic_chord(frame.minor, frame.shift)
    intro = intro_bars(frame.sections, bars)
    if ensemble.lead and np.count_nonzero(~drums) > 1 and frame.sections:
        free[intro, 0] = False
    harmony = to_harmony(frame.chords, bars, steps, frame.shift) if frame.chords else None
    if frame.drawn is not None:
        harmony = drawn_harmony(frame.drawn, METRES[frame.metre])
    if harmony is None and bars > 1:
        if ends_in_cadence(frame.sections):
            harmony = cadence(bars, steps, asked=True)
        elif frame.in_voices and free[-2:].all():
            harmony = cadence(bars, steps, asked=False)
    rules = Rules(
        bars, steps, drums, pitches, closing, _leaning(frame.minor, stated=request.HasField("key")), free, parts,
        harmony, sources(frame.sections, bars), intro, frame.in_voices,
    )  # fmt: skip
    return rules, kept


def _leaning(minor: bool, stated: bool) -> NDArray[np.float64]:
    """Return what is added to the scores of pitches; more where the caller states the key."""
    chord, scale = ((0, 3, 7), (0, 2, 3, 5, 7, 8, 10, 11)) if minor else ((0, 4, 7), (0, 2, 4, 5, 7, 9, 11))
    pitch = np.arange(FIELD_SIZES[PITCH]) - 1
    is_note = (pitch >= 0) & (pitch < 128)
    outside, inside = _KEY_STATED if stated else _KEY_CHOSEN
    added = np.where(np.isin(pitch % 12, scale), 0.0, outside) + inside * np.isin(pitch % 12, chord)
    return np.where(is_note, added, 0.0)


def _tonic_chord(minor: bool, shift: int) -> NDArray[np.bool_]:
    """Return the tokens of the tonic chord; low ones are of its root."""
    pitch = np.arange(FIELD_SIZES[PITCH]) - 1
    chord = np.isin(pitch % 12, (0, 3 if minor else 4, 7)) & (pitch >= 0) & (pitch < 128)
    return np.asarray(chord & ((pitch % 12 == 0) | (pitch - shift >= _LOW)))


def _kept(
    given: Given, bars: int, drums: tuple[bool, ...], shift: int
) -> tuple[NDArray[np.bool_], tuple[Elements, ...], Piece]:
    """Return what is free, the given elements of each bar, and the given notes that stay."""
    song, free = given.song, np.ones((bars, len(drums)), bool)
    elements = encode(song.notes, np.array(song.drums), shift, song.bars)
    lines = np.flatnonzero(elements[:, PLACE] == BAR)
    own = [elements[a + 1 : b] for a, b in pairwise(lines)]
    empty = np.zeros((0, 5), np.int64)
    if given.role == "INFILL":
        free = given.to_compose
        own = [part[~free[bar, part[:, 1] - 1]] for bar, part in enumerate(own)]
        at = np.minimum((given.notes.start / METRES[song.metre].bar_beats + 1e-6).astype(np.int64), bars - 1)
        return free, tuple(own), given.notes.select(~free[at, given.notes.track])
    if given.role == "OPENING":
        free[: song.bars] = False
        return free, (*own, *[empty] * (bars - song.bars)), given.notes
    free[: song.bars, 0] = False
    parts, kept = [*own, *[empty] * (bars - song.bars)], given.notes
    again = -(-bars // 2) if given.role == "MOTIF" else bars
    if again >= song.bars and again + song.bars <= bars:
        free[again : again + song.bars, 0] = False
        parts[again : again + song.bars] = own
        later = kept.start + again * METRES[song.metre].bar_beats
        kept = Piece.of(
            *(np.concatenate([getattr(kept, n), later if n == "start" else getattr(kept, n)])
              for n in ("start", "duration", "pitch", "velocity", "track")),
            tracks=kept.tracks,
        )  # fmt: skip
    return free, tuple(parts), kept
