"""What a check is, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import grpc
from segue.conformance.failures import read_failure
from segue.conformance.subject import Subject


class Verdict(StrEnum):
    """What a check says."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


class BrokenPromise(Exception):
    """A promise that an algorithm does not keep.

    Parameters
    ----------
    wrong
        What happened.
    right
        What was promised, or what would mend it.
    """

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}; {right}")
        self.wrong = wrong
        self.right = right


class NotApplicable(Exception):
    """A promise that does not concern this algorithm, or can't be looked at from here; the text says why."""


class NotConforming(AssertionError):
    """Raised by ``Result.expect``, for tests."""


@dataclass(frozen=True)
class Result:
    """What came of a check.

    Attributes
    ----------
    check
        Name of the check.
    promise
        What it looks at, in a sentence.
    verdict
        Pass, fail or not applicable.
    seconds
        How long it took.
    wrong, right
        What was wrong and what would be right; empty unless it failed.
    note
        What was tried, or why it is not applicable.
    """

    check: str
    promise: str
    verdict: Verdict
    seconds: float
    wrong: str = ""
    right: str = ""
    note: str = ""

    def expect(self) -> None:
        """Do nothing if the promise is kept or does not apply.

        Raises
        ------
        NotConforming
            What was wrong and what would be right.
        """
        if self.verdict is Verdict.FAIL:
            raise NotConforming(f"{self.check}: {self.wrong}. Right would be: {self.right}")


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes
    ----------
    name
        Its name, e.g. ``"seed"``.
    promise
        What an algorithm promises, in a sentence.
    look
        Looks whether it is kept and returns what was tried. It raises ``BrokenPromise`` or ``NotApplicable``.
    times
        How often it looks before it calls the promise broken: twice where a machine that is busy for a moment would
        look like a broken promise.
    """

    name: str
    promise: str
    look: Callable[[Subject], str]
    times: int = 1

    def run(self, subject: Subject) -> Result:
        """Look at one algorithm. A call that fails where it must not is a broken promise too."""
        started = time.monotonic()
        verdict, wrong, right, note = Verdict.PASS, "", "", ""
        try:
            note = self._look(subject)
        except NotApplicable as reason:
            verdict, note = Verdict.NOT_APPLICABLE, str(reason)
        except BrokenPromise as broken:
            verdict, wrong, right = Verdict.FAIL, broken.wrong, broken.right
        except grpc.RpcError as error:
            failure = read_failure(error)
            verdict, wrong, right = Verdict.FAIL, f"a call failed with {failure}", "an answer"
        seconds = time.monotonic() - started
        subject.recover()
        return Result(self.name, self.promise, verdict, seconds, wrong, right, note)

    def _look(self, subject: Subject) -> str:
        for _ in range(self.times - 1):
            try:
                return self.look(subject)
            except BrokenPromise:
                subject.recover()
                subject.forget_timing()
        return self.look(subject)
