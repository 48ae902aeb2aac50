"""One real server for all tests that do not break it, with the test plugins installed beside the shipped ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from .server import Server

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Install the plugins of this folder, good and bad, by pip into a folder of their own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--target", target, *sorted(PLUGINS.iterdir())], check=True, timeout=120)
    return target


@pytest.fixture(scope="session")
def server(tmp_path_factory, site):
    """The server."""
    running = Server(tmp_path_factory.mktemp("server"), site).start()
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path, site):
    """Start a server that the test may break."""
    started = []

    def make(*arguments, **environment):
        started.append(Server(tmp_path / str(len(started)), site, *arguments, **environment))
        started[-1].folder.mkdir()
        return started[-1].start()

    yield make
    for running in started:
        if running.process is not None:
            running.stop()
