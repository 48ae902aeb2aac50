"""The container files: linted, and held against what they copy, set and start."""

import fnmatch
import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from segue.server.settings import Settings
from segue.server.tritonserver import find_installation

ROOT = Path(__file__).parents[2]
FILES = {path.name: path.read_text() for path in (ROOT / "deploy").glob("*.Dockerfile")}

every_file = pytest.mark.parametrize("name", FILES)


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).parent / "hadolint"
    return subprocess.run([linter, "--no-color", path], capture_output=True, text=True, timeout=60)


def instruction(name: str, word: str) -> list[str]:
    """Return the words of an exec-form instruction."""
    (found,) = re.findall(rf"^{word} (\[.*?\])$", FILES[name].replace("\\\n", ""), re.MULTILINE)
    return json.loads(found)


def test_both_are_there():
    assert set(FILES) == {"gateway.Dockerfile", "model-server.Dockerfile"}


@every_file
def test_lints(name):
    result = hadolint(ROOT / "deploy" / name)
    assert result.returncode == 0, result.stdout


def test_lint_bites(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /tmp && pip install numpy\nENTRYPOINT segue serve\n")
    assert {"DL3007", "DL3013", "DL3025"} <= set(re.findall(r"DL\d+", hadolint(bad).stdout))


@every_file
def test_runs_as_a_numbered_user_and_stops_on_sigterm(name):
    assert re.findall(r"^USER (\d+):\d+$", FILES[name], re.MULTILINE)[-1] != "0"
    assert "STOPSIGNAL SIGTERM" in FILES[name]


@every_file
def test_copies_what_there_is_and_the_context_lets_in(name):
    ignored, *admitted = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert ignored == "*"
    for words in re.findall(r"^COPY (?!--from)(.*) \S+$", FILES[name], re.MULTILINE):
        for source in words.split():
            assert (ROOT / source).exists(), source
            assert any(fnmatch.fnmatch(f"!{source}", rule) for rule in admitted), source


@every_file
def test_variables_are_settings(name):
    for variable in re.findall(r"(SEGUE_\w+)=", FILES[name]):
        assert variable.removeprefix("SEGUE_").lower() in Settings.model_fields


def test_triton_knows_the_flags():
    installation = find_installation()
    libraries = f"{installation.libraries}:{sysconfig.get_config_var('LIBDIR')}"
    result = subprocess.run(
        [installation.binary, "--help"], capture_output=True, text=True, timeout=60, env={"LD_LIBRARY_PATH": libraries}
    )
    known = set(re.findall(r"--[a-z-]+", result.stdout + result.stderr))
    flags = instruction("model-server.Dockerfile", "ENTRYPOINT")[2:] + instruction("model-server.Dockerfile", "CMD")
    assert {flag.partition("=")[0] for flag in flags} <= known
