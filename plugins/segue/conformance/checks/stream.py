"""A stream says how far it has come and ends with the answer that the plain call gives."""

from __future__ import annotations

from typing import Any, Final

from segue.conformance.check import BrokenPromise, Check, NotApplicable
from segue.conformance.compare import difference
from segue.conformance.subject import Subject


def look(subject: Subject) -> str:
    """Call its probe as a stream and as a plain call."""
    if not subject.entry.streams:
        raise NotApplicable("it does not stream")
    messages = list(subject.stream(subject.probe(seed=5)))
    if not messages or not messages[-1].HasField("complete"):
        raise BrokenPromise(f"a stream of {len(messages)} messages ends without 'complete'", "the answer comes last")
    if any(message.HasField("complete") for message in messages[:-1]):
        raise BrokenPromise("'complete' comes before the last message", "the answer comes last, once")
    if any(message.WhichOneof("event") is None for message in messages):
        raise BrokenPromise("a message of the stream is empty", "progress, bars and at last the answer")
    events = [getattr(message, message.WhichOneof("event")) for message in messages[:-1]]
    _look_at_progress(events)
    complete = messages[-1].complete
    plain = subject.call(subject.probe(seed=5))
    if not difference(plain, subject.call(subject.probe(seed=5))) and (found := difference(complete, plain)):
        raise BrokenPromise(f"stream and plain call differ in {found}", "the same seed gives the same answer by both")
    return f"{len(messages)} messages"


def _look_at_progress(events: list[Any]) -> None:
    steps = [getattr(event, "fraction", getattr(event, "number", 0)) for event in events]
    if steps != sorted(steps):
        raise BrokenPromise(f"its progress goes {', '.join(f'{step:g}' for step in steps)[:80]}", "it never falls")
    shares = [event.fraction for event in events if hasattr(event, "fraction")]
    if any(not 0 <= share <= 1 for share in shares):
        raise BrokenPromise(f"its progress is {max(shares)}", "a fraction from 0 to 1")


STREAM: Final = Check("stream", "a stream goes forward and ends with the answer of the plain call", look)
