"""The examples of the client's README run as they stand."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from segue.client.cli import app
from typer.testing import CliRunner

README = (Path(__file__).parents[2] / "clients/segue/client/README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]


@pytest.fixture
def folder(fake, address, tmp_path, monkeypatch, midi):
    """A folder with the files that the examples name, and the fake where they look for a server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGUE_ADDRESS", address)
    for name in ("song.mid", "new.mid"):
        (tmp_path / name).write_bytes(midi)
    soundfile.write(tmp_path / "song.wav", np.zeros(8_000), 8_000)


@pytest.mark.parametrize("example", PYTHON, ids=lambda code: code.split("\n")[0])
def test_python(folder, address, example):
    exec(example.replace("127.0.0.1:8700", address), {})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(folder, command):
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output


def test_there_are_examples():
    assert len(PYTHON) >= 4
    assert len(COMMANDS) >= 8
