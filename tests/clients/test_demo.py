"""``segue demo`` says what it waits for, goes on without what fails, and gives up with what is missing."""

import re

import pytest
from segue.client import Unavailable
from segue.client.demo import app
from segue.client.demo._waiting import NotReady, wait_until_ready
from segue.v1 import catalog_pb2
from typer.testing import CliRunner

LOADING, READY, FAILING = (
    catalog_pb2.ALGORITHM_STATE_LOADING,
    catalog_pb2.ALGORITHM_STATE_READY,
    catalog_pb2.ALGORITHM_STATE_FAILING,
)


class Scripted:
    """Gives one list of states after the other; the last one over and over."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def algorithms(self, *, timeout=None):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise Unavailable("nothing answers")
        return [catalog_pb2.Algorithm(name=name, state=state, cause="ill") for name, state in answer.items()]


def wait(*answers, running=lambda: True, **limits):
    told = []
    failing = wait_until_ready(Scripted(*answers), running, told.append, pause_seconds=0.01, **limits)
    return failing, [re.sub(r" \(\d+ s\)$", "", text.removeprefix("Starting Segue and its Triton: ")) for text in told]


def test_it_tells_how_far_it_is():
    failing, told = wait(None, {"b": LOADING, "a": LOADING}, {"b": FAILING, "a": READY}, {"b": READY, "a": READY})
    assert failing == {}
    assert told == [
        "it does not answer yet",
        "0 of 2 algorithms are ready; loading a, b",
        "1 of 2 algorithms are ready; failing b",
    ]


def test_it_goes_on_without_what_keeps_failing():
    failing, told = wait({"a": LOADING, "b": FAILING}, {"a": READY, "b": FAILING}, healing_seconds=0.1)
    assert failing == {"b": "ill"}
    assert set(told[1:]) == {"1 of 2 algorithms are ready; failing b"}


def test_it_gives_up_and_names_what_is_missing():
    with pytest.raises(
        NotReady, match=r"After \d+ s the server is not ready: 1 of 2 algorithms are ready; loading b\."
    ):
        wait({"a": READY, "b": LOADING}, patience_seconds=0.1, healing_seconds=0.0)


def test_a_server_that_ends_is_not_waited_for():
    with pytest.raises(NotReady, match="ended"):
        wait(None, running=iter([True, True, False]).__next__)


def test_a_folder_that_can_not_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "file" / "results")])
    assert result.exit_code == 1
    assert result.stderr.endswith("Not a directory\n")
