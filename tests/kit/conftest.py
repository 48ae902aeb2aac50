"""One real server with the seeded bad plugins and a project of each kind that ``segue new`` wrote."""

import subprocess
import sys
from pathlib import Path

import pytest
from segue.conformance import Bounds, connected
from segue.scaffold import KINDS
from segue.scaffold import command as new
from typer.testing import CliRunner

from ..e2e.server import Server

ROOT = Path(__file__).parents[2]
PLUGINS = Path(__file__).parent / "plugins"
NAMES = {kind: f"my-{kind}" for kind in KINDS}
BOUNDS = Bounds(seconds=3.0, leak_calls=160)


@pytest.fixture(scope="session")
def projects(tmp_path_factory):
    """Kind → folder of a project with trained weights, as ``segue new`` writes it."""
    root = tmp_path_factory.mktemp("projects")
    for kind, name in NAMES.items():
        done = CliRunner().invoke(new.app, [kind, name, "--out", str(root / kind)], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        assert f"pip install -e '{root / kind}[dev]'" in done.stdout
        assert f"segue conform {name}" in done.stdout
    return {kind: root / kind for kind in NAMES}


@pytest.fixture(scope="session")
def kit_site(tmp_path_factory, projects):
    """Install them all by pip into a folder of their own, and see them here too."""
    target = tmp_path_factory.mktemp("kit-site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--target", target, *PLUGINS.iterdir(), *projects.values()], check=True, timeout=120)
    sys.path.insert(0, str(target))
    yield target
    sys.path.remove(str(target))


@pytest.fixture(scope="session")
def kit_server(tmp_path_factory, kit_site):
    """The server; it loads these plugins alone."""
    names = ["bad", "bad_heavy", *NAMES.values()]
    wanted = "[" + ", ".join(f'"{name}"' for name in names) + "]"
    running = Server(tmp_path_factory.mktemp("kit-server"), kit_site, SEGUE_PLUGINS=wanted).start()
    yield running
    running.stop()


@pytest.fixture
def look_at(kit_server):
    """Return the subject of an algorithm on that server."""
    return lambda name: connected(name, kit_server.address, pid=kit_server.process.pid, bounds=BOUNDS)
