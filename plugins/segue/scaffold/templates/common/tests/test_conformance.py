"""The public conformance suite, on a server of its own. It needs the plugin installed: ``pip install -e .``."""

import pytest
from segue.conformance import CHECKS, embedded


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    with embedded("newcomer", store=tmp_path_factory.mktemp("store")) as subject:
        yield subject


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_it_conforms(subject, check):
    check.run(subject).expect()
