"""Composing again what copies more from known pieces than its request allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from segue.v1 import generate_pb2, music_pb2

_MOST: Final = 6
"""How often a piece is composed."""
_MOST_STREAMED: Final = 4
"""The same where bars wait to be sent until it is settled."""


class Limited(Protocol):
    """What is asked for: so many pieces that copy at most a share of their notes (``copied_limit``, 1 for any)."""

    @property
    def count(self) -> int:
        """Pieces."""

    @property
    def copied_limit(self) -> float:
        """Share, 0-1."""


CommissionT = TypeVar("CommissionT", bound=Limited)


def compose_originals(
    commissions: Sequence[CommissionT],
    compose: Callable[[Sequence[tuple[CommissionT, int, int]]], Sequence[generate_pb2.Piece]],
) -> list[list[generate_pb2.Piece]]:
    """Compose all pieces of all commissions side by side, and again those that copy more than they may.

    Parameters
    ----------
    commissions
        What is asked for.
    compose
        Composes one piece for each (commission, the piece's index in it, how often it was tried before).

    Returns
    -------
    list of list of Piece
        The last attempt at each piece, by commission.
    """
    wanted = [(row, index) for row, commission in enumerate(commissions) for index in range(commission.count)]
    pieces: dict[tuple[int, int], generate_pb2.Piece] = {}
    for tried in range(_MOST):
        composed = compose([(commissions[row], index, tried) for row, index in wanted])
        pieces |= zip(wanted, composed, strict=True)
        wanted = [place for place in wanted if _copies(commissions[place[0]], pieces[place])]
        if not wanted:
            break
    return [[pieces[row, index] for index in range(c.count)] for row, c in enumerate(commissions)]


def copying_notices(commission: Limited, pieces: Sequence[generate_pb2.Piece]) -> list[music_pb2.Notice]:
    """Return a notice for each piece that still copies more than it may."""
    return [
        music_pb2.Notice(
            subject=f"pieces[{number}]",
            text=f"still copies {piece.originality.copied_fraction:.0%} of its notes after {_MOST} attempts",
        )
        for number, piece in enumerate(pieces)
        if _copies(commission, piece)
    ]


def is_tried_again(finish: generate_pb2.Finish, copied: float, attempts: int) -> bool:
    """Say whether a streamed piece is composed once more; ``copied`` is the least copied share of the attempts."""
    return _copies_too_much(finish, copied) and attempts < _MOST_STREAMED


def least_copied_notices(finish: generate_pb2.Finish, copied: float, attempts: int) -> list[music_pb2.Notice]:
    """Return a notice if the least copied of a streamed piece's attempts still copies more than it may."""
    text = f"the least copied of {attempts} pieces still copies {copied:.2f} of its notes"
    notice = music_pb2.Notice(subject="finish.copied_fraction_limit", text=text)
    return [notice] if _copies_too_much(finish, copied) else []


def _copies_too_much(finish: generate_pb2.Finish, copied: float) -> bool:
    return finish.HasField("copied_fraction_limit") and copied > finish.copied_fraction_limit


def _copies(commission: Limited, piece: generate_pb2.Piece) -> bool:
    return piece.originality.copied_fraction > commission.copied_limit
