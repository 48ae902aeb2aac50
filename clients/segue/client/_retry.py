"""When to try a call again: arithmetic only, so that the synchronous and the asyncio client share it."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from segue.client._errors import Overloaded, SegueError, Unavailable


@dataclass(frozen=True)
class RetryPolicy:
    """How often and after which pauses a call is tried again.

    A call is tried again after `Unavailable` and `Overloaded`, never past its timeout, and only if doing it twice does
    no harm. The server's own ``retry_after`` replaces a shorter pause.
    """

    attempts: int = 5
    """How often a call is made in all, at least 1; 1 switches retries off."""
    first_pause_seconds: float = 0.1
    """The pause before the second attempt. Each further pause is twice as long."""
    longest_pause_seconds: float = 5.0
    """No pause of our own is longer; the server's wish may be."""


class Attempts:
    """The attempts of one call, from now until its timeout.

    Parameters
    ----------
    policy
        How often, after which pauses.
    timeout_seconds
        Time for all attempts together.
    retriable
        False for a call that must not be made twice.
    """

    def __init__(self, policy: RetryPolicy, timeout_seconds: float, *, retriable: bool) -> None:
        self.timeout_seconds = timeout_seconds
        self._pause = policy.first_pause_seconds
        self._longest_pause = policy.longest_pause_seconds
        self._left = policy.attempts - 1 if retriable else 0
        self._end = time.monotonic() + timeout_seconds

    def remaining_seconds(self) -> float:
        """Time left for the next attempt, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def pause_after(self, error: SegueError) -> float | None:
        """Seconds to wait before the next attempt; None if this error is final."""
        if self._left <= 0 or not isinstance(error, Unavailable | Overloaded):
            return None
        # Jitter keeps clients that failed together from coming back together.
        pause = max(self._pause * random.uniform(0.5, 1.0), (error.retry_after or 0.0) * random.uniform(1.0, 1.1))
        if pause >= self.remaining_seconds():
            return None
        self._left -= 1
        self._pause = min(2 * self._pause, self._longest_pause)
        return pause
