"""Which pitch was meant, and which notes are missing, by the networks' probabilities.

In a piece of four voices the chorale network is asked too, about what is in doubt. Its nats count by ``TEMPER``, which
was fitted to the dev part: it hears the same notes as the other network, so what it says is not new altogether.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.music import Piece
from segue.plugins.polish import missing
from segue.plugins.polish.context import REACH, STEPS, Context, Queries, queries_of
from segue.plugins.polish.infill import Infiller
from segue.plugins.polish.network import SAME, Network, sigmoid, softmax, to_prevalence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPECTED_SLIPS, SLIP_ROWS = 0.02, 50
"""Share of slips that is expected before a piece is seen, and for how many notes that counts."""
EXPECTED_MISSING, MISSING_ROWS = 0.0003, 1000
"""The same for the candidates for a missing note."""
_SAMPLED: Final = 128
MOST_CANDIDATES: Final = 200_000
TEMPER: Final = 0.12
"""What a nat of the chorale network counts."""
DOUBT, AMONG = 0.02, 3
"""Probability of being wrong from which a note is in doubt; so many other pitches, or missing notes, are weighed."""


@dataclass(frozen=True)
class Slips:
    """What was probably meant by each note.

    Attributes
    ----------
    pitch
        The most probable other pitch.
    probability
        Its probability, 0-1.
    right
        Probability that the note is right, 0-1.
    echo
        Share of the notes at the same place of similar bars that have the other pitch.
    surprise
        Mean of minus the network's log-probability of being right, in nats a note.
    infilled
        Tempered nats by which the chorale network finds the other pitch likelier; 0 where it was not asked.
    """

    pitch: Ints
    probability: Floats
    right: Floats
    echo: Floats
    surprise: float
    infilled: Floats


def find_slips(piece: Piece, networks: Mapping[str, Network], infiller: Infiller | None = None) -> Slips:
    """Judge each note of a piece without drums."""
    if not len(piece):
        nothing = np.zeros(0)
        return Slips(nothing.astype(np.int64), nothing, nothing, nothing, 0.0, nothing)
    context, queries = Context(piece), queries_of(piece, np.arange(len(piece)))
    probability = softmax(context.judged_by(networks["slip"], queries, STEPS)).astype(np.float64)
    surprise = float(-np.log(np.maximum(probability[:, SAME], 1e-6)).mean())
    wrong = 1 - probability[:, SAME]
    adjusted = to_prevalence(wrong, networks["slip"].prior, EXPECTED_SLIPS, SLIP_ROWS)
    probability *= (adjusted / np.maximum(wrong, 1e-9))[:, None]
    probability[:, SAME] = 1 - adjusted
    echo = context.echo(queries)
    pitch = piece.pitch[:, None] + np.arange(-REACH, REACH + 1)
    other = np.where((pitch < 0) | (pitch > 127) | (np.arange(STEPS) == SAME), -1.0, probability)
    nats = np.zeros_like(probability) if infiller is None else _infilled(piece, infiller, probability, other)
    factor = np.exp(nats) / (probability * np.exp(nats)).sum(axis=1, keepdims=True)
    probability, other = probability * factor, other * factor
    rows, best = np.arange(len(piece)), other.argmax(axis=1)
    return Slips(
        pitch[rows, best],
        other[rows, best],
        probability[:, SAME],
        echo[rows, best],
        surprise,
        nats[rows, best],
    )


def judge_some(piece: Piece, notes: Ints, networks: Mapping[str, Network]) -> tuple[Ints, Floats]:
    """Judge some notes of a piece without drums, as ``find_slips`` does without infilling.

    Of the others a few are heard too, since how much is wrong in the piece says how far to trust the network.

    Parameters
    ----------
    piece
        The piece.
    notes
        Indices of notes, ascending, at least one.

    Returns
    -------
    pitch, right
        The most probable other pitch of each of these notes, and the probability that its own is right, 0-1.
    """
    others = np.setdiff1d(np.arange(len(piece)), notes)
    drawn = others[:: max(1, len(others) // _SAMPLED)]
    asked = np.r_[notes, drawn]
    counts = np.r_[np.ones(len(notes)), np.full(len(drawn), len(others) / max(len(drawn), 1))]
    logits = Context(piece).judged_by(networks["slip"], queries_of(piece, asked), STEPS)
    probability = softmax(logits).astype(np.float64)
    wrong = to_prevalence(1 - probability[:, SAME], networks["slip"].prior, EXPECTED_SLIPS, SLIP_ROWS, counts)
    pitch = piece.pitch[notes][:, None] + np.arange(-REACH, REACH + 1)
    other = np.where((pitch < 0) | (pitch > 127) | (np.arange(STEPS) == SAME), -1.0, probability[: len(notes)])
    return pitch[np.arange(len(notes)), other.argmax(axis=1)], 1 - wrong[: len(notes)]


def _infilled(piece: Piece, infiller: Infiller, probability: Floats, other: Floats) -> Floats:
    """Return tempered nats of the likeliest other pitches of notes in doubt, 0 elsewhere, shape (notes, STEPS)."""
    likely = np.argsort(-other, axis=1, kind="stable")[:, :AMONG]
    doubtful = 1 - probability[:, SAME] > DOUBT
    note, rank = np.nonzero(doubtful[:, None] & (np.take_along_axis(other, likely, 1) > DOUBT / AMONG))
    column = likely[note, rank]
    surest = np.argsort(-other[note, column], kind="stable")
    note, column = note[surest], column[surest]
    queries = queries_of(piece, note)
    found = np.zeros_like(probability)
    nats = infiller.gains(piece, replace(queries, pitch=queries.pitch + column - SAME))
    if nats is not None:
        found[note, column] = TEMPER * nats
    return found


def find_missing(
    piece: Piece, networks: Mapping[str, Network], infiller: Infiller | None = None
) -> tuple[Queries, Floats, Floats]:
    """Return the most probable missing note of each place that may lack one, its probability, and tempered nats.

    Of a very long piece only the first ``MOST_CANDIDATES`` candidates are judged: hours of music, minutes of noise.
    """
    queries, place = missing.candidates(piece)
    order = np.argsort(queries.start, kind="stable")[:MOST_CANDIDATES]
    queries, place = queries[order], place[order]
    if not len(queries):
        return queries, np.zeros(0), np.zeros(0)
    probability = sigmoid(Context(piece).judged_by(networks["missing"], queries, 1)[:, 0]).astype(np.float64)
    probability = to_prevalence(probability, networks["missing"].prior, EXPECTED_MISSING, MISSING_ROWS)
    nats = np.zeros(len(queries)) if infiller is None else _filled(piece, infiller, queries, place, probability)
    odds = probability * np.exp(nats)
    probability = odds / (odds + 1 - probability)
    order = np.lexsort((-probability, place))
    best = order[np.unique(place[order], return_index=True)[1]]
    return queries[best], probability[best], nats[best]


def _filled(piece: Piece, infiller: Infiller, queries: Queries, place: Ints, probability: Floats) -> Floats:
    """Return tempered nats of the likeliest notes of each place that may lack one, 0 elsewhere, shape (queries,)."""
    order = np.lexsort((-probability, place))
    rank = np.arange(len(order)) - np.searchsorted(place[order], place[order])
    asked = order[rank < AMONG]
    asked = asked[np.argsort(-probability[asked], kind="stable")]
    found = np.zeros(len(queries))
    nats = infiller.gains(piece, queries[asked])
    if nats is not None:
        found[asked] = TEMPER * nats
    return found
