"""The public conformance suite: what every algorithm promises, checked from outside against a real server.

``segue conform NAME`` runs it. In an author's own tests:

>>> import pytest
>>> from segue.conformance import CHECKS, embedded
>>> @pytest.fixture(scope="module")
... def subject():
...     with embedded("my-algorithm") as subject:
...         yield subject
>>> @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
... def test_it_conforms(subject, check):
...     check.run(subject).expect()
"""

from segue.conformance.check import Check, NotConforming, Result, Verdict
from segue.conformance.checks import CHECKS
from segue.conformance.server import connected, embedded
from segue.conformance.subject import Bounds, Subject

__all__ = ["CHECKS", "Bounds", "Check", "NotConforming", "Result", "Subject", "Verdict", "connected", "embedded"]
