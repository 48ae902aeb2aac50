"""``segue new``: what it writes is clean, trained and tested, and it writes over nothing."""

import json
import os
import shlex
import subprocess
import sys
import tomllib
from importlib.resources import files

import pytest
from segue.plugin_api import InvalidField
from segue.plugin_api.errors import FailedPrecondition
from segue.scaffold import KINDS, train_shipped, write_project
from segue.scaffold.command import app
from segue.scaffold.project import LONGEST_NAME
from typer.testing import CliRunner

from ..e2e.server import SEGUE
from .conftest import NAMES, ROOT

LONGEST = "forty-characters-are-the-longest-name-01"


def run(*command, **keywords):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **keywords)


@pytest.mark.parametrize("name", ["a", LONGEST])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_clean_whatever_its_name(tmp_path, kind, name):
    assert len(LONGEST) == LONGEST_NAME
    written = write_project(kind, name, tmp_path)
    for path in written:
        assert "newcomer" not in f"{path}{(tmp_path / path).read_text()}"
    assert "<!--" not in (tmp_path / "README.md").read_text()
    for command in (("check",), ("format", "--check")):
        done = run(sys.executable, "-m", "ruff", *command, "--no-cache", tmp_path)
        assert done.returncode == 0, done.stdout


def test_its_entry_point_is_all_the_registration(tmp_path):
    write_project("generator", "my-waltz", tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert project["name"] == "segue-plugin-my-waltz"
    assert project["entry-points"] == {"segue.plugins": {"my-waltz": "segue_plugin_my_waltz.plugin"}}
    assert (tmp_path / "segue_plugin_my_waltz" / "plugin.py").is_file()
    assert (tmp_path / ".gitignore").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_its_types_are_right(projects, kind):
    done = run(sys.executable, "-m", "mypy", "--cache-dir", ROOT / ".mypy_cache", cwd=projects[kind])
    assert done.returncode == 0, done.stdout


def test_its_own_tests_pass(projects):
    tests = [folder / "tests" / f"test_my_{kind}.py" for kind, folder in projects.items()]
    paths = os.pathsep.join(map(str, projects.values()))
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", *tests]
    done = run(*command, cwd=projects["generator"], env=os.environ | {"PYTHONPATH": paths})
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_its_weights_are_those_of_its_own_training(projects, kind):
    name = NAMES[kind]
    version = projects[kind] / f"segue_plugin_{name.replace('-', '_')}" / "weights" / name / "1"
    card = json.loads((version / "card.json").read_text())
    assert card["command"] == f"segue train {name} --data data --seed 0"
    assert card["data"][0]["licence"] == "CC0-1.0"
    (report,) = card["reports"]
    assert {name} < set(report["rows"])
    assert sum(path.stat().st_size for path in version.iterdir()) < 2e6


def commands_of(readme):
    """Return the lines of the code blocks of a README."""
    blocks = readme.read_text().split("```")[1::2]
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.mark.parametrize("kind", KINDS)
def test_the_call_in_its_readme_is_answered(projects, kit_server, tmp_path, kind):
    verbs = ("segue recommend ", "segue generate ", "segue transfer ", "segue analyze ")
    (command,) = [line for line in commands_of(projects[kind] / "README.md") if line.startswith(verbs)]
    (tmp_path / "piece.mid").write_bytes((files("segue.client.demo") / "chorale.mid").read_bytes())
    environment = os.environ | {"SEGUE_ADDRESS": kit_server.address, "COLUMNS": "100"}
    done = run(*SEGUE, *shlex.split(command)[1:], cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_way_to_a_version_of_ones_own_in_its_readme(projects, kit_site, tmp_path):
    wanted = ("python -m", "segue train", "segue models")
    environment = os.environ | {"PYTHONPATH": str(kit_site)}
    for line in (line for line in commands_of(projects["analyzer"] / "README.md") if line.startswith(wanted)):
        first, *rest = shlex.split(line)
        command = [sys.executable, *rest] if first == "python" else [*SEGUE, *rest]
        done = run(*command, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
    assert "my-analyzer now serves version 2" in done.stdout


@pytest.mark.parametrize(
    "name", ["", "Waltz", "3-beats", "my_waltz", "my--waltz", "waltz-", "-waltz", "my waltz", "ж", "../up", "a" * 41]
)
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(InvalidField, match="lower-case letters") as caught:
        write_project("generator", name, tmp_path / "new")
    assert caught.value.violations[0][0] == "name"
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "precious").write_text("x")
    for folder in (tmp_path, tmp_path / "precious"):
        with pytest.raises(FailedPrecondition, match="not empty"):
            write_project("generator", "my-waltz", folder)
    assert (tmp_path / "precious").read_text() == "x"


def invoke(*arguments):
    result = CliRunner().invoke(app, arguments, terminal_width=200)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("composer", "my-waltz"), "kind: is 'composer', must be one of recommender, generator, transferrer, analyzer"),
        (("generator", "chorale"), "name: is 'chorale', which plugin 'chorale' has taken; choose another"),
        (("generator", "My Waltz"), "name: is 'My Waltz', must be lower-case letters"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, arguments, text):
    result = invoke(*arguments, "--out", str(tmp_path / "new"))
    assert result.exit_code == 1
    assert text in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_the_project_is_named_after_the_algorithm_where_no_folder_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segue-plugin-my-tango").mkdir()
    (tmp_path / "segue-plugin-my-tango" / "precious").write_text("x")
    assert "segue-plugin-my-tango is there already" in invoke("generator", "my-tango").stderr


def test_a_training_that_fails_is_told(tmp_path):
    write_project("analyzer", "my-tango", tmp_path)
    (tmp_path / "segue_plugin_my_tango" / "example_data.py").write_text("raise SystemExit('out of tunes')")
    with pytest.raises(FailedPrecondition, match="could not be trained: out of tunes"):
        train_shipped("my-tango", tmp_path)


def test_a_project_whose_model_can_not_be_trained_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise FailedPrecondition("the new project's model could not be trained")

    monkeypatch.setattr("segue.scaffold.command.train_shipped", fail)
    for _ in range(2):
        result = invoke("generator", "my-tango", "--out", str(tmp_path / "tango"))
        assert (result.exit_code, "could not be trained" in result.stderr) == (1, True)
    assert not (tmp_path / "tango").exists()
