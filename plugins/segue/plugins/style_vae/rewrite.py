"""Rewrites a piece: asks the network for another accompaniment, chooses its notes, puts the piece together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, TrackInfo
from segue.plugins.style.basses import is_bass_program, within_reach
from segue.plugins.style.fitting import Part, beside, cleared, ended, frame_of
from segue.plugins.style_vae.artifacts import Artifacts, Habits
from segue.plugins.style_vae.attributes import INTENSITY, LOUDNESS, POLYPHONY, REGISTER, measure
from segue.plugins.style_vae.bars import PER_QUARTER, Floats, Ints
from segue.plugins.style_vae.candidates import WRITTEN, Candidates, Towards, gather, own_figures
from segue.plugins.style_vae.choose import Chosen, choose
from segue.plugins.style_vae.data import BASS_BELOW
from segue.plugins.style_vae.network import FIGURES, UNKNOWN
from segue.plugins.style_vae.source import Source

_FAITHFUL: Final = 8.0
"""What speaks for a note of the piece, as a logit, where sliders go all the way; nothing does for another style."""
_HOLD: Final = 5.0
"""What more speaks for it the less far the rewriting goes."""
_ROUNDS: Final = 16
_SOFTEST: Final = 0.05
_DEEPEST: Final = 36
"""Lowest pitch written below a tune that is alone."""


@dataclass(frozen=True)
class Wish:
    """What a piece is to become.

    Attributes
    ----------
    figures
        Figure (``attributes.INTENSITY`` ...) → quantile asked for, 0-1. What is not named stays as it is.
    style
        Name of a style that the version knows; empty keeps the piece's own.
    strength
        How far to go, 0-1.
    """

    figures: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    style: str = ""
    strength: float = 1.0


def rewrite(source: Source, made: Artifacts, wish: Wish) -> Piece:
    """Rewrite a piece.

    Parameters
    ----------
    source
        The piece, taken apart.
    made
        A trained version.
    wish
        What it is to become.
    """
    if not wish.strength or not (wish.figures or wish.style):
        return source.piece
    own = measure(source.piece, source.timeline)
    targets = _targets(own, made, wish)
    piece = source.piece
    if wish.style or any(figure != LOUDNESS for figure in wish.figures):
        offer = _offer(source, made, wish, own, targets)
        chosen = choose(source, offer, targets[INTENSITY], targets[POLYPHONY], targets[REGISTER])
        piece = assemble(source, offer, chosen, made.habits.get(wish.style), wish.strength)
    return louder(piece, targets[LOUDNESS]) if LOUDNESS in wish.figures else piece


def _targets(own: Floats, made: Artifacts, wish: Wish) -> Floats:
    """Return the value of each figure that is to be met."""
    asked = dict(wish.figures)
    if wish.style:
        usual = made.scale.to_quantiles(np.array(made.habits[wish.style].figures))
        asked = {figure: float(usual[figure]) for figure in range(FIGURES)} | asked
    now = made.scale.to_quantiles(own)
    found = own.copy()
    for figure, quantile in asked.items():
        between = now[figure] + wish.strength * (quantile - now[figure])
        value = made.scale.to_value(figure, between)
        if quantile == now[figure]:
            continue
        found[figure] = max(value, own[figure]) if quantile > now[figure] else min(value, own[figure])
    return found


def _offer(source: Source, made: Artifacts, wish: Wish, own: Floats, targets: Floats) -> Candidates:
    """Ask the network: each block is to change as far as the whole does, so that loud and quiet parts stay so."""
    moved = (made.scale.to_quantiles(targets) - made.scale.to_quantiles(own))[:FIGURES]
    figures = np.clip(own_figures(source, made.block_scale) + moved, 0, 1)
    style, towards = UNKNOWN, None
    if wish.style:
        row = made.styles.index(wish.style)
        style, towards = row + 1, Towards(made.latents[row], wish.strength)
    bonus = (0.0 if wish.style else _FAITHFUL) + _HOLD * (1 / wish.strength - 1)
    offer = gather(source, made.network, figures, style, bonus, towards)
    if not len(source.notes) and not source.melody.any():
        return offer.select(np.zeros(len(offer), bool))
    stays = source.sounding[offer.block]
    if wish.style and not len(source.notes):  # nothing says where an accompaniment lies: below the tune that is alone
        stays &= (offer.pitch >= _DEEPEST) & (offer.pitch < np.median(source.piece.pitch[source.melody]))
    return offer.select(stays)


def assemble(source: Source, offer: Candidates, chosen: Chosen, habits: Habits | None, strength: float) -> Piece:
    """Put melody, drums and the chosen notes together; a note of the piece keeps its time, loudness and instrument."""
    piece, rows = source.piece, chosen.rows
    note, length = offer.note[rows], chosen.length
    own = note != WRITTEN
    late = source.late if habits is None else source.late + strength * (np.array(habits.late) - source.late)
    quarter = source.timeline.start[offer.block[rows]] + offer.slot[rows] / PER_QUARTER
    start = source.timeline.to_beats(quarter + late[offer.slot[rows] % PER_QUARTER])
    end = source.timeline.to_beats(quarter + late[offer.slot[rows] % PER_QUARTER] + length / PER_QUARTER)
    start, duration = np.maximum(start, 0.0), np.maximum(end - start, 0.02)
    start[own] = piece.start[note[own]]
    kept = own & np.isclose(length, offer.length[rows])
    duration[own] = piece.duration[note[own]] * (length / offer.length[rows])[own]
    duration[kept] = piece.duration[note[kept]]
    pitch = offer.pitch[rows]
    if habits is not None and is_bass_program(habits.low):
        pitch = np.where(note == WRITTEN, within_reach(pitch), pitch)
    track, tracks = _tracks(source, pitch, note, quarter, habits)
    velocity = np.rint(offer.velocity[rows]).astype(np.int64)
    part, track = _fit(source, Part(start, duration, pitch, velocity), track, own)
    stays = np.r_[np.flatnonzero(source.melody), chosen.drums]
    columns = {**part._asdict(), "track": track}
    both = {name: np.r_[getattr(piece, name)[stays], column] for name, column in columns.items()}
    return replace(piece, tracks=tracks).with_notes(**both)


def _fit(source: Source, part: Part, track: Ints, own: NDArray[np.bool_]) -> tuple[Part, Ints]:
    """Fit an accompaniment to the piece, track by track: those notes of it that were its own keep their places."""
    piece, timeline = source.piece, source.timeline
    bars = np.r_[timeline.start, timeline.start[-1] + timeline.slots[-1] / PER_QUARTER]
    frame = frame_of(piece, source.melody, timeline.to_beats(bars))
    found, numbers = [], []
    for number in np.unique(track).tolist():
        here, tune = track == number, piece.select(source.melody & (piece.track == number))
        new, old = ended(frame, part.select(here & ~own)), part.select(here & own)
        old = old._replace(duration=np.minimum(old.duration, np.maximum(frame.end, piece.beats) - old.start))
        both = cleared(Part(*(np.r_[one, other] for one, other in zip(old, new, strict=True))))
        both = beside(both, Part(tune.start, tune.duration, tune.pitch, tune.velocity))
        found.append(both)
        numbers.append(np.full(len(both.start), number))
    if not found:
        return part, track
    return Part(*(np.concatenate(column) for column in zip(*found, strict=True))), np.concatenate(numbers)


def _tracks(
    source: Source, pitch: Ints, note: Ints, quarter: NDArray[np.float64], habits: Habits | None
) -> tuple[Ints, tuple[TrackInfo, ...]]:
    """Return the track of each chosen note, and all tracks.

    A note of the piece stays in its own. A new one goes to the accompaniment's track whose pitches are nearest, or, in
    another style, to one of two new tracks with the instruments of that style: of low notes that begin together, at a
    quarter, the lowest is the bass's.
    """
    piece = source.piece
    found = np.where(note == WRITTEN, -1, piece.track[np.maximum(note, 0)])
    new = note == WRITTEN
    if not new.any():
        return found, piece.tracks
    first = len(piece.tracks)
    below = piece.track[source.accompaniment]
    used = np.unique(below)
    if habits is not None:
        bass = TrackInfo("Bass", habits.low)
        low = (pitch < BASS_BELOW) & new
        order = np.flatnonzero(low)[np.lexsort((pitch[low], quarter[low]))]
        found[new] = first + 1
        found[order[np.unique(quarter[order], return_index=True)[1]]] = first
        return found, (*piece.tracks, bass, TrackInfo("Chords", habits.high))
    if not len(used):
        found[new] = first
        return found, (*piece.tracks, TrackInfo("Accompaniment"))
    middle = np.array([np.median(piece.pitch[source.accompaniment][below == track]) for track in used])
    found[new] = used[np.abs(pitch[new][:, None] - middle).argmin(1)]
    written = set(found[new].tolist())
    tracks = (info.for_other_notes() if index in written else info for index, info in enumerate(piece.tracks))
    return found, tuple(tracks)


def louder(piece: Piece, wanted: float) -> Piece:
    """Bend all velocities by one power, so that their mean is as wanted, 1-127, and their order stays."""
    share = piece.velocity / 127
    low, high = _SOFTEST, 1 / _SOFTEST
    for _ in range(_ROUNDS):
        power = np.sqrt(low * high)
        if np.mean(127 * share**power) > wanted:
            low = power
        else:
            high = power
    return piece.with_notes(velocity=np.clip(np.rint(127 * share**high), 1, 127).astype(np.int64))
