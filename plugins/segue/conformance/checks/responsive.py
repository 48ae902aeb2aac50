"""The gateway answers others while the algorithm works: its half awaits and does not compute."""

from __future__ import annotations

import time
from typing import Final

from segue.conformance.check import BrokenPromise, Check
from segue.conformance.requests import different_requests
from segue.conformance.subject import Subject
from segue.v1 import catalog_pb2

_LONGEST_SECONDS: Final = 0.5
"""Of a call that takes a millisecond; long enough for a busy machine, short for somebody who waits."""

_FIRST_SEED: Final = 101


def look(subject: Subject) -> str:
    """List the plugins again and again while calls are under way."""
    requests = different_requests(subject)
    for index, request in enumerate(requests):
        request.seed = _FIRST_SEED + index  # what was computed before is of no use
    calls = [subject.begin(request) for request in requests]
    waits: list[float] = []
    end = time.monotonic() + subject.bounds.seconds
    while time.monotonic() < end:
        started = time.monotonic()
        subject.catalog.ListPlugins(catalog_pb2.ListPluginsRequest(), timeout=subject.bounds.call_seconds)
        waits.append(time.monotonic() - started)
        if all(call.done() for call in calls):
            break
        time.sleep(0.01)
    for call in calls:
        call.result()
    if max(waits) > _LONGEST_SECONDS:
        raise BrokenPromise(
            f"while it works the gateway answers others only after {max(waits):.2f} s",
            "a gateway half that awaits its models; what computes or sleeps belongs in the model half",
        )
    return f"others waited at most {1000 * max(waits):.0f} ms"


RESPONSIVE: Final = Check("responsive", "the gateway answers others while it works", look, times=2)
