"""From drawn notes to the messages of an answer."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import KeySignature, Meter, Piece, Tempo, TrackInfo, piece_to_midi, piece_to_notes, place, to_key
from segue.music.answers import to_chords, to_originality
from segue.music.cells import cut
from segue.music.chords import find_chords
from segue.music.dynamics import shape_dynamics
from segue.music.finish import correct_pitch
from segue.music.grid import find_grid
from segue.music.originality import Likeness, OriginalityIndex
from segue.plugins.gan.commission import Commission
from segue.plugins.gan.composer import Drawn
from segue.plugins.gan.planning import TONES
from segue.plugins.gan.roll import BAR, DRUMS, MELODY, PER_BEAT, TRACKS
from segue.plugins.vae.tokens import home_shift
from segue.v1 import generate_pb2, music_pb2

_INFO: Final = tuple(TrackInfo(kind.name, kind.program, number == DRUMS) for number, kind in enumerate(TRACKS))
_VELOCITY: Final = np.array([kind.velocity for kind in TRACKS])
_ACCENT: Final = np.array([8, 0, 4, 0])
"""Added to the velocity of notes that begin on each beat of a bar."""


def notes_to_piece(notes: NDArray[np.int64]) -> Piece:
    """Return drawn notes, shape (notes, 4), as a piece in C, as they were drawn."""
    track, begin, end, pitch = notes.T
    on_beat = begin % PER_BEAT == 0
    velocity = _VELOCITY[track] + np.where(on_beat, _ACCENT[begin % BAR // PER_BEAT], -4)
    return Piece.of(begin / PER_BEAT, (end - begin) / PER_BEAT, pitch, velocity, track, tracks=_INFO)


def to_piece(commission: Commission, made: Drawn) -> tuple[Piece, list[music_pb2.Edit]]:
    """Return a piece in its key, finished as asked, and what that changed."""
    c = commission
    drawn = made.notes.copy()
    drawn[drawn[:, 0] != DRUMS, 3] -= home_shift(c.tonic, False)
    piece = notes_to_piece(drawn)
    piece = Piece.of(
        piece.start,
        piece.duration,
        piece.pitch,
        piece.velocity,
        piece.track,
        tracks=_INFO,
        tempos=(Tempo(0.0, c.tempo),),
        meters=(Meter(0.0, 4, 4),),
        keys=(KeySignature(0.0, c.tonic, c.minor),),
    )
    kept, edits = _thin(piece)
    if c.correct_pitch:
        kept, corrected = correct_pitch(kept, c.tonic, c.minor, fixed=_of_chord(kept, made.chords, c))
        edits += corrected
    if c.shape_dynamics:
        kept, shaped = shape_dynamics(kept)
        edits += shaped
    for number, edit in enumerate(edits, start=1):
        edit.id = number
    return kept, edits


def _of_chord(piece: Piece, chords: NDArray[np.int64], c: Commission) -> NDArray[np.bool_]:
    """Mark the notes of the chords that a piece was drawn to, such as those of secondary dominants.

    In minor none: what a chord has of C major's chromatic notes has no place there.
    """
    over = chords[piece.start.astype(np.int64)]
    return np.asarray(TONES[over, (piece.pitch - c.tonic) % 12] & c.chromatic & (not c.minor))


def _thin(piece: Piece) -> tuple[Piece, list[music_pb2.Edit]]:
    """Leave a track no more notes at once than it has voices: the highest."""
    keep = np.ones(len(piece), bool)
    why: dict[int, str] = {}
    for track, kind in enumerate(TRACKS):
        own = np.flatnonzero(piece.track == track)
        for start in np.unique(piece.start[own]):
            struck = own[piece.start[own] == start]
            extra = struck[: -kind.voices]
            keep[extra] = False
            why |= {int(note): f"{kind.name} has {kind.voices} at once at most" for note in extra}
    notes = piece_to_notes(piece.select(~keep))
    edits = []
    for index, note in zip(np.flatnonzero(~keep), notes, strict=True):
        where = place(piece, float(piece.start[index]), float(piece.end[index]), int(piece.track[index]))
        edits.append(
            music_pb2.Edit(kind=music_pb2.EDIT_KIND_DELETE, place=where, before=note, reason=f"{why[int(index)]}.")
        )
    return piece.select(keep), edits


def melody_of(piece: Piece) -> Piece:
    """Return what is compared with known melodies: accompaniments of a style are alike by nature."""
    return piece.select(piece.track == MELODY)


def piece_message(
    commission: Commission,
    finished: tuple[Piece, list[music_pb2.Edit]],
    like: Likeness,
    index: OriginalityIndex,
) -> generate_pb2.Piece:
    """Return a piece as it is answered."""
    piece, edits = finished
    cells = cut(piece, find_grid(piece))
    return generate_pb2.Piece(
        music=music_pb2.Music(midi=piece_to_midi(piece)),
        key=to_key(commission.tonic, commission.minor),
        tempo=commission.tempo,
        time_signature=music_pb2.TimeSignature(numerator=4, denominator=4),
        bars=commission.bars,
        chords=to_chords(find_chords(cells), cells.edges, commission.tonic + 12 * commission.minor),
        edits=edits,
        originality=to_originality(like, index.titles),
    )
