"""From composed events to the messages of an answer."""

from __future__ import annotations

from typing import Final

import numpy as np
from segue.music import KeySignature, Meter, Piece, Tempo, TrackInfo, piece_to_midi, to_key
from segue.music.answers import to_originality
from segue.music.dynamics import shape_dynamics
from segue.music.finish import correct_pitch
from segue.music.originality import Likeness, OriginalityIndex
from segue.music.theory import key_name
from segue.plugins.vae.attributes import NAMES
from segue.plugins.vae.commission import Commission
from segue.plugins.vae.composer import Draft
from segue.plugins.vae.tokens import BAR, PER_BEAT, home_shift, to_notes, transpose
from segue.v1 import generate_pb2, music_pb2

_VELOCITY: Final = (92, 74, 84, 74)
"""Of notes that begin on each beat of a bar; between beats they are softer by the difference below."""
_OFF_BEAT: Final = 6


def to_piece(commission: Commission, draft: Draft) -> tuple[Piece, list[music_pb2.Edit]]:
    """Return a piece in its key, finished as asked, and what that changed."""
    shift = -home_shift(commission.tonic, commission.minor)
    begin, end, pitch = to_notes(transpose(draft.events, shift)).T
    velocity = np.array(_VELOCITY)[begin % BAR // PER_BEAT] - _OFF_BEAT * (begin % PER_BEAT > 0)
    piece = Piece.of(
        begin / PER_BEAT,
        (end - begin) / PER_BEAT,
        pitch,
        velocity,
        tracks=(TrackInfo("Melody", commission.program),),
        tempos=(Tempo(0.0, commission.tempo),),
        meters=(Meter(0.0, 4, 4),),
        keys=(KeySignature(0.0, commission.tonic, commission.minor),),
    )
    edits: list[music_pb2.Edit] = []
    if commission.correct_pitch:
        piece, edits = correct_pitch(piece, commission.tonic, commission.minor, close=commission.closes)
    if commission.shape_dynamics:
        piece, shaped = shape_dynamics(piece, first_id=len(edits) + 1)
        edits += shaped
    return piece, edits


def piece_message(
    commission: Commission,
    draft: Draft,
    finished: tuple[Piece, list[music_pb2.Edit]],
    like: Likeness,
    index: OriginalityIndex,
) -> generate_pb2.Piece:
    """Return a piece as it is answered."""
    piece, edits = finished
    return generate_pb2.Piece(
        music=music_pb2.Music(midi=piece_to_midi(piece)),
        key=to_key(commission.tonic, commission.minor),
        tempo=commission.tempo,
        time_signature=music_pb2.TimeSignature(numerator=4, denominator=4),
        bars=commission.bars,
        edits=edits,
        originality=to_originality(like, index.titles),
        log_likelihood=draft.log_likelihood,
    )


def understood(commission: Commission) -> list[str]:
    """Say in sentences what is composed."""
    c = commission
    what = {
        0: "new",
        1: f"varied from what is given, strength {c.strength:g}",
        2: "from the first given melody to the second",
    }
    key = key_name(c.tonic + 12 * c.minor)
    said = [f"{c.bars} bars of 4/4 in {key} at {c.tempo:g} quarter notes per minute, {what[len(c.given)]}"]
    said += [f"{NAMES[dimension]} at {position:g} of 1" for dimension, position in sorted(c.sliders.items())]
    return [*said, *c.understood]
