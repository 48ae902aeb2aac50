"""The house stands as it is drawn: four portions of one namespace package, one way of dependencies."""

import hashlib
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


def shipped_files():
    return [path for path in tracked() if "weights" in path.parts and path.is_file()]


def test_weights_are_small_enough_for_git():
    weights = [path for path in shipped_files() if not path.is_symlink()]
    versions = {}
    for path in weights:
        versions[path.parent] = versions.get(path.parent, 0) + path.stat().st_size
    assert all(size <= 12e6 for size in versions.values()), versions
    assert sum(versions.values()) <= 80e6


def test_what_two_versions_share_ships_once():
    plain = [path for path in shipped_files() if not path.is_symlink() and path.stat().st_size > 50_000]
    once = {}
    for path in plain:
        once.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), []).append(path.relative_to(ROOT))
    assert [paths for paths in once.values() if len(paths) > 1] == []


def test_a_link_of_weights_names_a_plain_file_of_another_version():
    links = [path for path in shipped_files() if path.is_symlink()]
    assert links
    for link in links:
        target = link.parent / link.readlink()
        assert not link.readlink().is_absolute()
        assert not target.is_symlink()
        assert target.resolve() in shipped_files(), f"{link} leads out of what is tracked"
