"""Calls that travel together are answered as if each had come alone."""

from __future__ import annotations

from typing import Any, Final

import grpc
from segue.conformance.check import BrokenPromise, Check, NotApplicable
from segue.conformance.checks.bad_input import bad_requests
from segue.conformance.compare import difference
from segue.conformance.failures import read_failure
from segue.conformance.requests import different_requests
from segue.conformance.subject import Subject


def look(subject: Subject) -> str:
    """Call different requests alone, then all of them at once with bad ones among them, and compare."""
    requests = different_requests(subject)
    alone = [subject.call(request) for request in requests]
    if difference(alone[0], subject.call(requests[0])):
        raise NotApplicable("the same request gives different answers even alone: see 'seed'")
    rounds = max(1, subject.affordable(24) // len(requests))
    bad = [bad.request for bad in bad_requests(subject) if not bad.answerable][-2:]
    calls = [(index, subject.begin(request)) for _ in range(rounds) for index, request in enumerate(requests)]
    beside = [subject.begin(request) for request in bad]
    for call in (*beside, *(call for _, call in calls)):
        call.exception()  # it is over now
    for index, call in calls:
        if found := difference(alone[index], _answer(subject, requests[index], call, len(calls))):
            raise BrokenPromise(
                f"one of {len(calls)} calls at once differs in {found} from the same call alone",
                "each item of a batch is computed from itself alone",
            )
    return f"{len(calls)} calls at once, {len(requests)} different, with {len(bad)} bad ones among them"


def _answer(subject: Subject, request: Any, call: Any, count: int) -> Any:
    """Return the answer of a call; one that found the queue full, as every queue has an end, is made again."""
    try:
        return call.result()
    except grpc.RpcError as error:
        if read_failure(error).reason == "OVERLOADED":
            return subject.call(request)
        raise BrokenPromise(
            f"one of {count} calls at once fails with {error.code().name}: {error.details()}",
            "an answer: a bad item of a batch fails alone",
        ) from error


CONCURRENCY: Final = Check("concurrency", "calls at once are answered as each alone", look)
