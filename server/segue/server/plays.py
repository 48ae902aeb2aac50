"""The store of plays: recorded once, read back latest first, erased without a trace."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from segue.plugin_api.errors import InvalidField
from segue.server.batching import Coalescer
from segue.server.database import Database, answers, plays
from segue.server.listener_key import ListenerKey
from segue.v1 import listening_pb2
from sqlalchemy import delete, select, tuple_

MOST_RECENT: Final = 10_000
"""Most plays that one read returns."""

DEFAULT_PAGE: Final = 100
"""Plays on a page whose size is not stated."""

_ERASED_AT_ONCE: Final = 10_000
_CALLS_A_COMMIT: Final = 32
_MOST_WAITING: Final = 1000
_LONGEST_WAIT_SECONDS: Final = 60.0
_SECOND: Final = 10**9
_LAST: Final = 2**63 - 1


class Recorded(NamedTuple):
    """How many plays were new, and how many were known already."""

    recorded: int
    duplicates: int


class PlayStore:
    """Plays in a database. Implements ``segue.plugin_api.algorithm.Plays``.

    Parameters
    ----------
    database
        Where they are; shared by any number of processes.
    key
        What listener ids are hashed with.
    """

    def __init__(self, database: Database, key: ListenerKey) -> None:
        self._database = database
        self._key = key
        # A commit waits for the disk: what arrives meanwhile shares the next one.
        self._writer = Coalescer(self._write, _CALLS_A_COMMIT, _MOST_WAITING, database.writers)

    async def record(self, new: Sequence[listening_pb2.Play]) -> Recorded:
        """Record plays; all are durable when it returns, none is recorded if it raises.

        A play whose event id is known for its listener changes nothing. A play without a time is played now; among
        several, the later in the list is the later played. ``plays`` of 0 is stored as 1.

        Raises
        ------
        InvalidField
            An identifier contains the character NUL, or a time lies before 1970 or after 2262-04-11.
        Unavailable
            The database can't be reached; record the same plays again.
        Overloaded, DeadlineExceeded
            The database can't keep up; record the same plays again.
        """
        rows = self._rows(new)
        return await self._writer.run(rows, _LONGEST_WAIT_SECONDS) if rows else Recorded(0, 0)

    async def recent(self, listener_id: str, limit: int) -> list[listening_pb2.Play]:
        """Return the plays of a listener, latest first; empty for one who is not known.

        Parameters
        ----------
        listener_id
            Who.
        limit
            Most plays to return; above 10,000 it means 10,000.
        """
        return (await self._page(listener_id, min(limit, MOST_RECENT), None))[0]

    async def list_plays(
        self, listener_id: str, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[listening_pb2.Play], str]:
        """Return a page of a listener's plays, latest first, and the token of the next page, empty if there is none.

        Plays recorded between two pages neither repeat nor hide others.

        Parameters
        ----------
        listener_id
            Who.
        page_size
            1 to 10,000; 0 means 100.
        page_token
            The token that came with the page before; empty for the first.

        Raises
        ------
        InvalidField
            The token is none that was given out.
        """
        size = min(page_size, MOST_RECENT) or DEFAULT_PAGE
        return await self._page(listener_id, size, _token_to_place(page_token) if page_token else None)

    async def erase(self, listener_id: str) -> int:
        """Erase a listener: the plays, then the answers kept for them, then their bytes (``Database.scrub``).

        If it raises, part may be erased; erase again.

        Returns
        -------
        int
            Number of plays erased.
        """
        mine = plays.c.listener == self._key.listener(listener_id)
        some = delete(plays).where(plays.c.id.in_(select(plays.c.id).where(mine).limit(_ERASED_AT_ONCE)))
        erased, count = 0, _ERASED_AT_ONCE
        # In parts, so that other writers get their turn.
        while count == _ERASED_AT_ONCE:
            count = (await self._database.write(some)).touched
            erased += count
        # After the plays: an answer that is being made from them now loses its claim, and is not kept.
        await self._database.write(delete(answers).where(answers.c.listener == self._key.listener(listener_id)))
        await self._database.scrub()
        return erased

    async def _write(self, batches: Sequence[Sequence[dict[str, Any]]], _seconds: float) -> list[Recorded]:
        # One order for everybody: then two processes that record the same events never wait for each other in a circle.
        rows = sorted((row for batch in batches for row in batch), key=_event)
        statement = self._database.insert(plays).on_conflict_do_nothing().returning(plays.c.listener, plays.c.event_id)
        new = {tuple(row) for row in (await self._database.write(statement, rows)).rows}
        done = []
        for batch in batches:
            mine = new.intersection(map(_event, batch))
            new -= mine
            done.append(Recorded(len(mine), len(batch) - len(mine)))
        return done

    async def _page(
        self, listener_id: str, size: int, after: tuple[int, int] | None
    ) -> tuple[list[listening_pb2.Play], str]:
        place = tuple_(plays.c.played_at, plays.c.id)
        query = (
            select(plays.c.event_id, plays.c.track_id, plays.c.played_at, plays.c.plays, plays.c.id)
            .where(plays.c.listener == self._key.listener(listener_id))
            .order_by(plays.c.played_at.desc(), plays.c.id.desc())
            .limit(size + 1)
        )
        if after is not None:
            query = query.where(place < after)
        rows = await self._database.read(query)
        page = rows[:size]
        token = f"{page[-1].played_at}.{page[-1].id}" if len(rows) > size else ""
        return [_row_to_play(listener_id, row) for row in page], token

    def _rows(self, new: Iterable[listening_pb2.Play]) -> list[dict[str, Any]]:
        now = time.time_ns()
        return [
            {
                "listener": self._key.listener(play.listener_id),
                "event_id": _storable(play.event_id, f"plays[{index}].event_id"),
                "track_id": _storable(play.track_id, f"plays[{index}].track_id"),
                "played_at": _nanoseconds(play, f"plays[{index}].time") if play.HasField("time") else now + index,
                "plays": play.plays or 1.0,
            }
            for index, play in enumerate(new)
        ]


def _event(row: dict[str, Any]) -> tuple[bytes, str]:
    return row["listener"], row["event_id"]


def _storable(identifier: str, field: str) -> str:
    if "\0" in identifier:
        raise InvalidField(field, "contains the character NUL (U+0000), must not")
    return identifier


def _nanoseconds(play: listening_pb2.Play, field: str) -> int:
    nanoseconds = play.time.seconds * _SECOND + play.time.nanos
    if not 0 <= play.time.nanos < _SECOND:
        raise InvalidField(f"{field}.nanos", f"is {play.time.nanos}, must be at least 0 and below {_SECOND}")
    if not 0 <= nanoseconds <= _LAST:
        raise InvalidField(f"{field}.seconds", f"is {play.time.seconds}, must lie between 1970-01-01 and 2262-04-11")
    return nanoseconds


def _row_to_play(listener_id: str, row: Any) -> listening_pb2.Play:
    play = listening_pb2.Play(event_id=row.event_id, listener_id=listener_id, track_id=row.track_id, plays=row.plays)
    play.time.seconds, play.time.nanos = divmod(row.played_at, _SECOND)
    return play


def _token_to_place(token: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,19})\.(\d{1,19})", token, re.ASCII)
    played_at, row = (int(match[1]), int(match[2])) if match else (-1, -1)
    if not (0 <= played_at <= _LAST and 0 <= row <= _LAST):
        raise InvalidField("page_token", "is none that this server gave out; leave it empty for the first page")
    return played_at, row
