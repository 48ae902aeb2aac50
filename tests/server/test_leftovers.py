"""What tritonservers that were killed leave in the folder of temporary files."""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from segue.server import leftovers


@pytest.fixture
def left(tmp_path, monkeypatch):
    """Folders as tritonservers leave them; nobody else's processes and files are looked at."""
    monkeypatch.setattr(leftovers, "ENVIRONMENTS", tmp_path)
    (tmp_path / "python_env_empty").mkdir()
    (tmp_path / "python_env_used").mkdir()
    (tmp_path / "python_env_used" / "file").touch()
    (tmp_path / "python_env_link").symlink_to(tmp_path / "python_env_used")
    return lambda: sorted(path.name for path in tmp_path.glob("python_env_*"))


@pytest.fixture
def no_tritonserver(monkeypatch):
    """Hide the tritonservers of whoever works on this machine."""
    glob = Path.glob

    def without(self, pattern):
        return (path for path in glob(self, pattern) if self != Path("/proc") or not is_tritonserver(path))

    def is_tritonserver(path):
        with contextlib.suppress(OSError):  # it ended just now
            return path.read_text() == "tritonserver\n"

    monkeypatch.setattr(Path, "glob", without)


@pytest.mark.usefixtures("no_tritonserver")
def test_empty_folders_go(left):
    leftovers._sweep_environments()
    assert left() == ["python_env_link", "python_env_used"]


def test_they_stay_while_a_tritonserver_runs(left, tmp_path):
    program = tmp_path / "tritonserver"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "60"]) as process:
        while Path(f"/proc/{process.pid}/comm").read_text() != "tritonserver\n":
            time.sleep(0.01)
        leftovers._sweep_environments()
        assert "python_env_empty" in left()
        process.kill()
