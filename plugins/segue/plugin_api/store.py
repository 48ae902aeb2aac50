"""The model store: every version of every model, and which one serves.

    STORE/MODEL/VERSION/...        what the trainer wrote: weights, ``card.json``
    STORE/MODEL/serving.json       {"serving": 2, "previous": 1}

A plugin ships its first version inside itself (``ModelSpec.shipped``); the store shows both, and writes only its own.
Version folders are written aside and renamed into place, so a reader never sees half of one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segue.plugin_api.errors import FailedPrecondition, NotFound
from segue.plugin_api.model_spec import ModelSpec

CARD = "card.json"


class ModelStore:
    """Versions on disk.

    Parameters
    ----------
    root
        Folder of the store; made when the first version is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self, spec: ModelSpec) -> dict[int, Path]:
        """Return version → folder, ascending; the store's own hides a shipped one of the same number."""
        found: dict[int, Path] = {}
        for parent in (spec.shipped, self.root / spec.name):
            if parent is not None and parent.is_dir():
                found |= {int(p.name): p for p in parent.iterdir() if p.name.isdigit() and p.is_dir()}
        if not found and not spec.trained:
            found[1] = self.root / spec.name / "1"
            found[1].mkdir(parents=True, exist_ok=True)
        return dict(sorted(found.items()))

    def serving(self, spec: ModelSpec) -> int:
        """Return the version that serves: the promoted one, else the highest shipped, else the first that was trained.

        Raises
        ------
        NotFound
            If there is no version at all.
        FailedPrecondition
            If the file that says so can't be read.
        """
        versions = self.versions(spec)
        if not versions:
            raise NotFound(f"model {spec.name} has no version in {self.root}: train it with 'segue train'")
        promoted = self._state(spec).get("serving")
        if promoted in versions:
            return int(promoted)
        shipped = [version for version, path in versions.items() if path.parent == spec.shipped]
        return max(shipped) if shipped else min(versions)

    def path(self, spec: ModelSpec, version: int) -> Path:
        """Return the folder of a version.

        Raises
        ------
        NotFound
            If there is no such version.
        """
        versions = self.versions(spec)
        if version not in versions:
            raise NotFound(f"model {spec.name} has no version {version}; it has {list(versions) or 'none'}")
        return versions[version]

    def promote(self, spec: ModelSpec, version: int) -> None:
        """Make a version the one that serves.

        Raises
        ------
        NotFound
            If there is no such version.
        FailedPrecondition
            If the store can't be written.
        """
        self.path(spec, version)
        before = self.serving(spec)
        if before != version:
            self._write_state(spec, {"serving": version, "previous": before})

    def roll_back(self, spec: ModelSpec) -> int:
        """Go back to the version that served before, and return it.

        Raises
        ------
        FailedPrecondition
            If nothing was promoted before.
        """
        previous = self._state(spec).get("previous")
        if previous not in self.versions(spec):
            raise FailedPrecondition(f"model {spec.name} has no earlier version to go back to")
        self.promote(spec, int(previous))
        return int(previous)

    def card(self, spec: ModelSpec, version: int) -> dict[str, Any]:
        """Return the model card of a version; empty if it has none.

        Raises
        ------
        FailedPrecondition
            If it can't be read.
        """
        return _read(self.path(spec, version) / CARD, f"of version {version} of model {spec.name}")

    def digest(self, spec: ModelSpec, version: int) -> str:
        """Return the SHA-256, in hex, over names and bytes of a version's files."""
        return digest_folder(self.path(spec, version))

    @contextmanager
    def new_version(self, spec: ModelSpec) -> Iterator[Path]:
        """Give a folder to write the next version into; it appears in the store when the block ends without error."""
        parent = self.root / spec.name
        parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=parent))
        try:
            yield aside
            aside.chmod(0o755)
            while True:
                target = parent / str(max(self.versions(spec), default=0) + 1)
                try:
                    aside.rename(target)
                    break
                except OSError:
                    if not target.exists():
                        raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _state(self, spec: ModelSpec) -> dict[str, Any]:
        return _read(self.root / spec.name / "serving.json", f"of model {spec.name}")

    def _write_state(self, spec: ModelSpec, state: dict[str, int]) -> None:
        path = self.root / spec.name / "serving.json"
        aside = path.with_name(f".serving-{secrets.token_hex(4)}.json")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                aside.write_text(json.dumps(state))
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise FailedPrecondition(f"{path.name} of model {spec.name} can't be written: {error.strerror}") from error


def _read(path: Path, whose: str) -> dict[str, Any]:
    """Read a file that holds a JSON object; one that is not there holds nothing."""
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise FailedPrecondition(f"{path.name} {whose} can't be read: {error}") from error


def digest_folder(folder: Path) -> str:
    """Return the SHA-256, in hex, over the names and bytes of all files below a folder, or of one file."""
    total = hashlib.sha256()
    files = [folder] if folder.is_file() else folder.rglob("*")
    for path in sorted(p for p in files if p.is_file() and "__pycache__" not in p.parts):
        total.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()
