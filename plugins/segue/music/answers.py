"""What answers have in common, as messages: chords, changed pitches, likeness to known pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from segue.music.chords import Chords
from segue.music.messages import piece_to_notes, place
from segue.music.originality import Likeness
from segue.music.piece import Piece
from segue.music.theory import NO_CHORD, chord_pitch_classes, chord_symbol
from segue.v1 import music_pb2 as pb


def to_chords(found: Chords, edges: NDArray[np.float64], key: int) -> list[pb.Chord]:
    """Write chords as messages.

    Parameters
    ----------
    found
        The chords.
    edges
        Where each cell begins, and where the last ends, in beats.
    key
        The key in which symbols are spelt, 0-23.
    """
    at = edges[found.cell].tolist()
    columns = zip(found.chord.tolist(), found.bass.tolist(), found.confidence.tolist(), strict=True)
    return [
        pb.Chord(
            span=pb.Span(start=at[row], end=at[row + 1]),
            symbol=chord_symbol(chord, bass if bass >= 0 else None, key),
            root=None if chord == NO_CHORD else chord % 12,
            bass=bass if bass >= 0 else None,
            pitch_classes=chord_pitch_classes(chord),
            confidence=confidence,
        )
        for row, (chord, bass, confidence) in enumerate(columns)
    ]


def to_pitch_edits(piece: Piece, pitch: NDArray[np.int64], reasons: Mapping[int, str]) -> list[pb.Edit]:
    """Write changes of pitch as messages, numbered from 1.

    Parameters
    ----------
    piece
        As it was.
    pitch
        The pitch that each note has now.
    reasons
        Index of each note that is changed → why, a sentence.
    """
    changed = sorted(reasons)
    edits = []
    for number, (index, before) in enumerate(
        zip(changed, piece_to_notes(piece.select(np.array(changed, np.int64))), strict=True), start=1
    ):
        after = pb.Note()
        after.CopyFrom(before)
        after.pitch = int(pitch[index])
        where = place(piece, float(piece.start[index]), float(piece.end[index]), int(piece.track[index]))
        edits.append(
            pb.Edit(
                id=number,
                kind=pb.EDIT_KIND_PITCH,
                place=where,
                before=before,
                after=after,
                reason=reasons[index],
            )
        )
    return edits


def to_originality(like: Likeness, titles: Sequence[str], piece: Piece | None = None) -> pb.Originality:
    """Write how far a piece repeats those of an index, whose titles are given; and where, if the piece is given too."""
    return pb.Originality(
        copied_fraction=like.copied_fraction,
        longest_run=like.longest_run,
        human_percentile=like.human_percentile,
        sources=[
            pb.SourceMatch(
                title=titles[source.number],
                similarity=source.similarity,
                longest_run=source.longest_run,
                place=None if piece is None else place(piece, *source.here, source.track),
                source_span=None if source.there is None else pb.Span(start=source.there[0], end=source.there[1]),
            )
            for source in like.sources
        ],
    )
