"""Who plays: the parts of a style or of an example, and the instrument of the melody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from segue.music import Piece
from segue.music.reading import Reading
from segue.music.theory import NO_CHORD
from segue.plugin_api.errors import InvalidMusic
from segue.plugins.style.arrangement import Arrangement
from segue.plugins.style.basses import PLAYED_ON, is_guitar_program
from segue.plugins.style_seq.arrange import Frames, frames_of
from segue.plugins.style_seq.artifacts import Artifacts, Role
from segue.plugins.style_seq.composer import Player
from segue.plugins.style_seq.content import HALVES, settle
from segue.plugins.style_seq.elements import to_rows
from segue.plugins.style_seq.profile import PROFILE, describe
from segue.plugins.transformer.elements import DRUMS

MOST_PARTS: Final = 8
LEADS: Final = {
    "arpeggio": 73, "bossanova": 73, "chorale": 52, "disco": 48, "folk": 40, "hiphop": 4, "house": 81, "hymn": 52,
    "jazz_combo": 11, "jazz_swing": 66, "pop_8beat": 26, "pop_ballad": 40, "pop_piano": 0, "ragtime": 0, "rock": 29,
    "salsa": 56, "techno": 80, "trance": 81, "ambient": 11,
}  # fmt: skip
"""Style → General MIDI program on which its melody is played. The data says nothing about it: a choice by ear."""
MADE_UP: Final = {"ambient": (("hymn", "Chord", 89), ("hymn", "Bass", 89))}
"""Style that nothing was learnt of → parts that make it up: style, track, and the program that plays it instead."""
SUNG: Final = (52, 53, 54, 85)
"""Programs of voices, which a melody keeps."""
_BASS: Final = 52
_CHORDAL: Final = 1.2


@dataclass(frozen=True)
class Ensemble:
    """The parts that are to play.

    Attributes
    ----------
    roles
        Name, program and range of each.
    players
        The same for the composer.
    lead
        Program of the melody; None to leave it.
    below
        Whether chords are left out at the melody's height and above.
    """

    roles: tuple[Role, ...]
    players: tuple[Player, ...]
    lead: int | None
    below: bool = False


def known_styles(made: Artifacts) -> list[str]:
    """Return the styles that a version can write: those it learnt, and those that their parts make up."""
    made_up = (style for style, parts in MADE_UP.items() if all(source in made.ensembles for source, _, _ in parts))
    return [*made.ensembles, *made_up]


def by_name(made: Artifacts, style: str) -> Ensemble:
    """Return the ensemble of a style."""
    if style in MADE_UP:
        return _made_up(made, style)
    roles = made.ensembles[style]
    played = tuple(replace(role, program=PLAYED_ON[style]) if _on_guitar(role, style) else role for role in roles)
    return Ensemble(played, _players(made, roles, None), LEADS.get(style))


def _on_guitar(role: Role, style: str) -> bool:
    return style in PLAYED_ON and is_bass(role) and is_guitar_program(role.program)


def _made_up(made: Artifacts, style: str) -> Ensemble:
    found = [
        (role, program)
        for source, track, program in MADE_UP[style]
        for role in made.ensembles[source]
        if role.track == track
    ]
    players = _players(made, [role for role, _ in found], None)
    return Ensemble(tuple(replace(role, program=program) for role, program in found), players, LEADS[style], below=True)


def by_example(made: Artifacts, example: Piece) -> Ensemble:
    """Return the ensemble of a piece: every track with what it plays beside the melody.

    Raises
    ------
    InvalidMusic
        If the piece has a melody alone.
    """
    reading = Reading(example)
    melody = np.zeros(len(example), bool)
    if len(reading.pitched):
        melody[~example.is_drum] = reading.melody
    frames = frames_of(example, np.r_[example.bar_starts, example.bar_starts[-1] + example.meter_map[-1].bar_beats])
    parts = read_parts(example, melody, frames, _roots(reading, frames))
    if not parts:
        raise InvalidMusic("example", "is a melody alone, must have an accompaniment whose style can be taken on")
    leads = example.track[melody]
    lead = example.tracks[int(np.bincount(leads).argmax())].program if len(leads) else None
    roles = tuple(part.role for part in parts)
    return Ensemble(roles, _players(made, roles, np.stack([part.profile for part in parts])), lead)


@dataclass(frozen=True)
class HeardPart:
    """A part as it is played in a piece.

    Attributes
    ----------
    role
        Its instrument and range; it has no name.
    rows
        Its notes (``elements.to_rows``).
    profile
        What it is like (``profile.describe``).
    """

    role: Role
    rows: NDArray[np.int64]
    profile: NDArray[np.float32]


def read_parts(piece: Piece, melody: NDArray[np.bool_], frames: Frames, roots: NDArray[np.int64]) -> list[HeardPart]:
    """Read the tracks of a piece without its melody as parts, those of most notes first, at most ``MOST_PARTS``.

    Parameters
    ----------
    piece, melody
        The piece, and which of its notes are the melody.
    frames
        Its layout in bars of 4/4.
    roots : ndarray, shape (frames * HALVES,)
        Root of the chord in each half beat.
    """
    tracks, count = np.unique(piece.track[~melody], return_counts=True)
    found = []
    for track in tracks[np.argsort(-count, kind="stable")][:MOST_PARTS].tolist():
        own = piece.select((piece.track == track) & ~melody)
        info = piece.tracks[track]
        start, end = frames.to_straight(own.start), frames.to_straight(own.end)
        rows = to_rows(start, np.maximum(end - start, 0.05), own.pitch, own.velocity, roots, info.drums, played=True)
        low, high = int(own.pitch.min()), int(own.pitch.max())
        role = Role(-1, info.name, info.program, info.drums, low, high, len(own) / len(frames))
        found.append(HeardPart(role, rows, describe(rows, len(np.unique(rows[:, 0])), role.family)))
    return found


def _roots(reading: Reading, frames: Frames) -> NDArray[np.int64]:
    if not len(reading.pitched):
        return np.zeros(len(frames) * HALVES, np.int64)
    frame = np.repeat(np.arange(len(frames)), HALVES)
    chord = reading.chord_at(frames.to_piece(frame, np.tile((np.arange(HALVES) + 0.5) / 2, len(frames))))
    chord = np.minimum(chord, NO_CHORD)
    return settle(chord, np.full(len(chord), -1), len(frames))["root"].reshape(-1)


@torch.inference_mode()
def _players(
    made: Artifacts, roles: tuple[Role, ...] | list[Role], profiles: NDArray[np.float32] | None
) -> tuple[Player, ...]:
    names = torch.tensor([role.name for role in roles])
    heard = torch.zeros(len(roles), PROFILE) if profiles is None else torch.from_numpy(profiles)
    styles = made.network.style_of(names, heard, torch.tensor([role.family for role in roles]))
    return tuple(
        Player(style, role.drums, role.low, role.high, role.notes) for role, style in zip(roles, styles, strict=True)
    )


def is_bass(role: Role) -> bool:
    """Say whether a part is the bass: by its height, or by a name that its height allows."""
    named = role.track.startswith(("Bass", "Walk")) and role.low < _BASS
    return role.family != DRUMS and (named or role.high <= _BASS)


def bass_of(arrangement: Arrangement) -> NDArray[np.bool_]:
    """Mark the bass, shape (notes,): low tracks of one voice, and the lowest notes of those that play chords."""
    piece = arrangement.piece
    found = np.zeros(len(piece), bool)
    for track in range(len(piece.tracks)):
        own = arrangement.accompaniment & (piece.track == track)
        if not own.any():
            continue
        onset, first = np.unique(np.round(piece.start[own], 2), return_index=True)
        if own.sum() < _CHORDAL * len(onset):
            found |= own & bool(np.median(piece.pitch[own]) < _BASS)
        else:
            lowest = np.flatnonzero(own)[first]  # notes that begin together are in order of pitch
            found[lowest[piece.pitch[lowest] < _BASS]] = True
    return found
