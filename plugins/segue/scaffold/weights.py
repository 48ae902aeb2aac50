"""Makes the weights that a new project ships: its example data, its own ``segue train``, its model card.

Nothing is installed for it: a ``.dist-info`` folder beside the project is all that an entry point is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from segue.plugin_api import ENTRY_POINT_GROUP
from segue.plugin_api.errors import FailedPrecondition
from segue.scaffold.project import package_of

_WRITE_AND_TRAIN: Final = """import sys
from pathlib import Path
from {package}.example_data import write
from segue.client.cli import main

write(Path(sys.argv[sys.argv.index("--data") + 1]))
main()"""
_LONGEST_SECONDS: Final = 300.0


def train_shipped(name: str, folder: Path) -> Path:
    """Train a project on its example data and keep the version inside the project, as the one that it ships.

    Parameters
    ----------
    name
        Name of the algorithm.
    folder
        The project.

    Returns
    -------
    Path
        Folder of the version.

    Raises
    ------
    FailedPrecondition
        If a step fails; the text is what it said.
    """
    package = package_of(name)
    with tempfile.TemporaryDirectory(prefix="segue-new-") as scratch:
        site, data, store = (Path(scratch) / part for part in ("site", "data", "store"))
        info = site / f"{package}-0.1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{name} = {package}.plugin\n")
        paths = [str(folder.resolve()), str(site), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        code = _WRITE_AND_TRAIN.format(package=package)
        _run(["-c", code, "train", name, "--data", str(data), "--out", str(store), "--seed", "0"], environment)
        target = folder / package / "weights" / name / "1"
        shutil.copytree(store / name / "1", target)
    return target


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST_SECONDS,
        check=False,
    )
    if result.returncode:
        last = (result.stderr or result.stdout).strip().splitlines()[-3:]
        raise FailedPrecondition(f"the new project's model could not be trained: {' '.join(last) or 'no reason given'}")
