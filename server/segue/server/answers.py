"""The same request id gets the same answer, once: also when it comes twice at the same moment, to two processes.

Whoever comes first inserts a row under the request id's key, its claim, and sets to work; whoever comes later waits for
the answer to appear in that row. A claim is renewed while its owner is at work, so the claim of a process that died
expires within seconds and the next in line takes over. Failures are not kept: the claim is given up, and the next one
works afresh [1]_. What crosses the clocks of several machines is only expiry: they must agree to within a few seconds.
Where the database is away, everybody works afresh: an answer is worth more than the promise to make it once.

References
----------
.. [1] Google, *AIP-155: Request identification*.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from segue.plugin_api.errors import DeadlineExceeded, Overloaded, RequestIdReused, SegueError, Unavailable
from segue.server.database import Database, answers
from segue.server.listener_key import ListenerKey
from sqlalchemy import and_, delete, func, or_, select, update

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.25
_RELEASE_SECONDS: Final = 1.0
_SWEEP_SECONDS: Final = 60.0
_SLACK: Final = 16  # bounds are enforced each time this share of them has been added


class Answers:
    """Answers to requests that carried a request id, in a database that several processes share.

    Parameters
    ----------
    database
        Where they are.
    key
        What request ids, callers and listener ids are hashed with.
    ttl_seconds
        How long an answer is kept at most.
    max_bytes
        Most bytes of answers kept in all; the oldest go first. Each process may exceed it by a sixteenth.
        A single answer that is larger is not kept.
    max_rows
        Most answers kept, in the same way.
    claim_seconds
        How long after the death of its process a claim holds off others.
    """

    def __init__(
        self,
        database: Database,
        key: ListenerKey,
        *,
        ttl_seconds: float = 3600.0,
        max_bytes: int = 256 << 20,
        max_rows: int = 100_000,
        claim_seconds: float = 10.0,
    ) -> None:
        self._database = database
        self._key = key
        self._ttl_seconds = ttl_seconds
        self._max_bytes = max_bytes
        self._max_rows = max_rows
        self._claim_seconds = claim_seconds
        self._sweep_at = 0.0
        self._new_bytes = 0
        self._new_rows = 0

    def key(self, method: str, caller: str, request_id: str) -> bytes:
        """Return the key of an answer: a request id means something only to one caller of one method.

        Parameters
        ----------
        method
            Full name of the RPC.
        caller
            Who calls, as authenticated; empty if nobody is.
        request_id
            As in the request.
        """
        return self._key.hash("request", method, caller, request_id)

    async def once(
        self,
        key: bytes,
        digest: bytes,
        produce: Callable[[], Awaitable[bytes]],
        *,
        timeout_seconds: float,
        listener_id: str = "",
    ) -> bytes:
        """Return the answer kept under a key; produce and keep it if there is none, or the database can't be reached.

        Parameters
        ----------
        key
            From ``key``.
        digest
            SHA-256 of the request, 32 bytes.
        produce
            Makes the answer. Called at most once; nobody else is at work on the same key meanwhile, as far as the
            database tells.
        timeout_seconds
            How long to wait for another who is at work on it. It does not cut ``produce`` short.
        listener_id
            The listener whose erasure removes the answer; empty if there is none.

        Raises
        ------
        RequestIdReused
            The request id was used for a different request.
        DeadlineExceeded
            Another was still at work on it after ``timeout_seconds``.
        """
        claim = secrets.token_bytes(16)
        listener = self._key.listener(listener_id) if listener_id else None
        give_up_at = time.monotonic() + timeout_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                kept = await self._read(key)
            except Unavailable:
                return await _afresh(produce)
            if kept is None:
                try:
                    try:
                        mine = await self._claim(key, digest, claim, listener)
                    except Unavailable:
                        return await _afresh(produce)
                    if mine:
                        return await self._work(key, claim, produce)
                except BaseException:
                    # Also whoever was cancelled lets go, so that the next one need not wait for the claim to expire.
                    # The caller is not kept for it: a database that failed just now may take long to fail again.
                    with contextlib.suppress(SegueError, TimeoutError):
                        async with asyncio.timeout(_RELEASE_SECONDS):
                            await self._release(key, claim)
                    raise
            elif kept.digest != digest:
                raise RequestIdReused("the request_id was used for a different request; give every request its own")
            elif kept.answer is not None:
                return bytes(kept.answer)
            if time.monotonic() + pause > give_up_at:
                raise DeadlineExceeded("an earlier call with this request_id is still at work; ask again with the same")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def sweep(self) -> None:
        """Delete what has expired, and the oldest answers beyond the bounds.

        It is called while answers are kept; call it now and then to be rid of the last ones too.
        """
        self._sweep_at = time.monotonic() + _SWEEP_SECONDS
        self._new_bytes = self._new_rows = 0
        newest_first = (answers.c.expires_at.desc(), answers.c.key)
        ranked = (
            select(
                answers.c.key,
                func.sum(answers.c.size).over(order_by=newest_first).label("bytes"),
                func.row_number().over(order_by=newest_first).label("rows"),
            )
            .where(answers.c.answer.is_not(None))
            .subquery()
        )
        beyond = select(ranked.c.key).where(or_(ranked.c.bytes > self._max_bytes, ranked.c.rows > self._max_rows))
        await self._database.write(delete(answers).where(answers.c.expires_at <= _now()))
        await self._database.write(delete(answers).where(answers.c.key.in_(beyond)))

    async def _read(self, key: bytes) -> Any:
        query = select(answers.c.digest, answers.c.answer).where(answers.c.key == key, answers.c.expires_at > _now())
        return next(iter(await self._database.read(query)), None)

    async def _claim(self, key: bytes, digest: bytes, claim: bytes, listener: bytes | None) -> bool:
        row = {
            "digest": digest,
            "claim": claim,
            "listener": listener,
            "expires_at": _now() + int(1000 * self._claim_seconds),
            "size": 0,
            "answer": None,
        }
        insert = self._database.insert(answers).values(key=key, **row)
        # What has expired is taken over in the same statement, so that only one of those who wait can.
        statement = insert.on_conflict_do_update(
            index_elements=[answers.c.key], set_=row, where=answers.c.expires_at <= _now()
        )
        return bool((await self._database.write(statement.returning(answers.c.key))).rows)

    async def _work(self, key: bytes, claim: bytes, produce: Callable[[], Awaitable[bytes]]) -> bytes:
        renewal = asyncio.create_task(self._renew(key, claim))
        try:
            answer = await produce()
        finally:
            renewal.cancel()
        try:
            if len(answer) > self._max_bytes:
                await self._release(key, claim)
            else:
                await self._keep(key, claim, answer)
        except (Unavailable, Overloaded):
            # A full disk, say. What was asked for is made; that it can't be kept matters only to a retry.
            log.warning("an answer could not be kept; a retry of its request will be answered afresh")
        return answer

    async def _renew(self, key: bytes, claim: bytes) -> None:
        while True:
            await asyncio.sleep(self._claim_seconds / 3)
            until = _now() + int(1000 * self._claim_seconds)
            with contextlib.suppress(SegueError):
                await self._database.write(update(answers).where(_at_work(key, claim)).values(expires_at=until))

    async def _keep(self, key: bytes, claim: bytes, answer: bytes) -> None:
        until = _now() + int(1000 * self._ttl_seconds)
        # A claim that was erased, or lost to another, matches no row: nothing is kept then.
        await self._database.write(
            update(answers).where(_at_work(key, claim)).values(answer=answer, size=len(answer), expires_at=until)
        )
        self._new_bytes += len(answer)
        self._new_rows += 1
        if (
            self._new_bytes * _SLACK > self._max_bytes
            or self._new_rows * _SLACK > self._max_rows
            or time.monotonic() > self._sweep_at
        ):
            # The answer is kept already; two processes that sweep at once may get in each other's way.
            with contextlib.suppress(SegueError):
                await self.sweep()

    async def _release(self, key: bytes, claim: bytes) -> None:
        await self._database.write(delete(answers).where(_at_work(key, claim)))


async def _afresh(produce: Callable[[], Awaitable[bytes]]) -> bytes:
    log.warning("the database can't be used: a request with an id is answered afresh, and its answer is not kept")
    return await produce()


def _at_work(key: bytes, claim: bytes) -> Any:
    return and_(answers.c.key == key, answers.c.claim == claim, answers.c.answer.is_(None))


def _now() -> int:
    return time.time_ns() // 1_000_000
