"""A caller who goes away takes the work along."""

from __future__ import annotations

import time
from typing import Any, Final

import grpc
from segue.conformance.check import BrokenPromise, Check
from segue.conformance.subject import Subject

_WORTH_SECONDS: Final = 2.0
"""Work that is begun and given up, at least, if calls are worth it: what would show if it went on."""
_UNDER_WAY_SECONDS: Final = 0.1
"""Until streams that are begun at once have all reached the algorithm."""
_SLACK_SECONDS: Final = 1.0


def look(subject: Subject) -> str:
    """Begin many calls, give them up, and time the next one."""
    single = subject.single_seconds
    count = min(max(8, int(_WORTH_SECONDS / single)), 48)
    if subject.entry.streams:
        streams = [subject.stream(subject.probe(seed=seed)) for seed in range(count)]
        _first_message(streams[0])
        time.sleep(max(0.3 * single, _UNDER_WAY_SECONDS))
        for stream in streams:
            stream.cancel()
    else:
        calls = [subject.begin(subject.probe(seed=seed)) for seed in range(count)]
        time.sleep(0.3 * single)
        for call in calls:
            call.cancel()
    took = next_call_seconds(subject)
    allowed = allowed_seconds(single)
    if took > allowed:
        raise BrokenPromise(
            f"after {count} calls were given up the next one takes {took:.2f} s; alone it takes {single:.2f} s",
            f"at most {allowed:.2f} s: let a cancelled call end, and step streams in short steps",
        )
    kind = "streams" if subject.entry.streams else "calls"
    return f"{count} {kind} given up, the next took {took:.2f} s, alone {single:.2f} s"


def _first_message(stream: Any) -> None:
    try:
        next(iter(stream), None)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.CANCELLED:
            raise


def next_call_seconds(subject: Subject) -> float:
    """Return how long a call takes now."""
    started = time.monotonic()
    subject.call(subject.probe(seed=1))
    return time.monotonic() - started


def allowed_seconds(single: float) -> float:
    """Return how long a call may take after others were given up: one that was under way in the model may end."""
    return 2 * single + _SLACK_SECONDS


CANCELLATION: Final = Check("cancellation", "calls that are given up free what they held", look, times=2)
