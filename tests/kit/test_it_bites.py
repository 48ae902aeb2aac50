"""Each seeded bad plugin is caught by the check that is named after it, and by no other."""

import pytest
from segue.conformance import CHECKS, Verdict

from .conftest import NAMES

BAD = [check.name for check in CHECKS if check.name != "request-id"]
"""What an algorithm can do wrong; a request id is the gateway's own affair (``test_request_id.py``)."""


def failed(subject):
    results = [check.run(subject) for check in CHECKS]
    return {result.check: result for result in results if result.verdict is Verdict.FAIL}


@pytest.mark.parametrize("check", BAD)
def test_a_bad_plugin_fails_the_check_of_its_name_alone(look_at, check):
    with look_at(f"bad-{check}") as subject:
        found = failed(subject)
    assert set(found) == {check}, {name: result.wrong for name, result in found.items()}
    assert found[check].wrong
    assert found[check].right


@pytest.mark.parametrize("name", ["blameless", "blameless-stream", *NAMES.values()])
def test_a_good_one_fails_none(look_at, name):
    with look_at(name) as subject:
        found = failed(subject)
    assert not found, {name: result.wrong for name, result in found.items()}
