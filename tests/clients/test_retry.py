"""The arithmetic of retries."""

import time

import pytest
from segue.client import Draining, InvalidField, Overloaded, RetryPolicy
from segue.client._retry import Attempts


def test_pauses_grow_and_end():
    attempts = Attempts(RetryPolicy(attempts=5, first_pause_seconds=1, longest_pause_seconds=3), 100, retriable=True)
    pauses = [attempts.pause_after(Draining("x")) for _ in range(5)]
    assert pauses.pop() is None
    for pause, longest in zip(pauses, (1, 2, 3, 3), strict=True):
        assert longest / 2 <= pause <= longest


def test_the_server_may_ask_for_more_but_not_for_less():
    attempts = Attempts(RetryPolicy(first_pause_seconds=1), 100, retriable=True)
    assert 7 <= attempts.pause_after(Overloaded("x", retry_after=7)) <= 7.7
    assert attempts.pause_after(Overloaded("x", retry_after=0.001)) >= 1


@pytest.mark.parametrize(
    ("policy", "retriable", "error"),
    [
        (RetryPolicy(), False, Draining("x")),
        (RetryPolicy(attempts=1), True, Draining("x")),
        (RetryPolicy(), True, InvalidField("x")),
        (RetryPolicy(), True, Draining("x", retry_after=11)),
    ],
)
def test_what_is_final(policy, retriable, error):
    assert Attempts(policy, 10, retriable=retriable).pause_after(error) is None


def test_time_runs_out():
    attempts = Attempts(RetryPolicy(), 0.01, retriable=True)
    time.sleep(0.02)
    assert attempts.remaining_seconds() == 0
