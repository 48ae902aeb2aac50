"""A plugin from outside serves; broken ones are named with their cause, and nobody else notices."""

import pytest
from segue.v1 import catalog_pb2, generate_pb2

from .server import READY, failure


@pytest.fixture(scope="module")
def plugins(server):
    reply = server.catalog.ListPlugins(catalog_pb2.ListPluginsRequest())
    return {plugin.name: plugin for plugin in reply.plugins}


def test_a_plugin_from_outside_serves(server, plugins):
    response = server.music.Generate(generate_pb2.GenerateRequest(algorithm="drone", bars=3))
    assert response.pieces[0].music.score.tracks[0].notes[0].duration == 12
    assert response.lineage.plugin == "segue-plugin-drone 1.0"
    assert plugins["drone"].algorithms == ["drone"]
    assert not plugins["drone"].quarantined


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("import-error", "ModuleNotFoundError: No module named 'a_library_that_is_not_installed'"),
        ("misspelled", "register_algoritms"),
        ("newer", "written for plugin API 99, this Segue has 1: upgrade segue"),
    ],
)
def test_a_broken_plugin_is_quarantined_with_its_cause(plugins, name, cause):
    assert plugins[name].quarantined
    assert cause in plugins[name].cause
    assert not plugins[name].algorithms


def test_a_model_that_dies_is_named_with_its_cause(server):
    algorithm = server.catalog.GetAlgorithm(catalog_pb2.GetAlgorithmRequest(name="dying")).algorithm
    assert algorithm.state == catalog_pb2.ALGORITHM_STATE_FAILING
    assert "the process of model dying died" in algorithm.cause
    code, reason, _, retry, _ = failure(server.music.Generate, generate_pb2.GenerateRequest(algorithm="dying"))
    assert (code, reason) == ("UNAVAILABLE", "ALGORITHM_UNAVAILABLE")
    assert retry > 0


def test_everything_else_serves(server):
    failing = {name for name, state in server.states().items() if state != READY}
    assert failing <= {"dying"}
    assert server.serving("")
    assert server.serving("drone")
    assert not server.serving("dying")
