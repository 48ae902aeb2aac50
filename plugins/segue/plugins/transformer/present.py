"""From composed elements to the messages of an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece, piece_to_midi, to_key
from segue.music.answers import to_chords, to_originality
from segue.music.dynamics import shape_dynamics
from segue.music.originality import Likeness, OriginalityIndex
from segue.music.reading import Reading
from segue.music.theory import key_name
from segue.plugins.attempts import least_copied_notices
from segue.plugins.transformer.commission import Commission
from segue.plugins.transformer.elements import BAR, METRES, PLACE, SLOT, decode, to_piece
from segue.plugins.transformer.finish import into_key, without_overlaps
from segue.plugins.transformer.state import State
from segue.v1 import generate_pb2, music_pb2


@dataclass(frozen=True)
class Finished:
    """A complete piece as it is read, what was changed, and how original it is; no reading where no pitch sounds."""

    piece: Piece
    reading: Reading | None
    edits: list[music_pb2.Edit]
    likeness: Likeness


def so_far(commission: Commission, state: State) -> tuple[Piece, NDArray[np.bool_]]:
    """Return what is written, tracks in the order of the answer, and which notes were given."""
    rules, elements = commission.plan.rules, state.written
    bar = np.minimum(np.cumsum(elements[:, PLACE] == BAR) - 1, rules.bars - 1)
    given = (elements[:, PLACE] != BAR) & ~rules.free[bar, np.maximum(elements[:, SLOT] - 1, 0)]
    masked = elements.copy()
    masked[given, PLACE] = 0
    composed = to_piece(decode(masked, commission.shift), METRES[commission.metre])
    if len(composed):
        end = np.minimum(without_overlaps(composed).end, commission.bars * commission.bar_beats)
        composed = composed.with_notes(duration=end - composed.start)
    kept = commission.kept
    kept = kept.select(kept.start < (state.at.bar + 1) * commission.bar_beats)
    columns = {
        n: np.concatenate([getattr(composed, n), getattr(kept, n)])
        for n in ("start", "duration", "pitch", "velocity", "track")
    }
    track_of = np.argsort(commission.order)
    slot = columns.pop("track")
    is_given = np.r_[np.zeros(len(composed), bool), np.ones(len(kept), bool)]
    # Piece.of puts notes in order of start, track and pitch; the mark travels with them.
    track = track_of[slot] if len(slot) else slot
    order = np.lexsort((columns["pitch"], track, columns["start"]))
    return Piece.of(**columns, track=track, **commission.about()), is_given[order]


def finish(commission: Commission, state: State, known: OriginalityIndex) -> Finished:
    """Finish a complete piece."""
    piece, given = so_far(commission, state)
    edits: list[music_pb2.Edit] = []
    wish = commission.finish
    reading = Reading(piece) if len(piece.without_drums()) else None
    if reading is not None and not (wish.HasField("correct_pitch") and not wish.correct_pitch):
        key = commission.tonic + 12 * commission.minor
        reading, edits = into_key(reading, key, given, always=wish.correct_pitch)
        piece = reading.original
    if wish.shape_dynamics:
        phrases = [section.first * commission.bar_beats for section in commission.sections]
        piece, shaped = shape_dynamics(piece, phrases, first_id=len(edits) + 1)
        edits += shaped
    return Finished(piece, reading, edits, known.compare(piece))


def complete_message(
    commission: Commission, state: State, finished: Finished, known: OriginalityIndex, attempts: int
) -> generate_pb2.GenerateStreamResponse:
    """Return the whole piece."""
    piece, metre = finished.piece, METRES[commission.metre]
    likeness = finished.likeness
    answer = generate_pb2.Piece(
        music=music_pb2.Music(midi=piece_to_midi(piece)),
        tempo=commission.tempo,
        time_signature=music_pb2.TimeSignature(numerator=metre.numerator, denominator=metre.denominator),
        bars=commission.bars,
        edits=finished.edits,
        originality=to_originality(likeness, known.titles),
        log_likelihood=state.log_likelihood / max(state.composed, 1),
    )
    asked = commission.tonic + 12 * commission.minor
    notices = list(commission.notices)
    reading = finished.reading  # of the notes before their dynamics were shaped, which it does not hear
    if reading is not None:
        answer.key.CopyFrom(to_key(reading.keys.best % 12, reading.keys.best >= 12))
        answer.chords.extend(to_chords(reading.chords, reading.cells.edges, asked))
        if reading.keys.best != asked:
            text = f"asked for {key_name(asked)}, the piece is heard in {key_name(reading.keys.best)}"
            notices.append(music_pb2.Notice(subject="key", text=text))
    silent = sorted(set(range(len(piece.tracks))) - set(piece.track.tolist()))
    for index in silent:
        notices.append(
            music_pb2.Notice(subject="instruments", text=f"the part of the {piece.tracks[index].name} is silent")
        )
    notices += least_copied_notices(commission.finish, likeness.copied_fraction, attempts)
    names = ", ".join(track.name for track in piece.tracks)
    understood = (
        f"{commission.bars} bars of {metre.numerator}/{metre.denominator} in {key_name(asked)} at {commission.tempo:g} "
        f"quarter notes per minute, in the style {commission.style}, for {names}"
    )
    response = generate_pb2.GenerateResponse(
        pieces=[answer], understood=[*commission.understood, understood], notices=notices
    )
    return generate_pb2.GenerateStreamResponse(complete=response)
