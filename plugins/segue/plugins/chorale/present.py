"""From composed frames to the messages of an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from segue.music import Piece, piece_to_midi, to_key
from segue.music.answers import to_chords, to_originality
from segue.music.bar_lines import PER_BEAT
from segue.music.cells import cut
from segue.music.chords import find_chords
from segue.music.grid import find_grid
from segue.music.originality import Likeness, OriginalityIndex
from segue.music.theory import key_name
from segue.plugins.attempts import least_copied_notices
from segue.plugins.chorale.commission import Commission
from segue.plugins.chorale.frames import REST, to_frames
from segue.plugins.chorale.state import State
from segue.plugins.chorale.voices import notes_of
from segue.v1 import generate_pb2, music_pb2

VELOCITY = 80


def to_piece(commission: Commission, state: State) -> Piece:
    """Return what is written so far: given notes as they came, composed ones from equal frames; tracks are voices."""
    written = min(state.now, commission.frames)
    lines = to_frames(state.tokens[:written], commission.plan.shift)
    composed = np.where(commission.plan.free[:written], lines, REST)
    rows = [
        (begin, length, pitch, voice) for voice in range(4) for begin, length, pitch in notes_of(composed[:, voice])
    ]
    begin, length, pitch, voice = np.array(rows, np.int64).reshape(-1, 4).T
    given = commission.given.notes
    return Piece.of(
        np.concatenate([(begin + commission.offset) / PER_BEAT, given.start]),
        np.concatenate([length / PER_BEAT, given.duration]),
        np.concatenate([pitch, given.pitch]),
        np.concatenate([np.full(len(pitch), VELOCITY), given.velocity]),
        np.concatenate([voice, given.track]),
        **commission.about(),
    )


@dataclass(frozen=True)
class Finished:
    """A complete piece, how it was composed, and how original it is."""

    piece: Piece
    state: State
    likeness: Likeness


def complete_message(
    commission: Commission, finished: Finished, known: OriginalityIndex, attempts: int
) -> generate_pb2.GenerateStreamResponse:
    """Return the whole piece."""
    piece, state, likeness = finished.piece, finished.state, finished.likeness
    beats = commission.bar_frames // PER_BEAT
    key = commission.tonic + 12 * commission.minor
    cells = cut(piece, find_grid(piece))
    answer = generate_pb2.Piece(
        music=music_pb2.Music(midi=piece_to_midi(piece)),
        key=to_key(commission.tonic, commission.minor),
        tempo=commission.tempo,
        time_signature=music_pb2.TimeSignature(numerator=beats, denominator=4),
        bars=commission.bars,
        chords=to_chords(find_chords(cells), cells.edges, key),
        originality=to_originality(likeness, known.titles),
        log_likelihood=state.log_likelihood / max(state.composed, 1),
    )
    understood = (
        f"{commission.bars} bars of {beats}/4 in {key_name(key)} at {commission.tempo:g} quarter notes per minute"
    )
    response = generate_pb2.GenerateResponse(
        pieces=[answer],
        understood=[*commission.understood, understood],
        notices=[
            *commission.notices,
            *commission.given.notices,
            *least_copied_notices(commission.finish, likeness.copied_fraction, attempts),
        ],
    )
    return generate_pb2.GenerateStreamResponse(complete=response)
