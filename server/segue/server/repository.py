"""Writes the Triton model repository that serves what the model store holds.

REPOSITORY/MODEL/config.pbtxt          generated from the ModelSpec, serving one version
REPOSITORY/MODEL/VERSION/model.py      two lines, for the Python backend
REPOSITORY/MODEL/VERSION/...           the version's files: links here, copies for an export
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Final, Literal

from segue.plugin_api.model_spec import ModelSpec
from segue.plugin_api.store import ModelStore

_MODEL_PY: Final = """import os
import sys

sys.path += [path for path in os.environ.get("SEGUE_PYTHON_PATH", "").split(os.pathsep) if path not in sys.path]

from segue.plugin_api.triton_entry import bind

TritonPythonModel = bind("{implementation}")
"""


def write_model(
    repository: Path, spec: ModelSpec, store: ModelStore, *, device: Literal["cpu", "gpu"] = "cpu", copy: bool = False
) -> int:
    """Write one model's entry for the version that serves, and return that version.

    A version's folder is never changed once Triton may read it: versions are added beside it, and the configuration
    says which one serves.

    Parameters
    ----------
    repository
        Folder of the model repository.
    spec, store
        The model and where its versions are.
    device
        Where instances are placed.
    copy
        Copy the files instead of linking them, for a repository that travels.
    """
    version = store.serving(spec)
    source = store.path(spec, version)
    target = repository / spec.name / str(version)
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        link = target / path.name
        if copy:
            shutil.copytree(path, link, dirs_exist_ok=True) if path.is_dir() else shutil.copyfile(path, link)
        else:
            with contextlib.suppress(FileExistsError):  # made before, or just now by another gateway process
                link.symlink_to(path.resolve())
    if spec.backend == "python":
        _write(target / "model.py", _MODEL_PY.format(implementation=spec.implementation))
    _write(repository / spec.name / "config.pbtxt", spec.to_pbtxt(version, device=device))
    return version


def _write(path: Path, text: str) -> None:
    """Write a file in one move, and only if its text is new: Triton reloads a model whose files were touched."""
    if not path.is_file() or path.read_text() != text:
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(text)
        aside.replace(path)
