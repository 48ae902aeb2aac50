"""The same seed gives the same answer."""

from __future__ import annotations

from typing import Final

from segue.conformance.check import BrokenPromise, Check, NotApplicable
from segue.conformance.compare import difference
from segue.conformance.subject import Subject


def look(subject: Subject) -> str:
    """Call with the same seed again, with others, and again with one that the server drew."""
    times = subject.affordable(3)
    for seed in range(11, 11 + times):
        found = difference(subject.call(subject.probe(seed=seed)), subject.call(subject.probe(seed=seed)))
        if found:
            raise BrokenPromise(
                f"two calls with seed {seed} differ in {found}", "draw everything random from item.seed alone"
            )
    request = subject.probe()
    request.ClearField("seed")
    drawn = subject.call(request)
    request.seed = drawn.lineage.seed
    if found := difference(drawn, subject.call(request)):
        raise BrokenPromise(
            f"replaying the seed of a lineage differs in {found}", "draw everything random from item.seed alone"
        )
    answers = [subject.call(subject.probe(seed=seed)) for seed in (1, 2, 3)]
    if not any(difference(answers[0], other) for other in answers[1:]):
        raise NotApplicable("nothing is drawn at random: all seeds give the same answer, again and again")
    return f"{times} seeds repeated, one replayed"


SEED: Final = Check("seed", "the same seed gives the same answer", look)
