"""One broken plugin is quarantined with its cause; the others load."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from segue.plugin_api import Analyzer, Options, hookimpl
from segue.server.plugins import load_plugins
from segue.v1 import analyze_pb2


class Ear(Analyzer):
    name, version, summary = "ear", "1", "Listens"

    async def analyze(self, request, call):
        return analyze_pb2.AnalyzeResponse()

    def probe(self):
        return analyze_pb2.AnalyzeRequest()

    def check_probe(self, response):
        pass


@pytest.fixture
def plugin(monkeypatch):
    """Make a module with some hooks and return its entry point."""

    def make(name, **contents):
        module = ModuleType(f"test_plugin_{name}".replace("-", "_"))
        for key, value in contents.items():
            if callable(value):
                value = hookimpl(value)
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name, module.__name__, "segue.plugins")

    return make


def good():
    return [Ear()]


def raising():
    raise OSError("no disk")


def leaving():
    sys.exit(3)


def causes(*entries):
    return {plugin.name: plugin.cause for plugin in load_plugins(found=entries)}


@pytest.mark.parametrize(
    ("contents", "cause"),
    [
        ({"register_algorithms": raising}, "OSError: no disk"),
        ({"register_algorithms": leaving}, "SystemExit: 3"),
        ({"register_algorithms": lambda: 7}, "TypeError"),
        ({"register_algorithms": lambda: [7]}, "registered 7, which is no Algorithm"),
        ({"register_algoritms": good}, "unknown hook 'register_algoritms'; the hooks are: register_algorithms"),
        ({}, "implements no hook"),
        ({"SEGUE_PLUGIN_API": 2, "register_algorithms": good}, "written for plugin API 2, this Segue has 1"),
    ],
)
def test_a_broken_plugin_is_named_and_others_load(plugin, contents, cause):
    found = causes(plugin("a-broken", **contents), plugin("good", register_algorithms=good))
    assert cause in found["a-broken"]
    assert found["good"] == ""


class Required(Options):
    must: int


@pytest.mark.parametrize(
    ("attribute", "value", "cause"),
    [
        ("Options", 5, "AttributeError"),
        ("Options", Required, "Field required"),
        ("limits", {"bars": "many"}, "TypeError"),
        ("version", 1, "TypeError"),
        ("models", ("x",), "models holds 'x'"),
        ("accepts", (7,), "accepts is (7,)"),
    ],
)
def test_an_algorithm_that_would_spoil_the_list_of_all_is_kept_out(plugin, attribute, value, cause):
    class Odd(Ear):
        name = "odd"

    setattr(Odd, attribute, value)
    odd, ear = load_plugins(
        found=[plugin("a-odd", register_algorithms=lambda: [Odd()]), plugin("good", register_algorithms=good)]
    )
    assert "algorithm 'odd' can't be described" in odd.cause
    assert cause in odd.cause
    assert odd.algorithms == []
    assert [algorithm.name for algorithm in ear.algorithms] == ["ear"]


def test_an_older_plugin_loads(plugin):
    assert causes(plugin("old", SEGUE_PLUGIN_API=0, register_algorithms=good)) == {"old": ""}


def test_a_name_belongs_to_the_first(plugin):
    found = causes(plugin("one", register_algorithms=good), plugin("two", register_algorithms=good))
    assert found["one"] == ""
    assert "already registered by plugin 'one'" in found["two"]


def test_only_the_wanted_are_loaded(plugin):
    entries = [plugin("one", register_algorithms=good), plugin("two", register_algorithms=raising)]
    assert [p.name for p in load_plugins(["one"], entries)] == ["one"]


def test_one_that_is_wanted_and_not_installed_is_named(plugin):
    one, won = load_plugins(["won", "one"], [plugin("one", register_algorithms=good)])
    assert (one.name, one.cause) == ("one", "")
    assert (won.name, won.algorithms) == ("won", [])
    assert "no such entry point is installed" in won.cause


def test_the_shipped_plugins_load():
    shipped = [plugin for plugin in load_plugins() if plugin.distribution.startswith("segue ")]
    assert {plugin.name for plugin in shipped} >= {"chorale", "polish", "recommend", "score"}
    assert [plugin.cause for plugin in shipped if plugin.cause] == []
