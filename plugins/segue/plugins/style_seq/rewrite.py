"""A piece with another accompaniment: composed, and put in place of the old one as far as the strength says.

The accompaniment falls into cells: chords, drums and bass, each in stretches of two bars. At strength 1 all are
replaced, at 0 none; between, they are in this order - chords, then drums, then bass, each from the beginning of the
piece - so that what one strength replaces a greater one does too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, TrackInfo
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style.fitting import Part, fitted, frame_of
from segue.plugins.style_seq.arrange import Frames, frames_of, read_content, silent_frames, to_notes
from segue.plugins.style_seq.artifacts import Role
from segue.plugins.style_seq.composer import Composer, Plan, Player
from segue.plugins.style_seq.content import Content
from segue.plugins.style_seq.elements import (
    FIRST_DRUM,
    LOWEST,
    PITCH,
    PITCHES,
    fold,
    half_beat,
    root_pitch,
)
from segue.plugins.style_seq.ensemble import SUNG, Ensemble, bass_of, is_bass
from segue.plugins.style_seq.playing import in_hand
from segue.plugins.style_seq.room import leave_room
from segue.plugins.style_seq.source_cycle import listen_for_cycle

BLOCK: Final = 2
"""Bars of a cell."""
DRUMS, BASS, CHORDS, MELODY = range(4)
_WEIGHTS: Final = {CHORDS: 0.7, DRUMS: 0.1, BASS: 0.2}
"""Shares of the strength that replacing all of a kind takes, in the order in which they are replaced.

Chosen on validation charts, where the style that is heard then grows most evenly; drums first would be the most sudden.
"""
_TOP_P: Final = 0.97
_LONG: Final = 256
"""Bars beyond which a piece is long."""
_SHORTEST: Final = 0.05
_BEHIND: Final = 0.85
"""Loudness of chords in the mean, as a share of the tune's, at most."""
_LEAD_FROM: Final = 0.5
"""Strength from which the melody changes its instrument."""


@dataclass(frozen=True)
class Manner:
    """How a piece is rewritten.

    Attributes
    ----------
    strength
        0-1.
    temperature, drafts, seed
        As in ``composer.Plan``; a long piece gets one draft.
    """

    strength: float
    temperature: float
    drafts: int
    seed: int

    def plan(self, content: Content, silent: NDArray[np.bool_], players: tuple[Player, ...], cycle: int) -> Plan:
        """Return what is to be composed."""
        drafts = self.drafts if len(content) <= _LONG else 1
        return Plan(content, silent, players, self.temperature, _TOP_P, self.seed, cycle, drafts)


@dataclass(frozen=True)
class Rewritten:
    """What came of it.

    Attributes
    ----------
    piece
        The new piece.
    replaced
        Share of the cells that were replaced, by kind: drums, bass, chords.
    """

    piece: Piece
    replaced: tuple[float, float, float]


def rewrite(
    arrangement: Arrangement, ensemble: Ensemble, composer: Composer, manner: Manner
) -> Iterator[float | Rewritten]:
    """Yield the share that is done now and then, and at last the new piece."""
    frames = frames_of(arrangement.piece, arrangement.bars)
    content = read_content(arrangement, frames)
    silent = silent_frames(arrangement, frames)
    pitched = bool((~arrangement.piece.is_drum).any())
    chosen = [number for number, role in enumerate(ensemble.roles) if pitched or role.drums]
    ensemble = replace(
        ensemble,
        roles=tuple(ensemble.roles[number] for number in chosen),
        players=tuple(ensemble.players[number] for number in chosen),
    )
    cycle = yield from listen_for_cycle(arrangement, frames, content, composer.network)
    for part in composer.compose(manner.plan(content, silent, ensemble.players, cycle)):
        if isinstance(part, float):
            yield part
        else:
            piece, taken = put_in_place(arrangement, ensemble, manner, frames, content, part)
            yield Rewritten(piece, _shares(taken))


def put_in_place(
    arrangement: Arrangement,
    ensemble: Ensemble,
    manner: Manner,
    frames: Frames,
    content: Content,
    rows: Sequence[NDArray[np.int64]],
) -> tuple[Piece, NDArray[np.bool_]]:
    """Return a piece in which parts replace what the strength says, and the cells that they replaced."""
    roles = ensemble.roles
    kinds = [DRUMS if role.drums else BASS if is_bass(role) else CHORDS for role in roles]
    old = _kinds(arrangement, separate_bass=BASS in kinds)
    there = {*kinds, *old.tolist()} if any(kind != DRUMS for kind in kinds) else {*kinds}  # drums leave chords alone
    taken = replaced_cells(len(frames), manner.strength, there)
    piece = arrangement.piece
    number = np.clip(np.searchsorted(frames.start, piece.start + 1e-6, side="right") - 1, 0, len(frames) - 1)
    kept = piece.select((old == MELODY) | ~taken[old, number // BLOCK])
    tracks = [info if (kept.track == index).any() else None for index, info in enumerate(piece.tracks)]
    if ensemble.lead is not None and manner.strength >= _LEAD_FROM:
        tracks = _with_lead(arrangement, kept, tracks, ensemble.lead)
    tune, frame = piece.select(arrangement.melody), frame_of(arrangement.piece, arrangement.melody, arrangement.bars)
    key = arrangement.tonic + 12 * arrangement.minor
    columns: list[tuple[NDArray[Any], ...]] = [(kept.start, kept.duration, kept.pitch, kept.velocity, kept.track)]
    for role, kind, own in zip(roles, kinds, rows, strict=True):
        own = own[taken[kind, own[:, 0] // BLOCK]]
        if len(own):
            part = Part(*to_notes(own, frames, _pitch(own, content, role, key)))
            part = _until(part, frames, taken[kind])
            most = _BEHIND if kind == CHORDS else 1.0
            part = fitted(frame, part, drums=role.drums, most=most, line=kind == BASS)
            if kind == CHORDS:
                stays, velocity = leave_room(part.start, part.pitch, part.velocity, tune, below=ensemble.below)
                part = part._replace(velocity=velocity).select(stays)
            columns.append((*part, np.full(len(part.start), len(tracks))))
            tracks.append(TrackInfo(role.track, role.program, role.drums))
    if not any(len(column[0]) for column in columns):
        return piece, taken
    return _assemble(piece, columns, tracks), taken


def _until(part: Part, frames: Frames, taken: NDArray[np.bool_]) -> Part:
    """End notes where what is kept of the piece goes on: at the first cell after theirs that is not replaced."""
    stays = np.flatnonzero(~np.repeat(taken, BLOCK)[: len(frames)])
    edges = np.r_[frames.start[stays], np.inf]
    edge = edges[np.searchsorted(edges, part.start, side="right").clip(0, len(edges) - 1)]
    return part._replace(duration=np.minimum(part.duration, np.maximum(edge - part.start, _SHORTEST)))


def replaced_cells(frames: int, strength: float, kinds: set[int]) -> NDArray[np.bool_]:
    """Say which cells are replaced, shape (4, blocks); those of kinds that are not there cost no strength."""
    blocks = -(-frames // BLOCK)
    taken = np.zeros((4, blocks), bool)
    total = sum(weight for kind, weight in _WEIGHTS.items() if kind in kinds)
    before = 0.0
    for kind, weight in _WEIGHTS.items():
        if kind in kinds:
            taken[kind] = before + weight / total * np.arange(1, blocks + 1) / blocks <= strength + 1e-9
            before += weight / total
    return taken


def _kinds(arrangement: Arrangement, separate_bass: bool) -> NDArray[np.int64]:
    kind = np.full(len(arrangement.piece), CHORDS)
    if separate_bass:
        kind[bass_of(arrangement)] = BASS
    kind[arrangement.piece.is_drum] = DRUMS
    kind[arrangement.melody] = MELODY
    return kind


def _pitch(rows: NDArray[np.int64], content: Content, role: Role, key: int) -> NDArray[np.int64]:
    field = rows[:, 1 + PITCH] - 1
    if role.drums:
        return field - PITCHES + FIRST_DRUM
    root, quality = (values.reshape(-1)[half_beat(rows)] for values in (content.root, content.quality))
    return in_hand(role, fold(field + LOWEST + root_pitch(root), 0, 127), root, quality, key)


def _with_lead(
    arrangement: Arrangement, kept: Piece, tracks: list[TrackInfo | None], program: int
) -> list[TrackInfo | None]:
    """Give the tracks that hold the melody alone another instrument; a voice stays one."""
    tune = arrangement.piece.select(arrangement.melody)
    found = list(tracks)
    for index in np.unique(tune.track).tolist():
        info = found[index]
        if info is not None and (kept.track == index).sum() == (tune.track == index).sum() and info.program not in SUNG:
            found[index] = info.with_program(program)
    return found


def _assemble(piece: Piece, columns: Sequence[tuple[NDArray[Any], ...]], tracks: list[TrackInfo | None]) -> Piece:
    start, duration, pitch, velocity, track = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    there = [index for index, info in enumerate(tracks) if info is not None]
    number = np.full(len(tracks), -1)
    number[there] = np.arange(len(there))
    infos = tuple(info for info in tracks if info is not None)
    return replace(piece, tracks=infos or piece.tracks).with_notes(
        start=start, duration=duration, pitch=pitch.astype(np.int64), velocity=velocity.astype(np.int64),
        track=number[track.astype(np.int64)],
    )  # fmt: skip


def _shares(taken: NDArray[np.bool_]) -> tuple[float, float, float]:
    drums, bass, chords = taken[:3].mean(1).tolist() if taken.size else (0.0, 0.0, 0.0)
    return drums, bass, chords
