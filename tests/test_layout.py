"""The house stands as it is drawn: four portions of one namespace package, one way of dependencies."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked():
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listing.stdout.splitlines()]


def test_nothing_hides_the_other_portions_of_the_namespace():
    assert not list(ROOT.glob("*/segue/__init__.py"))
    assert not list(ROOT.glob("plugins/segue/plugins/__init__.py"))


def test_every_portion_is_typed():
    kit = ("plugins/segue/conformance", "plugins/segue/scaffold")
    algorithms = ("plugins/segue/plugin_api", "plugins/segue/plugins", "plugins/segue/music")
    for portion in ("server/segue/server", "clients/segue/client", *algorithms, *kit):
        assert (ROOT / portion / "py.typed").is_file()


def test_weights_are_small_enough_for_git():
    weights = [path for path in tracked() if "weights" in path.parts and path.is_file() and not path.is_symlink()]
    versions = {}
    for path in weights:
        versions[path.parent] = versions.get(path.parent, 0) + path.stat().st_size
    assert all(size <= 12e6 for size in versions.values()), versions
    assert sum(versions.values()) <= 80e6
