"""A request id is answered once: a retry gets the same answer, another request under it is refused."""

from __future__ import annotations

import uuid
from typing import Final

from segue.conformance.check import BrokenPromise, Check
from segue.conformance.subject import Subject


def look(subject: Subject) -> str:
    """Send the same request twice under one id, then another one."""
    request = subject.probe(request_id=f"conform-{uuid.uuid4().hex}")
    first, second = subject.call(request), subject.call(request)
    if first != second:
        raise BrokenPromise(
            f"a retry under the same request_id was run anew (response {second.lineage.response_id})",
            "the answer of the first call, kept",
        )
    other = subject.probe(seed=991)
    other.request_id = request.request_id
    failure = subject.failure(other)
    if failure is None or failure.reason != "REQUEST_ID_REUSED":
        raise BrokenPromise(f"another request under the same request_id got {failure or 'an answer'}", "ALREADY_EXISTS")
    return "a retry, and a reuse"


REQUEST_ID: Final = Check("request-id", "a request id is answered once", look)
