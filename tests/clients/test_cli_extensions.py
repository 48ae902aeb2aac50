"""Commands of other parts: listed without being imported, imported when called, and never able to break the rest."""

import sys
from importlib.metadata import EntryPoint

import pytest
import typer
from segue.client.cli import _extensions, app
from typer.testing import CliRunner

MODULE = '''
import typer
app = typer.Typer()

@app.callback(invoke_without_command=True)
def run(name: str = "nobody"):
    """Greet."""
    print("hello", name)

def function(times: int):
    print("x" * times)
'''


@pytest.fixture
def segue(monkeypatch, tmp_path):
    """Run ``segue ...`` with commands of another distribution."""
    (tmp_path / "greeting.py").write_text(MODULE)
    (tmp_path / "light.py").write_text("import not_installed_anywhere")
    (tmp_path / "broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    values = {
        "greet": "greeting:app",
        "times": "greeting:function",
        "train": "light:app",
        "other": "light:app",
        "broken": "broken:app",
    }
    points = [EntryPoint(name, value, _extensions.GROUP) for name, value in values.items()]
    monkeypatch.setattr(_extensions, "_points", lambda: points)
    yield lambda *arguments: CliRunner().invoke(app, arguments)
    sys.modules.pop("greeting", None)


def test_listing_imports_nothing(segue):
    result = segue("--help")
    assert result.exit_code == 0
    for name in ("greet", "train", "broken", "recommend"):
        assert name in result.stdout
    assert "greeting" not in sys.modules


def test_a_typer_app_or_a_function_is_called(segue):
    assert segue("greet", "--name", "Ada").stdout == "hello Ada\n"
    assert "Greet." in segue("greet", "--help").stdout
    assert segue("times", "3").stdout == "xxx\n"


def test_a_missing_extra_is_named(segue):
    result = segue("train")
    assert result.exit_code == 1
    assert "pip install 'segue[train]'" in result.stderr
    assert "not_installed_anywhere" in result.stderr
    assert "pip install" not in segue("other").stderr


def test_a_broken_command_breaks_only_itself(segue):
    result = segue("broken")
    assert result.exit_code == 1
    assert "'segue broken' is broken: ZeroDivisionError" in result.stderr
    assert segue("greet").exit_code == 0


def test_a_command_of_our_own_can_not_be_replaced(monkeypatch):
    monkeypatch.setattr(_extensions, "_points", lambda: [EntryPoint("plugins", "nowhere:app", _extensions.GROUP)])
    assert "List the server's plugins" in CliRunner().invoke(app, ["plugins", "--help"]).stdout


def test_every_command_of_this_distribution_has_a_help_and_a_remedy():
    assert {point.name for point in _extensions._points()} <= set(_extensions._OWN)
    assert isinstance(app, typer.Typer)
