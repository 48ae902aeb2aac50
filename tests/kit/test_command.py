"""``segue conform``: on a server of its own, and on one that runs."""

import json
import os
import subprocess

import pytest
from segue.conformance import CHECKS
from segue.conformance.command import app
from typer.testing import CliRunner

from ..e2e.server import SEGUE


def invoke(*arguments):
    result = CliRunner().invoke(app, arguments, terminal_width=200, env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_on_a_server_of_its_own(kit_site, tmp_path):
    """By the command itself; the server that it starts loads this plugin's algorithm and leaves nothing behind."""
    checks = [argument for name in ("catalog", "verb", "leak") for argument in ("--only", name)]
    command = [*SEGUE, "conform", "my-transferrer", "--json", "--seconds", "1", *checks, "--store", tmp_path / "store"]
    environment = os.environ | {"PYTHONPATH": str(kit_site)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [(result["check"], result["verdict"]) for result in results] == [
        ("catalog", "pass"),
        ("verb", "pass"),
        ("leak", "pass"),
    ]
    assert not list(tmp_path.iterdir())


def test_on_a_server_that_runs(kit_server):
    result = invoke("bad-verb", "--address", kit_server.address, "--only", "verb", "--only", "leak", "--seconds", "1")
    assert result.exit_code == 1
    assert "wrong: count 2 gave 1 pieces" in result.stdout
    assert "right: as many as were asked for" in result.stdout
    assert "not applicable" in result.stdout
    assert "bad-verb does not conform: verb." in result.stdout
    assert invoke("blameless", "--address", kit_server.address, "--only", "verb").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("nobody-at-all",), 1, "'nobody-at-all' is not installed here, must be one of"),
        (("chorale", "--address", "127.0.0.1:1"), 1, "does not serve 'chorale': UNAVAILABLE"),
        (("chorale", "--only", "no-such-check"), 2, CHECKS[0].name),
    ],
)
def test_what_is_wrong_is_said(arguments, code, text):
    result = invoke(*arguments)
    assert result.exit_code == code
    assert text in " ".join(result.stderr.split())
