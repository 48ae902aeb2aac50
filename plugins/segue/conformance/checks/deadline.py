"""A call is over when its deadline is, and the server goes on."""

from __future__ import annotations

import time
from typing import Final

import grpc
from segue.conformance.check import BrokenPromise, Check
from segue.conformance.checks.cancellation import allowed_seconds, next_call_seconds
from segue.conformance.failures import read_failure
from segue.conformance.subject import Subject
from segue.v1 import catalog_pb2

_LATE_SECONDS: Final = 0.5
_SHARES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Deadlines of calls that are made at once, in times of what one takes alone: most run out while it works."""


def look(subject: Subject) -> str:
    """Make calls with far too little time, and time the next one."""
    single = subject.single_seconds
    longest = max(0.001, single * _SHARES[-1])
    started = time.monotonic()
    calls = [subject.begin(subject.probe(seed=seed), longest * share) for seed, share in enumerate(_SHARES)]
    failures = [read_failure(error) for call in calls if isinstance(error := call.exception(), grpc.RpcError)]
    late = time.monotonic() - started - longest
    for failure in failures:
        if failure.code != "DEADLINE_EXCEEDED":
            raise BrokenPromise(f"a call that has too little time fails with {failure}", "DEADLINE_EXCEEDED")
    if late > _LATE_SECONDS:
        raise BrokenPromise(f"a call of {1000 * longest:.0f} ms ends {late:.2f} s late", "an end at the deadline")
    took, allowed = next_call_seconds(subject), allowed_seconds(single)
    if took > allowed:
        raise BrokenPromise(
            f"after {len(failures)} calls ran out of time the next takes {took:.2f} s; alone it takes {single:.2f} s",
            f"at most {allowed:.2f} s: let the work end with the call",
        )
    if subject.describe().state != catalog_pb2.ALGORITHM_STATE_READY:
        raise BrokenPromise("after calls ran out of time it no longer serves", "it goes on")
    few, many = (1000 * longest * share for share in (_SHARES[0], _SHARES[-1]))
    return f"{len(failures)} of 8 calls ran out of {few:.0f} to {many:.0f} ms, the next took {took:.2f} s"


DEADLINE: Final = Check("deadline", "a call ends at its deadline, and its work with it", look, times=2)
